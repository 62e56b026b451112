{{/* The identity of a component in its certificate. */}}
{{- define "itsm.tls.identity" -}}
spiffe://{{ include "itsm.installation" .root }}/ns/{{ .root.Release.Namespace }}/{{ .component }}
{{- end -}}

{{/* Whom a component answers: those that call it by `networkPolicy.peers`, itself, and who is named beside. */}}
{{- define "itsm.tls.clients" -}}
{{- $clients := list -}}
{{- if eq .root.Values.tls.internal.clientAuth "require" -}}
{{- range $client, $servers := .root.Values.networkPolicy.peers -}}
{{- if has $.component $servers -}}
{{- $clients = append $clients (include "itsm.tls.identity" (dict "root" $.root "component" $client)) -}}
{{- end -}}
{{- end -}}
{{- $clients = append $clients (include "itsm.tls.identity" .) -}}
{{- $clients = concat $clients .root.Values.tls.internal.allowedClients -}}
{{- end -}}
{{- join "," $clients -}}
{{- end -}}

{{- define "itsm.tls.secret" -}}
{{- if .root.Values.tls.internal.enabled }}{{ include "itsm.fullname" .root }}-{{ .component }}-tls{{ end -}}
{{- end -}}
