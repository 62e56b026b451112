{{/* The container of a Job beside migrations; {root, name, image, command, args, env, values, kafka, realm}. */}}
{{- define "itsm.jobContainer" -}}
- name: {{ .name }}
  image: {{ .image }}
  imagePullPolicy: {{ .root.Values.image.pullPolicy }}
  {{- with .command }}
  command: {{ toJson . }}
  {{- end }}
  {{- with .args }}
  args: {{ toJson . }}
  {{- end }}
  env:
    {{- include "itsm.env.list" (dict "env" .env "values" (dict "extraEnv" .values.extraEnv)) | trim | nindent 4 }}
  securityContext:
    {{- toYaml .values.containerSecurityContext | nindent 4 }}
  resources:
    {{- toYaml .root.Values.migrations.resources | nindent 4 }}
  volumeMounts:
    {{- include "itsm.mounts" (dict "root" .root "values" (dict) "kafka" .kafka) | nindent 4 }}
    {{- if .realm }}
    - {name: realm, mountPath: /etc/itsm/realm, readOnly: true}
    - {name: realm-secrets, mountPath: /etc/itsm/realm-secrets, readOnly: true}
    {{- end }}
{{- end -}}

{{- define "itsm.roles" -}}
[viewer, requester, agent, incident-manager, change-manager, asset-manager, monitor-manager, analyst, auditor, admin, operator]
{{- end -}}

{{/* The provision file (services/auth/realm/wanted.py), without secrets. */}}
{{- define "itsm.wishes" -}}
{{- $url := trimSuffix "/" .Values.gateway.publicUrl -}}
{{- $clients := dict -}}
{{- range list "asset" "incident" "monitor" "auth" "analytics" "gateway" -}}
{{- $_ := set $clients (printf "itsm-%s" .) (dict) -}}
{{- end -}}
{{- $inside := printf "http://%s-gateway.%s.svc:8080" (include "itsm.fullname" .) .Release.Namespace -}}
{{- $logout := ternary $inside $url .Values.backing.enabled -}}
{{- $console := dict "client_id" .Values.console.clientId "redirect_uris" (list (printf "%s/auth/callback" $url)) "post_logout_redirect_uris" (list (printf "%s/" $url)) "backchannel_logout_url" (printf "%s/auth/backchannel-logout" $logout) -}}
{{- $users := dict -}}
{{- if eq (include "itsm.demo" .) "yes" -}}
{{- range (include "itsm.roles" . | fromYamlArray) -}}
{{- $_ := set $users . (dict "roles" (list .)) -}}
{{- end -}}
{{- end -}}
{{- dict "tenant" .Values.oidc.realmImport.tenant "clients" $clients "console" $console "users" $users | toPrettyJson -}}
{{- end -}}

{{/* Secrets for the realm, a file each: `client.<id>`, `user.<name>`, `token.<name>`. */}}
{{- define "itsm.realmSecrets" -}}
{{- range $client := list "itsm-asset" "itsm-incident" "itsm-monitor" "itsm-auth" "itsm-analytics" "itsm-gateway" .root.Values.console.clientId }}
{{ include "itsm.secret.client" (dict "root" $.root "client" $client "path" (printf "client.%s" $client)) }}
{{- end }}
{{- if .demo }}
{{- $items := dict }}
{{- range (include "itsm.roles" . | fromYamlArray) }}
{{- $_ := set $items (printf "user.%s" .) . }}
{{- $_ := set $items (printf "token.%s" .) (printf "%s.token" .) }}
{{- end }}
{{ include "itsm.secret" (dict "name" (printf "%s-demo-users" .root.Release.Name) "items" $items) }}
{{- end }}
{{- end -}}
