{{/*
Values that were removed or renamed: each fails with where to look. The key stays in values.schema.json, as `"old": {}`, because
what the schema does not know it refuses before any template is asked, and without that word. One line a value:
  {{- if hasKey .Values "old" }}{{ fail "`old` is now `new`: see UPGRADING.md, 2.0" }}{{ end -}}
Until the first major release there is none.
*/}}
{{- define "itsm.deprecated" -}}
{{- end -}}
