{{/*
Secrets reach a process as files of one folder, named like its settings; each pod is given its own keys alone.
These are items of `sources` of a projected volume; all take {root, component, values}.
*/}}

{{- define "itsm.secret" -}}
- secret:
    name: {{ .name }}
    items:
      {{- range $path, $key := .items }}
      - {key: {{ $key }}, path: {{ $path }}}
      {{- end }}
{{- end -}}

{{- define "itsm.secret.mongo" -}}
{{- $values := .root.Values -}}
{{- $own := .values.mongodb.existingSecret -}}
{{- $shared := and (not $own) $values.mongodb.existingSecret -}}
{{- $value := printf "mongodb.existingSecret (or %s.mongodb.existingSecret)" (ternary .component (printf "services.%s" .component) (eq .component "gateway")) -}}
{{- $given := coalesce $own $values.mongodb.existingSecret -}}
{{- $name := include "itsm.secretName" (dict "root" .root "given" $given "backing" (printf "mongodb-%s" .component) "value" $value) -}}
{{- $key := ternary (printf "%s-uri" .component) "uri" (not (empty $shared)) -}}
{{- if .migrating -}}
{{- if $values.mongodb.migrationKey -}}
{{- $key = ternary (printf "%s-%s" .component $values.mongodb.migrationKey) $values.mongodb.migrationKey (not (empty $shared)) -}}
{{- else if not $given -}}
{{- $key = "migration-uri" -}}
{{- end -}}
{{- end -}}
{{- include "itsm.secret" (dict "name" $name "items" (dict "itsm_mongo_uri" $key)) -}}
{{- end -}}

{{- define "itsm.secret.kafka" -}}
{{- if hasPrefix "SASL" (include "itsm.kafkaProtocol" .root) -}}
{{- $given := coalesce .values.kafka.existingSecret .root.Values.kafka.existingSecret -}}
{{- $name := include "itsm.secretName" (dict "root" .root "given" $given "backing" (printf "kafka-%s" .component) "value" "kafka.existingSecret") -}}
{{- include "itsm.secret" (dict "name" $name "items" (dict "itsm_kafka_username" "username" "itsm_kafka_password" "password")) -}}
{{- end -}}
{{- end -}}

{{/* The name and key of a client's secret; {root, client}: `name` and `key` as YAML. */}}
{{- define "itsm.clientSecret" -}}
{{- $own := (get .root.Values.oidc.clients .client | default dict).existingSecret -}}
{{- $value := printf "oidc.clients.%s.existingSecret (or oidc.existingSecret)" .client -}}
{{- $given := coalesce $own .root.Values.oidc.existingSecret -}}
name: {{ include "itsm.secretName" (dict "root" .root "given" $given "backing" (printf "oidc-%s" .client) "value" $value) }}
key: {{ ternary .client "client-secret" (and (empty $own) (not (empty .root.Values.oidc.existingSecret))) }}
{{- end -}}

{{- define "itsm.secret.client" -}}
{{- $found := include "itsm.clientSecret" . | fromYaml -}}
{{- include "itsm.secret" (dict "name" $found.name "items" (dict .path $found.key)) -}}
{{- end -}}

{{- define "itsm.secret.pageToken" -}}
{{- $given := .root.Values.secrets.pageToken.existingSecret -}}
{{- $name := include "itsm.secretName" (dict "root" .root "given" $given "backing" "page-token" "value" "secrets.pageToken.existingSecret") -}}
{{- include "itsm.secret" (dict "name" $name "items" (dict "itsm_page_token_key" "page-token-key")) -}}
{{- end -}}

{{- define "itsm.secret.signing" -}}
{{- $given := .root.Values.secrets.signing.existingSecret -}}
{{- $name := include "itsm.secretName" (dict "root" .root "given" $given "backing" "signing" "value" "secrets.signing.existingSecret") -}}
{{- include "itsm.secret" (dict "name" $name "items" (dict "itsm_signing_secret" "signing-secret")) -}}
{{- end -}}

{{- define "itsm.secret.webhooks" -}}
{{- $given := .root.Values.secrets.webhooks.existingSecret -}}
{{- $name := include "itsm.secretName" (dict "root" .root "given" $given "backing" "webhooks" "value" "secrets.webhooks.existingSecret") -}}
{{- include "itsm.secret" (dict "name" $name "items" (dict "itsm_webhook_key" "webhook-key")) -}}
{{- end -}}

{{/* All that a serving component is given. */}}
{{- define "itsm.secrets.serving" -}}
{{ include "itsm.secret.mongo" . }}
{{ include "itsm.secret.kafka" . }}
{{ include "itsm.secret.client" (dict "root" .root "client" (printf "itsm-%s" .component) "path" "itsm_client_secret") }}
{{ include "itsm.secret.pageToken" . }}
{{- if eq .component "auth" }}
{{ include "itsm.secret.signing" . }}
{{- end }}
{{- if eq .component "gateway" }}
{{ include "itsm.secret.client" (dict "root" .root "client" .root.Values.console.clientId "path" "itsm_console_client_secret") }}
{{ include "itsm.secret.webhooks" . }}
{{- with .root.Values.gateway.mail.existingSecret }}
{{ include "itsm.secret" (dict "name" . "items" (dict "itsm_smtp_password" $.root.Values.gateway.mail.passwordKey)) }}
{{- end }}
{{- end }}
{{- end -}}
