{{/* Names. 35 characters leave room for the longest suffix, `-migrate-analytics-<hash>` of a pod of a Job. */}}
{{- define "itsm.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 35 | trimSuffix "-" -}}
{{- end -}}

{{- define "itsm.fullname" -}}
{{- $name := include "itsm.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 35 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 35 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 35 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What selects pods never changes: name, instance, component. */}}
{{- define "itsm.selector" -}}
app.kubernetes.io/name: {{ include "itsm.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{/* Labels of an object; {root, component}. */}}
{{- define "itsm.labels" -}}
{{- $own := include "itsm.selector" . | fromYaml -}}
{{- $_ := set $own "app.kubernetes.io/part-of" "itsm" -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" .root.Release.Service -}}
{{- $_ := set $own "app.kubernetes.io/version" (.root.Chart.AppVersion | toString) -}}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .root.Chart.Name (.root.Chart.Version | replace "+" "_")) -}}
{{- toYaml (mergeOverwrite (deepCopy .root.Values.commonLabels) $own) -}}
{{- end -}}

{{/* The head of an object; {root, component, name, annotations}. */}}
{{- define "itsm.metadata" -}}
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "itsm.labels" . | nindent 4 }}
  {{- with mergeOverwrite (deepCopy .root.Values.commonAnnotations) (default (dict) .annotations) }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* Fills `into` with the merged values of each component that is enabled, by name; {root, into}. */}}
{{- define "itsm.collect" -}}
{{- $given := mergeOverwrite (deepCopy .root.Values.services) (dict "gateway" (deepCopy .root.Values.gateway)) -}}
{{- range $name, $values := $given -}}
{{- $merged := mergeOverwrite (deepCopy $.root.Values.serviceDefaults) (default (dict) $values) -}}
{{- if $merged.enabled -}}
{{- $_ := set $merged "account" (default (printf "%s-%s" (include "itsm.fullname" $.root) $name) $merged.serviceAccount.name) -}}
{{- $_ := set $merged "count" (ternary (int $merged.autoscaling.minReplicas) (int $merged.replicas) $merged.autoscaling.enabled) -}}
{{- $_ := set $.into $name $merged -}}
{{- end -}}
{{- end -}}
{{- /* Here, because every template asks for the components, in an order that helm chooses. */ -}}
{{- range list "auth" "gateway" -}}
{{- if not (hasKey $.into .) -}}
{{- fail (printf "%s cannot be left out: all others need it" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The image of a component; {root, component, image}. What is said of the one component wins over what is said of all. */}}
{{- define "itsm.image" -}}
{{- $all := .root.Values.image -}}
{{- $own := default (dict) .image -}}
{{- $registry := coalesce .root.Values.global.imageRegistry $own.registry $all.registry -}}
{{- $path := default (printf "%s/%s" $all.repository .component) $own.repository -}}
{{- $digest := coalesce $own.digest (ternary "" $all.digest (not (empty $own.tag))) -}}
{{- $tag := coalesce $own.tag $all.tag (.root.Chart.AppVersion | toString) -}}
{{- with $registry }}{{ trimSuffix "/" . }}/{{ end }}{{ $path }}{{ if $digest }}@{{ $digest }}{{ else }}:{{ $tag }}{{ end -}}
{{- end -}}

{{- define "itsm.pullSecrets" -}}
{{- with .Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ if kindIs "string" . }}{{ . }}{{ else }}{{ .name }}{{ end }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* The address of a component for gRPC clients. */}}
{{- define "itsm.target" -}}
dns:///{{ include "itsm.fullname" .root }}-{{ .component }}-headless.{{ .root.Release.Namespace }}.svc.{{ .root.Values.clusterDomain }}:50051
{{- end -}}

{{- define "itsm.installation" -}}
{{- default (include "itsm.fullname" .) .Values.events.installation -}}
{{- end -}}

{{/* Where the realm is: its issuer, its address inside, Keycloak's address for provisioning. */}}
{{- define "itsm.issuer" -}}
{{- if .Values.oidc.issuer -}}
{{- .Values.oidc.issuer -}}
{{- else if .Values.backing.enabled -}}
{{- printf "%s/realms/%s" (trimSuffix "/" .Values.backing.keycloak.publicUrl) .Values.oidc.realmImport.realm -}}
{{- else -}}
{{- fail "oidc.issuer is needed where backing is not enabled: the issuer of the realm, as in its tokens" -}}
{{- end -}}
{{- end -}}

{{- define "itsm.keycloak" -}}
{{- if .Values.oidc.realmImport.url -}}
{{- .Values.oidc.realmImport.url -}}
{{- else if .Values.backing.enabled -}}
http://{{ .Release.Name }}-keycloak:8080
{{- else -}}
{{- fail "oidc.realmImport.url is needed where the realm is imported and backing is not enabled" -}}
{{- end -}}
{{- end -}}

{{- define "itsm.realmInside" -}}
{{- if .Values.oidc.internalUrl -}}
{{- .Values.oidc.internalUrl -}}
{{- else if and .Values.backing.enabled (not .Values.oidc.issuer) -}}
{{- printf "%s/realms/%s" (include "itsm.keycloak" .) .Values.oidc.realmImport.realm -}}
{{- end -}}
{{- end -}}

{{- define "itsm.brokers" -}}
{{- if .Values.kafka.bootstrapServers -}}
{{- .Values.kafka.bootstrapServers -}}
{{- else if .Values.backing.enabled -}}
{{ .Release.Name }}-kafka:9092
{{- else -}}
{{- fail "kafka.bootstrapServers is needed where backing is not enabled: host:port of the brokers" -}}
{{- end -}}
{{- end -}}

{{- define "itsm.ownKafka" -}}
{{- if .Values.kafka.bootstrapServers }}yes{{ end -}}
{{- end -}}

{{- define "itsm.kafkaProtocol" -}}
{{- default (ternary "SASL_SSL" "SASL_PLAINTEXT" (eq (include "itsm.ownKafka" .) "yes")) .Values.kafka.protocol -}}
{{- end -}}

{{/* Whether the evaluation's habit applies to a setting that may be null; {root, given}. */}}
{{- define "itsm.evaluating" -}}
{{- if kindIs "bool" .given -}}
{{- if .given }}yes{{ end -}}
{{- else if eq .root.Values.profile "evaluation" -}}
yes
{{- end -}}
{{- end -}}

{{/* Whether there are demonstration users: their passwords and tokens are of backing's making. */}}
{{- define "itsm.demo" -}}
{{- $wanted := eq (include "itsm.evaluating" (dict "root" . "given" .Values.oidc.realmImport.demoUsers)) "yes" -}}
{{- if and .Values.oidc.realmImport.demoUsers (not .Values.backing.enabled) -}}
{{- fail "oidc.realmImport.demoUsers needs backing.enabled: their passwords are made there" -}}
{{- end -}}
{{- if and $wanted .Values.backing.enabled }}yes{{ end -}}
{{- end -}}

{{/* A Secret's name: the given one, else that of backing, else a failure that names the missing value; {root, given, backing, value}. */}}
{{- define "itsm.secretName" -}}
{{- if .given -}}
{{- .given -}}
{{- else if .root.Values.backing.enabled -}}
{{- printf "%s-%s" .root.Release.Name .backing -}}
{{- else -}}
{{- fail (printf "%s is needed where backing is not enabled: the name of a Secret" .value) -}}
{{- end -}}
{{- end -}}
