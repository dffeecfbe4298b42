{{/* What all pods have in common, for their `spec`. */}}
{{- define "loadkit.pod" -}}
restartPolicy: Never
serviceAccountName: {{ include "loadkit.serviceAccount" . }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.placement.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.placement.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.placement.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with include "loadkit.affinity" . }}
affinity: {{- . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  {{- with .Values.user }}
  runAsUser: {{ int64 . }}
  runAsGroup: {{ int64 . }}
  fsGroup: {{ int64 . }}
  fsGroupChangePolicy: OnRootMismatch
  {{- end }}
  seccompProfile:
    type: RuntimeDefault
{{- end }}

{{- define "loadkit.affinity" -}}
{{- $placement := .Values.placement }}
{{- if $placement.affinity }}
{{- toYaml $placement.affinity }}
{{- else }}
{{- with $placement.zones }}
nodeAffinity:
  requiredDuringSchedulingIgnoredDuringExecution:
    nodeSelectorTerms:
      - matchExpressions:
          - key: topology.kubernetes.io/zone
            operator: In
            values: {{- toYaml . | nindent 14 }}
{{- end }}
{{- with $placement.brokers.podLabels }}
podAntiAffinity:
  requiredDuringSchedulingIgnoredDuringExecution:
    - topologyKey: kubernetes.io/hostname
      labelSelector:
        matchLabels: {{- toYaml . | nindent 10 }}
      {{- with $placement.brokers.namespaces }}
      namespaces: {{- toYaml . | nindent 8 }}
      {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Pods that an autoscaler takes away in mid-run spoil it. */}}
{{- define "loadkit.podAnnotations" -}}
cluster-autoscaler.kubernetes.io/safe-to-evict: "false"
karpenter.sh/do-not-disrupt: "true"
{{- end }}

{{/* What all containers have in common. */}}
{{- define "loadkit.container" -}}
image: {{ .Values.image | quote }}
imagePullPolicy: {{ .Values.imagePullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{/* Requests are limits: (list cores memory). */}}
{{- define "loadkit.resources" -}}
requests:
  cpu: {{ index . 0 | quote }}
  memory: {{ index . 1 | quote }}
limits:
  cpu: {{ index . 0 | quote }}
  memory: {{ index . 1 | quote }}
{{- end }}

{{/* Variables of those that speak to the cluster; only /tmp and /results can be written. */}}
{{- define "loadkit.env" -}}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: HOME
  value: /tmp
- name: PYTHONDONTWRITEBYTECODE
  value: "1"
- name: PYTHONUNBUFFERED
  value: "1"
{{- range $name, $value := .Values.env }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{- define "loadkit.envFrom" -}}
{{- if .Values.secrets.env }}
- secretRef:
    name: {{ include "loadkit.release" . }}-secrets
{{- end }}
{{- range .Values.secrets.existing }}
- secretRef:
    name: {{ . }}
{{- end }}
{{- end }}

{{/* The record of what was made on the cluster: `loadkit clean` goes by it when a run was lost. */}}
{{- define "loadkit.state" -}}
- name: LOADKIT_STATE
  value: /results/state
{{- end }}

{{/* Inputs, and /tmp. */}}
{{- define "loadkit.mounts" -}}
- name: tmp
  mountPath: /tmp
- name: scenario
  mountPath: /loadkit/scenario
  readOnly: true
{{- if not .Values.target.builtin }}
- name: target
  mountPath: /loadkit/target
  readOnly: true
{{- end }}
- name: token
  mountPath: /loadkit/token
  readOnly: true
{{- end }}

{{- define "loadkit.volumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: 1Gi
- name: scenario
  configMap:
    name: {{ include "loadkit.scenarioMap" . }}
{{- if not .Values.target.builtin }}
- name: target
  projected:
    defaultMode: 0440
    sources:
      - configMap:
          name: {{ include "loadkit.targetMap" . }}
          items:
            - {key: target.toml, path: target.toml}
      {{- range .Values.target.secretFiles }}
      - secret:
          name: {{ .secret }}
          items:
            {{- range .keys }}
            - {key: {{ . | quote }}, path: {{ . | quote }}}
            {{- end }}
      {{- end }}
{{- end }}
- name: token
  secret:
    secretName: {{ include "loadkit.tokenSecret" . }}
    defaultMode: 0440
    items:
      - {key: token, path: token}
{{- end }}

{{/* The volume of results: a claim, or what is uploaded from. */}}
{{- define "loadkit.results" -}}
- name: results
  {{- if .Values.results.s3.bucket }}
  emptyDir:
    sizeLimit: {{ .Values.results.size }}
  {{- else }}
  persistentVolumeClaim:
    claimName: {{ include "loadkit.claim" . }}
  {{- end }}
{{- end }}
