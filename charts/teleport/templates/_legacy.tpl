{{- /* Values of the first chart as those of teleport-cluster, on top of its defaults. Takes the root. */ -}}
{{- define "legacy.values" -}}
{{- $values := .Files.Get "files/teleport-cluster.yaml" | fromYaml -}}
{{- $given := .Values | toYaml | fromYaml -}}
{{- include "legacy.judge" $given -}}
{{- if kindIs "map" $given.image -}}
{{- with $given.image.pullPolicy }}{{ $_ := set $given "imagePullPolicy" . }}{{ end -}}
{{- with $given.image.tag }}{{ $_ := set $given "teleportVersionOverride" (toString .) }}{{ end -}}
{{- $secrets := list -}}
{{- range $given.image.pullSecrets }}{{ $secrets = append $secrets (kindIs "map" . | ternary . (dict "name" .)) }}{{ end -}}
{{- if $secrets }}{{ $_ := set $given "imagePullSecrets" $secrets }}{{ end -}}
{{- $_ := set $given "image" ($given.image.repository | default $values.image) -}}
{{- end -}}
{{- with $given.extraVars -}}
{{- $variables := list -}}
{{- if kindIs "map" . }}{{ range $name, $value := . }}{{ $variables = append $variables (dict "name" $name "value" (toString $value)) }}{{ end }}{{ else }}{{ $variables = . }}{{ end -}}
{{- $_ := set $given "extraEnv" (concat ($given.extraEnv | default list) $variables) -}}
{{- end -}}
{{- $tls := dig "proxy" "tls" dict $given -}}
{{- if $tls -}}
{{- if $tls.enabled }}{{ $_ := set $given "tls" (dict "existingSecretName" $tls.secretName) }}{{ end -}}
{{- $_ := unset $given.proxy "tls" -}}
{{- end -}}
{{- with $given.config -}}
{{- with dig "auth_service" "cluster_name" "" . }}{{ if not $given.clusterName }}{{ $_ := set $given "clusterName" . }}{{ end }}{{ end -}}
{{- $kubernetes := dig "proxy_service" "kubernetes" dict . -}}
{{- if $kubernetes -}}
{{- /* The old section and the generated shortcuts exclude each other. */ -}}
{{- $_ := unset .proxy_service "kubernetes" -}}
{{- with $kubernetes.public_addr }}{{ $_ := set $given "kubePublicAddr" (kindIs "slice" . | ternary . (list .)) }}{{ end -}}
{{- with $kubernetes.listen_addr }}{{ $_ := set $given.config.proxy_service "kube_listen_addr" . }}{{ end -}}
{{- end -}}
{{- $config := deepCopy . -}}
{{- include "teleport.mergeInto" (dict "base" $config "over" ($given.teleportConfig | default dict)) -}}
{{- $_ := set $given "teleportConfig" $config -}}
{{- end -}}
{{- if not $given.clusterName }}{{ $_ := set $given "clusterName" (printf "%s.%s.svc.cluster.local" .Release.Name .Release.Namespace) }}{{ end -}}
{{- range list "config" "extraVars" "ports" }}{{ $_ := unset $given . }}{{ end -}}
{{- include "teleport.mergeInto" (dict "base" $values "over" $given) -}}
{{- include "teleport-cluster.values" $values -}}
{{- end -}}

{{- define "legacy.judge" -}}
{{- $problems := include "teleport.refused" (dict "values" . "refused" (dict
  "config.proxy_service.kubernetes.kubeconfig_file" "the pod serves the cluster that it runs in, by its ServiceAccount: remove it"
  "config.ssh_service.enabled" "there is no SSH in this product: remove it"
  "ports" "there is no SSH in this product: remove it"
  "service.ports" "the Service has 443, 3026 and 3024 (proxyListenerMode multiplex: 443 alone): remove it"
)) -}}
{{- range $key, $value := .annotations | default dict }}
{{- if not (kindIs "map" $value) }}
{{- $problems = printf "%s\nannotations.%s: say what it is for: annotations.pod, deployment, service, config or serviceAccount" $problems $key }}
{{- end }}
{{- end }}
{{- $tls := dig "proxy" "tls" dict . }}
{{- if and $tls.enabled (not $tls.secretName) }}
{{- $problems = printf "%s\n%s" $problems "proxy.tls.secretName: name the Secret with tls.crt and tls.key" }}
{{- end }}
{{- if eq (toString (dig "config" "proxy_service" "kubernetes" "enabled" "true" .)) "false" }}
{{- $problems = printf "%s\n%s" $problems "config.proxy_service.kubernetes.enabled: this chart is for Kubernetes: remove it" }}
{{- end }}
{{- include "teleport.fail" (dict "problems" $problems) -}}
{{- end -}}

{{- define "legacy.root" -}}
{{- dict "Values" (include "legacy.values" . | fromYaml) "Chart" (dict "Name" .Chart.Name "Version" .Chart.Version "AppVersion" .Chart.AppVersion) "Release" (dict "Name" .Release.Name "Namespace" .Release.Namespace "Service" .Release.Service) | toYaml -}}
{{- end -}}
