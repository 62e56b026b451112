{{/* What the schema cannot say in words that help. */}}
{{- define "itsm.validate" -}}
{{- include "itsm.deprecated" . -}}
{{- if and (eq .Values.profile "production") .Values.backing.enabled -}}
{{- fail "backing.enabled must be false where profile is production: backing keeps one copy of everything, without backup" -}}
{{- end -}}
{{- if and (eq .Values.migrations.mode "hook") .Values.backing.enabled -}}
{{- fail "migrations.mode: hook needs databases that are there before the release: set backing.enabled: false, or leave migrations.mode: job" -}}
{{- end -}}
{{- $components := dict -}}
{{- include "itsm.collect" (dict "root" . "into" $components) -}}
{{- range $name, $values := $components -}}
{{- if and $values.autoscaling.enabled (lt (int $values.autoscaling.maxReplicas) (int $values.autoscaling.minReplicas)) -}}
{{- fail (printf "%s.autoscaling.maxReplicas is below its minReplicas" $name) -}}
{{- end -}}
{{- if le (int $values.terminationGracePeriodSeconds) (add (int $values.lifecycle.drainSeconds) (int $values.lifecycle.stopGraceSeconds) (int $values.lifecycle.preStopSleepSeconds) 20 | int) -}}
{{- fail (printf "%s.terminationGracePeriodSeconds must be more than lifecycle.drainSeconds + stopGraceSeconds + preStopSleepSeconds + 20" $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
