{{- /*
"root" as in _common.tpl, with values whose deprecated names were put into their new places by agent.values.
*/ -}}

{{- /* More replicas than this have no rights to their state. */ -}}
{{- define "agent.mostReplicas" -}}16{{- end -}}

{{- /* Deprecated names win, since who gives them means them. */ -}}
{{- define "agent.values" -}}
{{- $values := deepCopy (omit . "AsMap") -}}
{{- with $values.logLevel }}{{ $_ := set $values.log "level" . }}{{ end -}}
{{- with $values.replicaCount }}{{ $_ := set $values.highAvailability "replicaCount" . }}{{ end -}}
{{- with $values.secretName }}{{ $_ := set $values.joinTokenSecret "name" . }}{{ end -}}
{{- with $values.serviceAccountName }}{{ $_ := set $values.serviceAccount "name" . }}{{ end -}}
{{- if kindIs "string" $values.caPin }}{{ $_ := set $values "caPin" (compact (list $values.caPin)) }}{{ end -}}
{{- toYaml $values -}}
{{- end -}}

{{- define "agent.root" -}}
{{- dict "Values" (include "agent.values" .Values | fromYaml) "Chart" (dict "Name" .Chart.Name "Version" .Chart.Version "AppVersion" .Chart.AppVersion) "Release" (dict "Name" .Release.Name "Namespace" .Release.Namespace "Service" .Release.Service "IsUpgrade" .Release.IsUpgrade) | toYaml -}}
{{- end -}}

{{- define "agent.judge" -}}
{{- $values := .root.Values -}}
{{- $problems := include "teleport.refused" (dict "values" $values "refused" (dict
  "appResources" "there is no application access in this product: remove it"
  "apps" "there is no application access in this product: remove it"
  "awsDatabases" "there is no database access in this product: remove it"
  "azureDatabases" "there is no database access in this product: remove it"
  "databaseResources" "there is no database access in this product: remove it"
  "databases" "there is no database access in this product: remove it"
  "enterprise" "there is one edition: remove it"
  "enterpriseImage" "there is one edition: set image"
  "existingDataVolume" "the agent keeps its identity in a Secret: for a volume of its own set storage.enabled"
  "jamfApiEndpoint" "there is no device trust in this product: remove it"
  "jamfClientId" "there is no device trust in this product: remove it"
  "jamfClientSecret" "there is no device trust in this product: remove it"
  "jamfCredentialsSecret.create" "there is no device trust in this product: remove it"
  "kubernetesDiscovery" "applications are not discovered in this product: remove it"
  "log.extraFields" "lines always carry time, level, service and what they are about: remove it"
  "podSecurityPolicy.enabled" "PodSecurityPolicy is gone from Kubernetes: the pods meet the restricted Pod Security Standard as they are"
  "presetRoles.enabled" "roles are made in the Teleport cluster: tctl create -f"
  "updater.enabled" "nothing updates itself in this product: helm upgrade"
)) -}}
{{- range $role := splitList "," $values.roles }}
{{- if ne (trim $role) "kube" }}
{{- $problems = printf "%s\nroles: this product has kube, and no %s: set roles to kube" $problems (trim $role | default "empty role") }}
{{- end }}
{{- end }}
{{- if not $values.proxyAddr }}
{{- $problems = printf "%s\n%s" $problems "proxyAddr is required: the web port of the Teleport proxy (teleport.example.com:443)" }}
{{- else if not (regexMatch "^(\\[[0-9a-fA-F:.]+\\]|[A-Za-z0-9_.-]+):[0-9]{1,5}$" $values.proxyAddr) }}
{{- $problems = printf "%s\n%s" $problems "proxyAddr: must be host:port, without https://" }}
{{- end }}
{{- if not $values.kubeClusterName }}
{{- $problems = printf "%s\n%s" $problems "kubeClusterName is required: the name under which people know this cluster; it cannot be found out from inside" }}
{{- end }}
{{- if ne $values.joinParams.method "token" }}
{{- $problems = printf "%s\njoinParams.method: this version knows token, not %s" $problems $values.joinParams.method }}
{{- end }}
{{- if and $values.authToken $values.joinParams.tokenName (ne $values.authToken $values.joinParams.tokenName) }}
{{- $problems = printf "%s\n%s" $problems "authToken and joinParams.tokenName are the same thing: give one" }}
{{- end }}
{{- $given := include "agent.token" . }}
{{- $token := $given | default (include "agent.keptToken" .) }}
{{- if and $values.joinTokenSecret.create (not $token) }}
{{- $problems = printf "%s\n%s" $problems "authToken is required: a join token of the type kube (tctl tokens add --type=kube), or joinTokenSecret.create=false with a Secret of your own that has auth-token" }}
{{- else if and $token (not (regexMatch "^[A-Za-z0-9._~+/=-]{16,256}$" $token)) }}
{{- $problems = printf "%s\n%s" $problems "authToken: is no join token: 16 to 256 letters, digits and . _ ~ + / = -" }}
{{- else if and $given (not $values.joinTokenSecret.create) }}
{{- $problems = printf "%s\n%s" $problems "authToken: with joinTokenSecret.create=false the token comes from your Secret: remove it here" }}
{{- end }}
{{- range $pin := $values.caPin }}
{{- if not (regexMatch "^sha256:[0-9a-f]{64}$" $pin) }}
{{- $problems = printf "%s\ncaPin: %s is not sha256: and 64 hexadecimal digits (tctl status shows it)" $problems $pin }}
{{- end }}
{{- end }}
{{- $most := include "agent.mostReplicas" . | int }}
{{- if or (lt (int $values.highAvailability.replicaCount) 1) (gt (int $values.highAvailability.replicaCount) $most) }}
{{- $problems = printf "%s\nhighAvailability.replicaCount: must be from 1 to %d" $problems $most }}
{{- end }}
{{- include "teleport.fail" (dict "problems" $problems) -}}
{{- end -}}

{{- define "agent.token" -}}
{{- .root.Values.authToken | default .root.Values.joinParams.tokenName -}}
{{- end -}}

{{- /* What an upgrade without a token keeps: pods that have joined need none, but the Secret of new ones must not vanish. */ -}}
{{- define "agent.keptToken" -}}
{{- if .root.Release.IsUpgrade -}}
{{- $secret := lookup "v1" "Secret" .root.Release.Namespace .root.Values.joinTokenSecret.name -}}
{{- if $secret }}{{ get ($secret.data | default dict) "auth-token" | b64dec }}{{ end -}}
{{- end -}}
{{- end -}}

{{- define "agent.roleName" -}}{{ .root.Values.roleName | default .root.Release.Name }}{{- end -}}
{{- define "agent.roleBindingName" -}}{{ .root.Values.roleBindingName | default .root.Release.Name }}{{- end -}}
{{- define "agent.deleteName" -}}{{ .root.Release.Name }}-delete-state{{- end -}}

{{- /* The Secrets of the pods' identities: <pod>-state. */ -}}
{{- define "agent.stateSecrets" -}}
{{- range $index := until (int .count) }}
- {{ $.root.Release.Name }}-{{ $index }}-state
{{- end }}
{{- end -}}

{{- define "agent.config" -}}
{{- $values := .root.Values -}}
{{- $teleport := dict
  "data_dir" "/var/lib/teleport/data"
  "proxy_server" $values.proxyAddr
  "join_params" (dict "method" $values.joinParams.method "token_name" "/etc/teleport-secrets/auth-token")
  "log" (include "teleport.logSection" . | fromYaml) -}}
{{- with $values.caPin }}{{ $_ := set $teleport "ca_pin" . }}{{ end -}}
{{- $kubernetes := dict "enabled" true "kube_cluster_name" $values.kubeClusterName -}}
{{- with $values.labels }}{{ $_ := set $kubernetes "labels" . }}{{ end -}}
{{- $config := dict
  "version" "v3"
  "teleport" $teleport
  "kubernetes_service" $kubernetes
  "auth_service" (dict "enabled" false)
  "proxy_service" (dict "enabled" false)
  "ssh_service" (dict "enabled" false) -}}
{{- include "teleport.mergeInto" (dict "base" $config "over" $values.teleportConfig) -}}
{{- toYaml $config -}}
{{- end -}}
