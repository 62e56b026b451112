{{/*
Environment as a dictionary first, so that no name comes twice: what the chart sets, then `settings`, then `extraEnv`.
Everything takes {root, component, values}.
*/}}

{{/* What every process of ours has, Jobs too. */}}
{{- define "itsm.env.base" -}}
HOME: /tmp
PYTHONDONTWRITEBYTECODE: "1"
ITSM_ENVIRONMENT: production
ITSM_INSTALLATION: {{ include "itsm.installation" .root }}
ITSM_SECRETS_DIR: /etc/itsm/secrets
ITSM_MIGRATIONS: external
ITSM_MONGO_DRIVER: {{ .root.Values.mongodb.driver }}
ITSM_LOG_LEVEL: {{ .root.Values.logging.level }}
ITSM_LOG_FORMAT: {{ .root.Values.logging.format }}
{{- if .root.Values.tls.ca.existingSecret }}
ITSM_CA_FILE: /etc/itsm/ca/{{ .root.Values.tls.ca.key }}
{{- end }}
{{- end -}}

{{- define "itsm.env.kafka" -}}
ITSM_KAFKA_BOOTSTRAP: {{ include "itsm.brokers" .root | quote }}
ITSM_KAFKA_PROTOCOL: {{ include "itsm.kafkaProtocol" .root }}
ITSM_KAFKA_MECHANISM: {{ .root.Values.kafka.mechanism }}
{{- if .root.Values.kafka.caKey }}
ITSM_KAFKA_CA_FILE: /etc/itsm/kafka/ca.crt
{{- end }}
{{- end -}}

{{- define "itsm.env.serving" -}}
{{- $full := include "itsm.fullname" .root -}}
ITSM_EPOCH: {{ .root.Values.events.epoch | int | quote }}
ITSM_LISTEN: {{ ternary ":8080" ":50051" (eq .component "gateway") | quote }}
ITSM_MANAGEMENT_LISTEN: ":8081"
ITSM_DRAIN_SECONDS: {{ .values.lifecycle.drainSeconds | toString | quote }}
ITSM_STOP_GRACE_SECONDS: {{ .values.lifecycle.stopGraceSeconds | toString | quote }}
ITSM_OIDC_ISSUER: {{ include "itsm.issuer" .root | quote }}
{{- with include "itsm.realmInside" .root }}
ITSM_OIDC_INTERNAL_URL: {{ . | quote }}
{{- end }}
ITSM_TOKEN_ISSUER_JWKS: http://{{ $full }}-auth:8081/jwks.json
ITSM_CLIENT_ID: itsm-{{ .component }}
{{- $all := dict }}
{{- include "itsm.collect" (dict "root" .root "into" $all) }}
{{- range $peer := default (list) (get .root.Values.networkPolicy.peers .component) }}
{{- if hasKey $all $peer }}
ITSM_{{ upper $peer }}_TARGET: {{ include "itsm.target" (dict "root" $.root "component" $peer) }}
{{- end }}
{{- end }}
{{- if eq .component "analytics" }}
ITSM_SEARCH_PATH: /var/lib/itsm/search
{{- end }}
{{- if eq .component "gateway" }}
ITSM_GRPC_LISTEN: ":50051"
ITSM_PUBLIC_URL: {{ .root.Values.gateway.publicUrl | quote }}
ITSM_CONSOLE_CLIENT_ID: {{ .root.Values.console.clientId }}
{{- /* Each allows its part of the limits; as many as there may be, so that together they never allow more. */}}
ITSM_RATE_REPLICAS: {{ ternary .values.autoscaling.maxReplicas .values.replicas .values.autoscaling.enabled | int | max 1 | quote }}
{{- with .root.Values.gateway.trustedProxies }}
ITSM_TRUSTED_PROXIES: {{ join "," . | quote }}
{{- end }}
{{- with .root.Values.gateway.mail }}
{{- if .smtpUrl }}
ITSM_SMTP_URL: {{ .smtpUrl | quote }}
ITSM_SMTP_USERNAME: {{ .username | quote }}
{{- end }}
{{- if or .smtpUrl .from }}
ITSM_MAIL_FROM: {{ required "gateway.mail.from is needed where gateway.mail.smtpUrl is set" .from | quote }}
{{- end }}
{{- with .domains }}
{{- $given := list }}
{{- range $tenant, $names := . }}
{{- $given = append $given (printf "%s=%s" $tenant (join "," $names)) }}
{{- end }}
ITSM_MAIL_DOMAINS: {{ join ";" $given | quote }}
{{- end }}
{{- with .authservIds }}
ITSM_MAIL_AUTHSERV_IDS: {{ join "," . | quote }}
{{- end }}
{{- if .receives }}
ITSM_MAIL_LISTEN: ":2525"
ITSM_MAIL_PROTOCOL: {{ .receives }}
{{- end }}
{{- end }}
{{- with .root.Values.gateway.notices.locale }}
ITSM_NOTICE_LOCALE: {{ . | quote }}
{{- end }}
{{- with .root.Values.gateway.notices.name }}
ITSM_NOTICE_NAME: {{ . | quote }}
{{- end }}
{{- with .root.Values.gateway.notices.answerLinks }}
ITSM_ANSWER_LINKS: {{ . | quote }}
{{- end }}
{{- with .root.Values.gateway.notices.pushContact }}
ITSM_PUSH_CONTACT: {{ . | quote }}
{{- end }}
{{- end }}
{{- if eq .component "incident" }}
{{- with .root.Values.attachments }}
{{- /* Numbers of a values file are floats, and large ones would be written with an exponent. */}}
ITSM_ATTACHMENT_LARGEST: {{ .largestBytes | int64 | quote }}
ITSM_ATTACHMENTS_MOST: {{ .most | int64 | quote }}
ITSM_ATTACHMENTS_QUOTA: {{ .quotaBytes | int64 | quote }}
{{- end }}
{{- end }}
{{- if eq .component "monitor" }}
ITSM_INGEST_LISTEN: ":8080"
ITSM_OTLP_LISTEN: "[::]:4317"
{{- end }}
{{- if .root.Values.tls.internal.enabled }}
ITSM_TLS_FOLDER: /etc/itsm/tls
ITSM_TLS_REQUIRE_CLIENTS: {{ eq .root.Values.tls.internal.clientAuth "require" | toString | quote }}
ITSM_TLS_CLIENTS: {{ include "itsm.tls.clients" . | quote }}
{{- end }}
{{- end -}}

{{/* Spans: where to, how many, and what the platform knows of the pod. */}}
{{- define "itsm.env.telemetry" -}}
{{- with .root.Values.telemetry }}
{{- if .enabled }}
ITSM_OTLP_ENDPOINT: {{ required "telemetry.otlpEndpoint is needed where telemetry is enabled" .otlpEndpoint | quote }}
ITSM_TRACE_RATIO: {{ .ratio | toString | quote }}
{{- if .headersSecret }}
OTEL_EXPORTER_OTLP_HEADERS: {valueFrom: {secretKeyRef: {name: {{ .headersSecret }}, key: headers}}}
{{- end }}
K8S_NODE: {valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
K8S_POD: {valueFrom: {fieldRef: {fieldPath: metadata.name}}}
K8S_UID: {valueFrom: {fieldRef: {fieldPath: metadata.uid}}}
{{- $attributes := list "service.instance.id=$(K8S_UID)" "k8s.pod.name=$(K8S_POD)" "k8s.pod.uid=$(K8S_UID)" "k8s.node.name=$(K8S_NODE)" (printf "k8s.namespace.name=%s" $.root.Release.Namespace) }}
{{- range $name, $value := .resourceAttributes }}
{{- $attributes = append $attributes (printf "%s=%s" $name (toString $value)) }}
{{- end }}
OTEL_RESOURCE_ATTRIBUTES: {{ join "," $attributes | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{/* A list of environment variables out of a dictionary; {env, values}. */}}
{{- define "itsm.env.list" -}}
{{- $env := .env -}}
{{- range $name, $value := (default (dict) .values.settings) -}}
{{- $_ := set $env $name (toString $value) -}}
{{- end -}}
{{- range (default (list) .values.extraEnv) -}}
{{- $_ := set $env .name (omit . "name") -}}
{{- end -}}
{{- range $name, $value := $env }}
- name: {{ $name }}
  {{- if kindIs "map" $value }}
  {{- toYaml $value | nindent 2 }}
  {{- else }}
  value: {{ $value | toString | quote }}
  {{- end }}
{{- end }}
{{- end -}}
