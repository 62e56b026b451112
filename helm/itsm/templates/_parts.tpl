{{/* A HorizontalPodAutoscaler, or with KEDA one that also knows how far consumers are behind. */}}
{{- define "itsm.autoscaling" -}}
{{- $full := include "itsm.fullname" .root -}}
{{- $name := printf "%s-%s" $full .component -}}
{{- $scaling := .values.autoscaling -}}
{{- $head := dict "root" .root "component" .component "name" $name -}}
{{- if eq $scaling.kind "hpa" }}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
{{ include "itsm.metadata" $head }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ $name }}}
  minReplicas: {{ $scaling.minReplicas | int }}
  maxReplicas: {{ $scaling.maxReplicas | int }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target: {type: Utilization, averageUtilization: {{ $scaling.cpu | int }}}
  behavior:
    scaleDown: {stabilizationWindowSeconds: {{ $scaling.scaleDownStabilizationSeconds | int }}}
{{- else }}
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
{{ include "itsm.metadata" $head }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ $name }}}
  minReplicaCount: {{ $scaling.minReplicas | int }}
  maxReplicaCount: {{ $scaling.maxReplicas | int }}
  cooldownPeriod: {{ $scaling.keda.cooldownPeriod | int }}
  advanced:
    horizontalPodAutoscalerConfig:
      behavior:
        scaleDown: {stabilizationWindowSeconds: {{ $scaling.scaleDownStabilizationSeconds | int }}}
  triggers:
    - type: cpu
      metricType: Utilization
      metadata: {value: {{ $scaling.cpu | int | quote }}}
    {{- range $group, $topics := .values.consumes }}
    {{- range $topics }}
    - type: kafka
      metadata:
        bootstrapServers: {{ include "itsm.brokers" $.root | quote }}
        consumerGroup: {{ $group }}
        topic: {{ . }}
        lagThreshold: {{ $scaling.keda.lagThreshold | int | quote }}
        activationLagThreshold: "0"
        offsetResetPolicy: earliest
        limitToPartitionsWithLag: "true"
        excludePersistentLag: "true"
        {{- if hasPrefix "SASL" (include "itsm.kafkaProtocol" $.root) }}
        sasl: {{ get (dict "SCRAM-SHA-256" "scram_sha256" "SCRAM-SHA-512" "scram_sha512" "PLAIN" "plaintext") $.root.Values.kafka.mechanism }}
        {{- end }}
        tls: {{ ternary "enable" "disable" (hasSuffix "SSL" (include "itsm.kafkaProtocol" $.root)) }}
      {{- if or (hasPrefix "SASL" (include "itsm.kafkaProtocol" $.root)) $.root.Values.kafka.caKey $.root.Values.tls.ca.existingSecret }}
      authenticationRef: {name: {{ $name }}-kafka}
      {{- end }}
    {{- end }}
    {{- end }}
{{- $secrets := list }}
{{- if hasPrefix "SASL" (include "itsm.kafkaProtocol" .root) }}
{{- $given := coalesce .values.kafka.existingSecret .root.Values.kafka.existingSecret }}
{{- $secret := include "itsm.secretName" (dict "root" .root "given" $given "backing" (printf "kafka-%s" .component) "value" "kafka.existingSecret") }}
{{- range list "username" "password" }}
{{- $secrets = append $secrets (dict "parameter" . "name" $secret "key" .) }}
{{- end }}
{{- end }}
{{- if .root.Values.kafka.caKey }}
{{- $secrets = append $secrets (dict "parameter" "ca" "name" .root.Values.kafka.existingSecret "key" .root.Values.kafka.caKey) }}
{{- else if .root.Values.tls.ca.existingSecret }}
{{- $secrets = append $secrets (dict "parameter" "ca" "name" .root.Values.tls.ca.existingSecret "key" .root.Values.tls.ca.key) }}
{{- end }}
{{- if and $secrets .values.consumes }}
---
apiVersion: keda.sh/v1alpha1
kind: TriggerAuthentication
{{ include "itsm.metadata" (dict "root" .root "component" .component "name" (printf "%s-kafka" $name)) }}
spec:
  secretTargetRef:
    {{- toYaml $secrets | nindent 4 }}
{{- end }}
{{- end }}
{{- end -}}

{{/* A certificate that serves and calls: the names of the Services, and the identity by which others know the component. */}}
{{- define "itsm.certificate" -}}
{{- $full := include "itsm.fullname" .root -}}
{{- $name := printf "%s-%s" $full .component -}}
{{- $namespace := .root.Release.Namespace -}}
---
apiVersion: cert-manager.io/v1
kind: Certificate
{{ include "itsm.metadata" (dict "root" .root "component" .component "name" $name) }}
spec:
  secretName: {{ include "itsm.tls.secret" . }}
  issuerRef:
    name: {{ required "tls.internal.issuerRef.name is needed where tls.internal.mode is certManager" .root.Values.tls.internal.issuerRef.name }}
    kind: {{ .root.Values.tls.internal.issuerRef.kind }}
    group: {{ .root.Values.tls.internal.issuerRef.group }}
  duration: {{ .root.Values.tls.internal.duration }}
  renewBefore: {{ .root.Values.tls.internal.renewBefore }}
  privateKey: {algorithm: ECDSA, size: 256, rotationPolicy: Always}
  usages: [digital signature, server auth, client auth]
  dnsNames:
    {{- range list $name (printf "%s-headless" $name) }}
    - {{ . }}
    - {{ . }}.{{ $namespace }}
    - {{ . }}.{{ $namespace }}.svc
    - {{ . }}.{{ $namespace }}.svc.{{ $.root.Values.clusterDomain }}
    {{- end }}
    - "*.{{ $name }}-headless.{{ $namespace }}.svc"
  uris:
    - {{ include "itsm.tls.identity" . }}
{{- end -}}

{{/* A rule towards peers that values name; {to, ports}. */}}
{{- define "itsm.rule" -}}
- ports:
    {{- range .ports }}
    - {protocol: TCP, port: {{ . | int }}}
    {{- end }}
  {{- with .to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* Towards backing, where it is enabled, else towards what values name; {root, what, component, port}. */}}
{{- define "itsm.rule.to" -}}
{{- if .root.Values.backing.enabled }}
- ports: [{protocol: TCP, port: {{ .port }}}]
  to:
    - podSelector:
        matchLabels:
          app.kubernetes.io/name: backing
          app.kubernetes.io/instance: {{ .root.Release.Name }}
          app.kubernetes.io/component: {{ .component }}
{{- else }}
{{ include "itsm.rule" (get .root.Values.networkPolicy.egress .what) }}
{{- end }}
{{- end -}}

{{- define "itsm.rule.mongodb" -}}
{{ include "itsm.rule.to" (dict "root" . "what" "mongodb" "component" "mongod" "port" 27017) }}
{{- end -}}
{{- define "itsm.rule.kafka" -}}
{{ include "itsm.rule.to" (dict "root" . "what" "kafka" "component" "kafka" "port" 9092) }}
{{- end -}}
{{- define "itsm.rule.oidc" -}}
{{ include "itsm.rule.to" (dict "root" . "what" "oidc" "component" "keycloak" "port" 8080) }}
{{- end -}}

{{/* Pods of components of this release, as peers of a rule; {root, components}. */}}
{{- define "itsm.peers" -}}
- podSelector:
    matchLabels:
      {{- include "itsm.selector" (dict "root" .root) | nindent 6 }}
    matchExpressions:
      - {key: app.kubernetes.io/component, operator: In, values: [{{ join ", " .components }}]}
{{- end -}}

{{/* Who may reach a component, and at what; nothing where nobody may. No rule has an empty list of peers: that would be everybody. */}}
{{- define "itsm.ingress" -}}
{{- $policy := .root.Values.networkPolicy -}}
{{- $root := .root -}}
{{- $component := .component -}}
{{- $callers := list -}}
{{- range $client, $servers := $policy.peers -}}
{{- if has $component $servers -}}
{{- $callers = append $callers $client -}}
{{- end -}}
{{- end -}}
{{- $all := dict -}}
{{- include "itsm.collect" (dict "root" .root "into" $all) -}}
{{- $testers := ternary (list "test") (list) .root.Values.tests.enabled -}}
{{- $readers := concat (ternary (keys $all | sortAlpha) (list) (eq .component "auth")) $testers -}}
{{- $exposed := or .root.Values.gateway.exposure.httpRoute.enabled .root.Values.gateway.exposure.ingress.enabled -}}
{{- $anybody := and $exposed (not $policy.ingressFrom) -}}
{{- $keycloak := and .root.Values.backing.enabled (eq .component "gateway") -}}
{{- with $callers }}
- ports: [{protocol: TCP, port: grpc}]
  from:
    {{- include "itsm.peers" (dict "root" $root "components" (sortAlpha .)) | nindent 4 }}
{{- end }}
{{- if and (has .component (list "gateway" "monitor")) (or $anybody $testers $keycloak $policy.ingressFrom) }}
- ports:
    - {protocol: TCP, port: http}
    {{- if eq .component "monitor" }}
    - {protocol: TCP, port: otlp}
    {{- end }}
  {{- if not $anybody }}
  from:
    {{- with $testers }}
    {{- include "itsm.peers" (dict "root" $root "components" .) | nindent 4 }}
    {{- end }}
    {{- if $keycloak }}
    # Keycloak tells who has signed out.
    - podSelector:
        matchLabels:
          app.kubernetes.io/name: backing
          app.kubernetes.io/instance: {{ .root.Release.Name }}
          app.kubernetes.io/component: keycloak
    {{- end }}
    {{- with $policy.ingressFrom }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
{{- end }}
{{- if and (eq .component "gateway") .root.Values.gateway.mail.receives .root.Values.gateway.mail.receivesFrom }}
- ports: [{protocol: TCP, port: mail}]
  from:
    {{- toYaml .root.Values.gateway.mail.receivesFrom | nindent 4 }}
{{- end }}
{{- if or $readers $policy.metricsFrom }}
- ports: [{protocol: TCP, port: mgmt}]
  from:
    {{- with $readers }}
    {{- include "itsm.peers" (dict "root" $root "components" .) | nindent 4 }}
    {{- end }}
    {{- with $policy.metricsFrom }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}
{{- end -}}

{{/* What one component may be reached by, and reach, beside what all may. */}}
{{- define "itsm.networkPolicy" -}}
{{- $policy := .root.Values.networkPolicy -}}
{{- $root := .root -}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
{{ include "itsm.metadata" (dict "root" .root "component" .component "name" (printf "%s-%s" (include "itsm.fullname" .root) .component)) }}
spec:
  podSelector:
    matchLabels:
      {{- include "itsm.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  {{- with include "itsm.ingress" . | trim }}
  ingress:
    {{- . | nindent 4 }}
  {{- end }}
  egress:
    {{- include "itsm.rule.mongodb" .root | trim | nindent 4 }}
    {{- include "itsm.rule.kafka" .root | trim | nindent 4 }}
    {{- include "itsm.rule.oidc" .root | trim | nindent 4 }}
    {{- with get $policy.peers .component }}
    - ports: [{protocol: TCP, port: 50051}]
      to:
        {{- include "itsm.peers" (dict "root" $root "components" (sortAlpha .)) | nindent 8 }}
    {{- end }}
    - ports: [{protocol: TCP, port: 8081}]
      to:
        {{- include "itsm.peers" (dict "root" $root "components" (list "auth")) | nindent 8 }}
    {{- if .root.Values.telemetry.enabled }}
    {{- include "itsm.rule" $policy.egress.otlp | nindent 4 }}
    {{- end }}
    {{- if and (eq .component "gateway") .root.Values.gateway.mail.smtpUrl }}
    {{- include "itsm.rule" $policy.egress.mail | nindent 4 }}
    {{- end }}
    {{- with get (dict "monitor" $policy.egress.monitored "gateway" $policy.egress.deliveries "auth" $policy.egress.directories) .component }}
    {{- if .enabled }}
    {{- if or .to .ports }}
    - {{- if .to }}
      to:
        {{- toYaml .to | nindent 8 }}
      {{- end }}
      {{- if .ports }}
      ports:
        {{- range .ports }}
        - {protocol: TCP, port: {{ . | int }}}
        {{- end }}
      {{- end }}
    {{- else }}
    - {}
    {{- end }}
    {{- end }}
    {{- end }}
{{- end -}}
