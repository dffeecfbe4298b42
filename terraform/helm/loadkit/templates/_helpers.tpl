{{/* Names. Those of one run have the run's name in them. */}}
{{- define "loadkit.release" -}}
{{ .Release.Name | trunc 28 | trimSuffix "-" }}
{{- end }}

{{- define "loadkit.run" -}}
{{ .Values.run.name | default (toString .Release.Revision) }}
{{- end }}

{{- define "loadkit.name" -}}
{{ include "loadkit.release" . }}-{{ include "loadkit.run" . }}
{{- end }}

{{- define "loadkit.scenarioMap" -}}
{{ .Values.scenario.existingConfigMap | default (printf "%s-scenario" (include "loadkit.release" .)) }}
{{- end }}

{{- define "loadkit.targetMap" -}}
{{ .Values.target.existingConfigMap | default (printf "%s-target" (include "loadkit.release" .)) }}
{{- end }}

{{- define "loadkit.tokenSecret" -}}
{{ .Values.token.existingSecret | default (printf "%s-token" (include "loadkit.release" .)) }}
{{- end }}

{{- define "loadkit.claim" -}}
{{ .Values.results.claim.existing | default (printf "%s-results" (include "loadkit.release" .)) }}
{{- end }}

{{- define "loadkit.serviceAccount" -}}
{{ .Values.serviceAccount.existing | default (include "loadkit.release" .) }}
{{- end }}

{{/* Labels. */}}
{{- define "loadkit.labels" -}}
{{ include "loadkit.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "loadkit.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* One kind of pods of one run: (list . "master"). */}}
{{- define "loadkit.podSelector" -}}
{{ include "loadkit.selector" (index . 0) }}
app.kubernetes.io/component: {{ index . 1 }}
loadkit/run: {{ include "loadkit.run" (index . 0) | quote }}
{{- end }}

{{/* How many load processes, and cores of each: a plan's, or as given. */}}
{{- define "loadkit.workers" -}}
{{- if .Values.workers.plan -}}
{{- $none := "workers.plan is not the text of `loadkit fleet plan --json`: --set-file workers.plan=plan.json" -}}
{{- $plan := (.Values.workers.plan | fromJson).plan | required $none -}}
{{ int $plan.processes }}
{{- else -}}
{{- $way := "--set-file workers.plan=plan.json of `loadkit fleet plan --json`" -}}
{{ required (printf "workers.count is missing: say how many load processes there are, or %s" $way) .Values.workers.count }}
{{- end -}}
{{- end }}

{{- define "loadkit.cores" -}}
{{- $plan := dict -}}
{{- if .Values.workers.plan -}}{{- $plan = (.Values.workers.plan | fromJson).plan | default dict -}}{{- end -}}
{{ .Values.workers.cpu | default (max 1 ($plan.process_cores | default 1 | ceil | int)) }}
{{- end }}

{{/* Where results go: S3 has a name for each run, a claim a folder; and what the command is told of the target. */}}
{{- define "loadkit.folder" -}}
{{ .Values.run.folder | default "$(POD_NAME)" }}
{{- end }}

{{- define "loadkit.out" -}}
/results/{{ if .Values.results.s3.bucket }}out{{ else }}{{ include "loadkit.folder" . }}{{ end }}
{{- end }}

{{- define "loadkit.target" -}}
{{ .Values.target.builtin | default "/loadkit/target/target.toml" }}
{{- end }}

{{/* What the schema cannot say. */}}
{{- define "loadkit.check" -}}
{{- $values := .Values -}}
{{- if not $values.image -}}
{{- fail "image is missing: name one that has loadkit on its PATH, with its tag or digest" -}}
{{- end -}}
{{- if eq (not $values.scenario.files) (not $values.scenario.existingConfigMap) -}}
{{- fail "give the scenario once: --set-file scenario.files.orders\\.py=orders.py, or scenario.existingConfigMap" -}}
{{- end -}}
{{- range $name := list $values.scenario.file $values.run.file -}}
{{- if and $name $values.scenario.files (not (hasKey $values.scenario.files $name)) -}}
{{- fail (printf "%s is not among scenario.files, which has %s" $name (keys $values.scenario.files | sortAlpha | join ", ")) -}}
{{- end -}}
{{- end -}}
{{- if not $values.scenario.file -}}
{{- fail "scenario.file is missing: which of the files is the scenario?" -}}
{{- end -}}
{{- if ne 1 (len (compact (list $values.target.file $values.target.existingConfigMap $values.target.builtin))) -}}
{{- fail "give the target once: target.file (by --set-file), target.existingConfigMap, or target.builtin=simulated?sink=1" -}}
{{- end -}}
{{- if and $values.networkPolicy.enabled (not (or $values.target.builtin $values.networkPolicy.brokers)) -}}
{{- fail "networkPolicy.brokers is missing, so nobody would reach them: say where they are, or networkPolicy.enabled=false" -}}
{{- end -}}
{{- if and $values.metrics.podMonitor $values.networkPolicy.enabled (not $values.metrics.from) -}}
{{- fail "metrics.from is missing, so Prometheus would not come in: say where it is, or networkPolicy.enabled=false" -}}
{{- end -}}
{{- if and $values.metrics.podMonitor (eq $values.run.command "gate") -}}
{{- fail "loadkit gate serves no metrics: leave out metrics.podMonitor" -}}
{{- end -}}
{{- if and $values.results.s3.bucket $values.results.claim.existing -}}
{{- fail "results go to results.s3.bucket or to results.claim.existing, not to both" -}}
{{- end -}}
{{- end }}
