{{/* Who reads mounted secrets: the group of the pod, or, where values set none, whoever the platform has the container run as. */}}
{{- define "itsm.mode" -}}
{{ ternary "0440" "0444" (not (empty .Values.serviceDefaults.podSecurityContext.fsGroup)) }}
{{- end -}}

{{/* Volumes that every pod of ours has; {root, values, sources, tls}. */}}
{{- define "itsm.volumes" -}}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
- name: secrets
  projected:
    defaultMode: {{ include "itsm.mode" .root }}
    sources:
      {{- .sources | trim | nindent 6 }}
{{- with .root.Values.tls.ca.existingSecret }}
- name: ca
  secret: {secretName: {{ . }}, defaultMode: 0444}
{{- end }}
{{- if and .root.Values.kafka.caKey .kafka }}
- name: kafka-ca
  secret:
    secretName: {{ required "kafka.existingSecret is needed where kafka.caKey is set" .root.Values.kafka.existingSecret }}
    defaultMode: 0444
    items: [{key: {{ .root.Values.kafka.caKey }}, path: ca.crt}]
{{- end }}
{{- with .tls }}
- name: tls
  secret: {secretName: {{ . }}, defaultMode: {{ include "itsm.mode" $.root }}}
{{- end }}
{{- if .search }}
- name: search
  emptyDir: {sizeLimit: {{ .root.Values.search.volumeSize }}}
{{- end }}
{{- with .values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "itsm.mounts" -}}
- {name: tmp, mountPath: /tmp}
- {name: secrets, mountPath: /etc/itsm/secrets, readOnly: true}
{{- if .root.Values.tls.ca.existingSecret }}
- {name: ca, mountPath: /etc/itsm/ca, readOnly: true}
{{- end }}
{{- if and .root.Values.kafka.caKey .kafka }}
- {name: kafka-ca, mountPath: /etc/itsm/kafka, readOnly: true}
{{- end }}
{{- if .tls }}
- {name: tls, mountPath: /etc/itsm/tls, readOnly: true}
{{- end }}
{{- if .search }}
- {name: search, mountPath: /var/lib/itsm/search}
{{- end }}
{{- with .values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* What all pods share in their spec, before containers; {root, values, account}. */}}
{{- define "itsm.podSpec" -}}
serviceAccountName: {{ .account }}
automountServiceAccountToken: false
enableServiceLinks: false
# Names with two dots are whole: without this each is tried under every search domain first, eight questions in place of two.
dnsConfig:
  options: [{name: ndots, value: "2"}]
{{- include "itsm.pullSecrets" .root }}
securityContext:
  {{- toYaml .values.podSecurityContext | nindent 2 }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The container that migrates, of a Job or before the service; {root, component, values}. */}}
{{- define "itsm.migrateContainer" -}}
- name: migrate
  image: {{ include "itsm.image" (dict "root" .root "component" .component "image" .values.image) }}
  imagePullPolicy: {{ .root.Values.image.pullPolicy }}
  args: [migrate]
  env:
    {{- include "itsm.env.list" (dict "env" (include "itsm.env.base" . | fromYaml) "values" .values) | trim | nindent 4 }}
  securityContext:
    {{- toYaml .values.containerSecurityContext | nindent 4 }}
  resources:
    {{- toYaml .root.Values.migrations.resources | nindent 4 }}
  volumeMounts:
    {{- include "itsm.mounts" (dict "root" .root "values" (dict) "kafka" false) | nindent 4 }}
{{- end -}}

{{- define "itsm.secrets.migrating" -}}
{{ include "itsm.secret.mongo" (mergeOverwrite (dict "migrating" true) .) }}
{{ include "itsm.secret.pageToken" . }}
{{- end -}}

{{/* A Job whose name follows from what it does: a spec cannot be changed in place; {root, component, name, spec, annotations, values}. */}}
{{- define "itsm.job" -}}
{{- $spec := printf "%s" (.spec | trim) -}}
apiVersion: batch/v1
kind: Job
{{ include "itsm.metadata" (dict "root" .root "component" .component "name" (printf "%s-%s-%s" (include "itsm.fullname" .root) .name (sha256sum $spec | trunc 8)) "annotations" .annotations) }}
spec:
  backoffLimit: {{ .root.Values.migrations.backoffLimit | int }}
  activeDeadlineSeconds: {{ .root.Values.migrations.activeDeadlineSeconds | int }}
  ttlSecondsAfterFinished: {{ .root.Values.migrations.ttlSecondsAfterFinished | int }}
  template:
    metadata:
      labels:
        {{- include "itsm.selector" . | nindent 8 }}
    spec:
      restartPolicy: OnFailure
      {{- $spec | nindent 6 }}
{{- end -}}
