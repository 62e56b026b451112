{{/* The services of the platform, each with a database and users of its own. */}}
{{- define "backing.services" -}}
asset incident monitor auth analytics gateway
{{- end }}

{{/* Labels of every object. Call with (dict "root" $ "component" "mongod"). */}}
{{- define "backing.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: itsm
{{ include "backing.selector" . }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What selectors look at; it never changes. */}}
{{- define "backing.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* Metadata of an object: (dict "root" $ "component" "mongod" "name" "…"). */}}
{{- define "backing.metadata" -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "backing.labels" . | nindent 2 }}
{{- with .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Image of a component: (dict "root" $ "component" "mongod"). The global registry wins; what is said of the one wins over what is said of all. */}}
{{- define "backing.image" -}}
{{- $values := .root.Values }}
{{- $own := (index $values .component).image | default dict }}
{{- $registry := $values.global.imageRegistry | default ($own.registry | default $values.image.registry) }}
{{- $path := $own.repository | default (printf "%s/%s" $values.image.repository .component) }}
{{- $digest := $own.digest | default (empty $own.tag | ternary $values.image.digest "") }}
{{- $tag := $own.tag | default ($values.image.tag | default .root.Chart.AppVersion) }}
{{- with $registry }}{{ . }}/{{ end }}{{ $path }}{{ if $digest }}@{{ $digest }}{{ else }}:{{ $tag }}{{ end }}
{{- end }}

{{/* What every pod says of itself: (dict "root" $ "account" "…"). */}}
{{- define "backing.pod" -}}
serviceAccountName: {{ .account }}
automountServiceAccountToken: {{ .token | default false }}
enableServiceLinks: false
{{- with .root.Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ if kindIs "string" . }}{{ . }}{{ else }}{{ .name }}{{ end }}
  {{- end }}
{{- end }}
securityContext:
  {{- toYaml .root.Values.podSecurityContext | nindent 2 }}
{{- with .root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{/* Who reads mounted secrets: the group of the pod, or, where values set none, whoever the platform has the container run as. */}}
{{- define "backing.mode" -}}
{{ ternary "0440" "0444" (not (empty .Values.podSecurityContext.fsGroup)) }}
{{- end }}

{{/* What every container says of itself: (dict "root" $ "component" "mongod" "resources" …). */}}
{{- define "backing.container" -}}
image: {{ include "backing.image" . | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities: {drop: [ALL]}
resources:
  {{- toYaml .resources | nindent 2 }}
{{- end }}

{{/* host:port by which the one member of the replica set is known, to itself as well. */}}
{{- define "backing.mongoHost" -}}
{{ .Release.Name }}-mongod-0.{{ .Release.Name }}-mongod.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}:27017
{{- end }}

{{/* Host by which clients know the broker. */}}
{{- define "backing.kafkaHost" -}}
{{ .Release.Name }}-kafka-0.{{ .Release.Name }}-kafka.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}
{{- end }}

{{/* A claim for the data: (dict "root" $ "values" $.Values.mongod). */}}
{{- define "backing.claim" -}}
- metadata:
    name: data
    labels:
      {{- include "backing.selector" . | nindent 6 }}
  spec:
    accessModes: [ReadWriteOnce]
    {{- with .values.storageClass | default .root.Values.global.storageClass }}
    storageClassName: {{ . | quote }}
    {{- end }}
    resources:
      requests:
        storage: {{ .values.storage }}
{{- end }}

{{/*
A Job that is made anew when what it does has changed, because a Job cannot be changed:
(dict "root" $ "component" "mongo-users" "name" "<release>-mongo-users" "template" "<name of the template of its pod>").
*/}}
{{- define "backing.job" -}}
{{- $pod := include .template .root }}
{{- $labels := include "backing.labels" . }}
{{- $name := printf "%s-%s" .name (printf "%s\n%s" $labels $pod | sha256sum | trunc 8) }}
{{- if gt (len $name) 63 }}
{{- fail (printf "the release's name %s is too long for backing: choose one of at most 38 characters" .root.Release.Name) }}
{{- end }}
apiVersion: batch/v1
kind: Job
metadata:
  {{- include "backing.metadata" (dict "root" .root "component" .component "name" $name) | nindent 2 }}
spec:
  backoffLimit: {{ .root.Values.jobs.backoffLimit }}
  ttlSecondsAfterFinished: {{ .root.Values.jobs.ttlSecondsAfterFinished }}
  template:
    metadata:
      labels:
        {{- $labels | nindent 8 }}
    spec:
      {{- $pod | nindent 6 }}
{{- end }}
