{{/* Addresses of the monitor's ingestion listener; everything else is the gateway's. */}}
{{- define "itsm.ingestion.exact" -}}
- /ingest/alertmanager
- /api/v2/alerts
- /ingest/grafana
- /v2/enqueue
- /ingest/cloudevents
- /api/v1/write
- /v1/metrics
- /v1/logs
- /ingest/nagios
- /v2/change/enqueue
{{- end -}}

{{- define "itsm.ingestion.prefixes" -}}
- /ingest/heartbeat
{{- end -}}

{{- define "itsm.route.extras" -}}
{{- with .filters }}
filters:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .timeouts }}
timeouts:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
