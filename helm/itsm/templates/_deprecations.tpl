{{/*
Values that were removed or renamed: each fails with where to look. One line a value:
  {{- if hasKey .Values "old" }}{{ fail "`old` is now `new`: see UPGRADING.md, 2.0" }}{{ end -}}
Until the first major release there is none.
*/}}
{{- define "itsm.deprecated" -}}
{{- end -}}
