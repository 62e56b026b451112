{{/* What the schema cannot say in words that help. */}}
{{- define "itsm.validate" -}}
{{- include "itsm.deprecated" . -}}
{{- if and (eq .Values.profile "production") .Values.backing.enabled -}}
{{- fail "backing.enabled must be false where profile is production: backing keeps one copy of everything, without backup" -}}
{{- end -}}
{{- if and (eq .Values.migrations.mode "hook") .Values.backing.enabled -}}
{{- fail "migrations.mode: hook needs databases that are there before the release: set backing.enabled: false, or leave migrations.mode: job" -}}
{{- end -}}
{{- if .Values.backing.enabled -}}
{{- if ne .Values.clusterDomain .Values.backing.clusterDomain -}}
{{- fail (printf "clusterDomain is %s and backing.clusterDomain is %s: set both to the cluster's domain" .Values.clusterDomain .Values.backing.clusterDomain) -}}
{{- end -}}
{{- if ne .Values.oidc.realmImport.tenant .Values.backing.tenant -}}
{{- fail (printf "oidc.realmImport.tenant is %s and backing.tenant is %s: set both, tokens of the demonstration users name it" .Values.oidc.realmImport.tenant .Values.backing.tenant) -}}
{{- end -}}
{{- if and (ne .Values.console.clientId "itsm-console") (not .Values.oidc.existingSecret) -}}
{{- fail (printf "console.clientId is %s, and backing makes the secret of itsm-console alone: set oidc.existingSecret, with a key per client" .Values.console.clientId) -}}
{{- end -}}
{{- if .Values.kafka.bootstrapServers -}}
{{- fail (printf "kafka.bootstrapServers is %s, and backing has a broker that nobody would use: brokers of your own need backing.enabled: false" .Values.kafka.bootstrapServers) -}}
{{- end -}}
{{- if .Values.mongodb.existingSecret -}}
{{- fail (printf "mongodb.existingSecret is %s, and backing has a database that nobody would use: one of your own needs backing.enabled: false" .Values.mongodb.existingSecret) -}}
{{- end -}}
{{- if ne .Values.kafka.topicManagement "job" -}}
{{- fail (printf "kafka.topicManagement: %s leaves the broker of backing without topics: leave it at job, or set backing.enabled: false" .Values.kafka.topicManagement) -}}
{{- end -}}
{{- end -}}
{{- $components := dict -}}
{{- include "itsm.collect" (dict "root" . "into" $components) -}}
{{- range $name, $values := $components -}}
{{- if and $.Values.backing.enabled $values.mongodb.existingSecret -}}
{{- fail (printf "%s.mongodb.existingSecret is %s, and backing has a database that it would not use: one of your own needs backing.enabled: false" $name $values.mongodb.existingSecret) -}}
{{- end -}}
{{- if and $values.autoscaling.enabled (lt (int $values.autoscaling.maxReplicas) (int $values.autoscaling.minReplicas)) -}}
{{- fail (printf "%s.autoscaling.maxReplicas is below its minReplicas" $name) -}}
{{- end -}}
{{- if le (int $values.terminationGracePeriodSeconds) (add (int $values.lifecycle.drainSeconds) (int $values.lifecycle.stopGraceSeconds) (int $values.lifecycle.preStopSleepSeconds) 20 | int) -}}
{{- fail (printf "%s.terminationGracePeriodSeconds must be more than lifecycle.drainSeconds + stopGraceSeconds + preStopSleepSeconds + 20" $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
