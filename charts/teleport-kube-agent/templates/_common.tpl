{{- /*
What the charts have in common. The charts carry the same file: "npm run charts" copies it from teleport-cluster.
Templates take a dict with "root" (Values, Release, Chart), since the alias chart hands over values of its own making.
*/ -}}

{{- /* One message for everything that is wrong: "problems" are lines, divided by newlines. */ -}}
{{- define "teleport.fail" -}}
{{- $lines := list -}}
{{- range splitList "\n" .problems }}{{ with trim . }}{{ $lines = append $lines (printf "  - %s" .) }}{{ end }}{{ end -}}
{{- if $lines }}{{ fail (printf "\n\nThe values of this release cannot be used:\n%s\n" (join "\n" $lines)) }}{{ end -}}
{{- end -}}

{{- /* A line for each value that the original has and this product does not, and that says something. */ -}}
{{- define "teleport.refused" -}}
{{- $values := .values -}}
{{- range $path, $why := .refused }}
{{- $found := $values -}}
{{- range splitList "." $path }}{{ if kindIs "map" $found }}{{ $found = get $found . }}{{ else }}{{ $found = "" }}{{ end }}{{ end -}}
{{- if include "teleport.says" (dict "value" $found) }}
{{ $path }}: {{ $why }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Not empty when "value" says something: an object in which everything is empty says nothing. */ -}}
{{- define "teleport.says" -}}
{{- if kindIs "map" .value }}{{ range $part := .value }}{{ include "teleport.says" (dict "value" $part) }}{{ end }}{{ else if .value }}x{{ end -}}
{{- end -}}

{{- /* Changes "base": objects merge, lists and texts replace, null takes away. */ -}}
{{- define "teleport.mergeInto" -}}
{{- $base := .base -}}
{{- range $key, $value := .over -}}
{{- if kindIs "invalid" $value -}}{{- $_ := unset $base $key -}}
{{- else if and (kindIs "map" $value) (kindIs "map" (get $base $key)) -}}
{{- include "teleport.mergeInto" (dict "base" (get $base $key) "over" $value) -}}
{{- else -}}{{- $_ := set $base $key $value -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "teleport.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end -}}

{{- /* "kind" names the entry of extraLabels. */ -}}
{{- define "teleport.labels" -}}
{{- $own := include "teleport.selector" . | fromYaml -}}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_") -}}
{{- $_ = set $own "app.kubernetes.io/version" .root.Chart.AppVersion -}}
{{- $_ = set $own "app.kubernetes.io/managed-by" .root.Release.Service -}}
{{- merge $own (get .root.Values.extraLabels .kind | default dict) | toYaml -}}
{{- end -}}

{{- /* "name", "kind" for labels, "annotate" for the entry of annotations, "hook" for annotations of hooks. */ -}}
{{- define "teleport.metadata" -}}
name: {{ .name }}
{{- if not .clusterScoped }}
namespace: {{ .root.Release.Namespace }}
{{- end }}
labels:
  {{- include "teleport.labels" . | nindent 2 }}
{{- with merge (deepCopy (.hook | default dict)) (get .root.Values.annotations (.annotate | default "") | default dict) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "teleport.image" -}}
{{- $image := .root.Values.image -}}
{{- $tag := .root.Values.teleportVersionOverride | default .root.Chart.AppVersion -}}
{{- if or (contains "@" $image) (contains ":" (last (splitList "/" $image))) -}}{{ $image }}{{- else -}}{{ printf "%s:%s" $image $tag }}{{- end -}}
{{- end -}}

{{- define "teleport.serviceAccountName" -}}
{{- .root.Values.serviceAccount.name | default .root.Release.Name -}}
{{- end -}}

{{- /* Names of cluster-wide objects hold the namespace: two releases of one name do not take each other's rights. */ -}}
{{- define "teleport.clusterWideName" -}}
{{- printf "%s-%s" .root.Release.Namespace .root.Release.Name -}}
{{- end -}}

{{- /* The rights of docs/kubernetes-rights.md, and nothing more. */ -}}
{{- define "teleport.impersonationRules" -}}
- apiGroups: [""]
  resources: [users, groups, serviceaccounts]
  verbs: [impersonate]
- apiGroups: [""]
  resources: [pods]
  verbs: [get]
- apiGroups: [authorization.k8s.io]
  resources: [selfsubjectaccessreviews]
  verbs: [create]
{{- end -}}

{{- define "teleport.logSection" -}}
severity: {{ .root.Values.log.level }}
output: {{ .root.Values.log.output }}
format:
  output: {{ .root.Values.log.format }}
{{- end -}}

{{- /* Where a pod is put, and what it is given besides our container. */ -}}
{{- define "teleport.placement" -}}
{{- $values := .root.Values -}}
{{- range $field := list "nodeSelector" "tolerations" "topologySpreadConstraints" "dnsConfig" "hostAliases" "imagePullSecrets" }}
{{- with get $values $field }}
{{ $field }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- range $field := list "dnsPolicy" "priorityClassName" }}
{{- with get $values $field }}
{{ $field }}: {{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "teleport.affinity" -}}
{{- $values := .root.Values -}}
{{- $term := dict "topologyKey" "kubernetes.io/hostname" "labelSelector" (dict "matchLabels" (include "teleport.selector" . | fromYaml)) -}}
{{- if $values.affinity }}{{ toYaml $values.affinity }}
{{- else if $values.highAvailability.requireAntiAffinity -}}
podAntiAffinity:
  requiredDuringSchedulingIgnoredDuringExecution:
    - {{- toYaml $term | nindent 6 }}
{{- else -}}
podAntiAffinity:
  preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 50
      podAffinityTerm:
        {{- toYaml $term | nindent 8 }}
{{- end -}}
{{- end -}}

{{- define "teleport.probes" -}}
livenessProbe:
  httpGet: {path: /healthz, port: diag}
  initialDelaySeconds: 5
  periodSeconds: 5
  failureThreshold: 6
  timeoutSeconds: {{ .root.Values.probeTimeoutSeconds }}
readinessProbe:
  httpGet: {path: /readyz, port: diag}
  initialDelaySeconds: 5
  periodSeconds: 5
  failureThreshold: 12
  timeoutSeconds: {{ .root.Values.probeTimeoutSeconds }}
{{- end -}}

{{- define "teleport.caEnv" -}}
{{- if .root.Values.tls.existingCASecretName }}
- name: NODE_EXTRA_CA_CERTS
  value: /etc/teleport-tls-ca/ca.pem
{{- end }}
{{- end -}}

{{- /* A job that reads the configuration as the pods will, before anything is changed. */ -}}
{{- define "teleport.configCheck" -}}
{{- $root := .root -}}
{{- $hook := dict "helm.sh/hook" "pre-install,pre-upgrade" "helm.sh/hook-delete-policy" "before-hook-creation,hook-succeeded" -}}
{{- $name := printf "%s-config-check" $root.Release.Name -}}
apiVersion: v1
kind: ConfigMap
metadata:
  {{- include "teleport.metadata" (dict "root" $root "name" $name "kind" "config" "annotate" "config" "hook" (merge (dict "helm.sh/hook-weight" "4") $hook)) | nindent 2 }}
data:
  teleport.yaml: |
    {{- .config | nindent 4 }}
---
apiVersion: batch/v1
kind: Job
metadata:
  {{- include "teleport.metadata" (dict "root" $root "name" $name "kind" "job" "hook" (merge (dict "helm.sh/hook-weight" "5") $hook)) | nindent 2 }}
spec:
  backoffLimit: 1
  template:
    metadata:
      labels:
        {{- include "teleport.labels" (dict "root" $root "kind" "job") | nindent 8 | replace "app.kubernetes.io/name: " "app.kubernetes.io/component: config-check-of-" }}
    spec:
      restartPolicy: Never
      automountServiceAccountToken: false
      {{- include "teleport.placement" (dict "root" $root) | nindent 6 }}
      securityContext:
        {{- toYaml $root.Values.podSecurityContext | nindent 8 }}
      containers:
        - name: teleport
          image: {{ include "teleport.image" (dict "root" $root) }}
          imagePullPolicy: {{ $root.Values.imagePullPolicy }}
          args: [configure, --test, /etc/teleport/teleport.yaml]
          {{- with $root.Values.resources }}
          resources:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          securityContext:
            {{- toYaml $root.Values.securityContext | nindent 12 }}
          volumeMounts:
            - {name: config, mountPath: /etc/teleport, readOnly: true}
      volumes:
        - name: config
          configMap:
            name: {{ $name }}
{{- end -}}

{{- define "teleport.podDisruptionBudget" -}}
{{- if .root.Values.highAvailability.podDisruptionBudget.enabled }}
apiVersion: {{ .capabilities.APIVersions.Has "policy/v1" | ternary "policy/v1" "policy/v1beta1" }}
kind: PodDisruptionBudget
metadata:
  {{- include "teleport.metadata" (dict "root" .root "name" .root.Release.Name "kind" "podDisruptionBudget") | nindent 2 }}
spec:
  minAvailable: {{ .root.Values.highAvailability.podDisruptionBudget.minAvailable }}
  selector:
    matchLabels:
      {{- include "teleport.selector" . | nindent 6 }}
{{- end }}
{{- end -}}

{{- define "teleport.podMonitor" -}}
{{- if .root.Values.podMonitor.enabled }}
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata:
  name: {{ .root.Release.Name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- merge (include "teleport.labels" (dict "root" .root "kind" "podMonitor") | fromYaml) .root.Values.podMonitor.additionalLabels | toYaml | nindent 4 }}
spec:
  jobLabel: app.kubernetes.io/instance
  selector:
    matchLabels:
      {{- include "teleport.selector" . | nindent 6 }}
  podMetricsEndpoints:
    - port: diag
      path: /metrics
      interval: {{ .root.Values.podMonitor.interval }}
{{- end }}
{{- end -}}

{{- define "teleport.serviceAccount" -}}
{{- if .root.Values.serviceAccount.create }}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "teleport.metadata" (dict "root" .root "name" (include "teleport.serviceAccountName" .) "kind" "serviceAccount" "annotate" "serviceAccount") | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* "role", "binding": the names. */ -}}
{{- define "teleport.impersonation" -}}
{{- if .root.Values.rbac.create }}
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  {{- include "teleport.metadata" (dict "root" .root "name" .role "kind" "clusterRole" "clusterScoped" true) | nindent 2 }}
rules:
  {{- include "teleport.impersonationRules" . | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  {{- include "teleport.metadata" (dict "root" .root "name" .binding "kind" "clusterRoleBinding" "clusterScoped" true) | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {{ .role }}
subjects:
  - kind: ServiceAccount
    name: {{ include "teleport.serviceAccountName" . }}
    namespace: {{ .root.Release.Namespace }}
{{- end }}
{{- end -}}
