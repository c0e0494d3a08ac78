{{- /*
The objects of a Teleport cluster: "root" as in _common.tpl, with values whose deprecated names were put into their new places by
teleport-cluster.values. The alias chart "teleport" carries the same file.
*/ -}}

{{- /* Deprecated names win, since who gives them means them. */ -}}
{{- define "teleport-cluster.values" -}}
{{- $values := deepCopy (omit . "AsMap") -}}
{{- with $values.authenticationType }}{{ $_ := set $values.authentication "type" . }}{{ end -}}
{{- if not (kindIs "invalid" $values.authenticationSecondFactor) }}{{ $_ := set $values.authentication "secondFactor" $values.authenticationSecondFactor }}{{ end -}}
{{- range $key := list "existingClaimName" "volumeSize" -}}
{{- with get $values.standalone $key }}{{ $_ := set $values.persistence $key . }}{{ end -}}
{{- end -}}
{{- toYaml $values -}}
{{- end -}}

{{- define "teleport-cluster.root" -}}
{{- dict "Values" (include "teleport-cluster.values" .Values | fromYaml) "Chart" (dict "Name" .Chart.Name "Version" .Chart.Version "AppVersion" .Chart.AppVersion) "Release" (dict "Name" .Release.Name "Namespace" .Release.Namespace "Service" .Release.Service) | toYaml -}}
{{- end -}}

{{- define "teleport-cluster.judge" -}}
{{- $values := .root.Values -}}
{{- $problems := include "teleport.refused" (dict "values" $values "refused" (dict
  "acme" "certificates are not fetched in this version: name a Secret with tls.existingSecretName"
  "acmeEmail" "certificates are not fetched in this version: name a Secret with tls.existingSecretName"
  "acmeURI" "certificates are not fetched in this version: name a Secret with tls.existingSecretName"
  "annotations.certSecret" "no Certificate is created: annotate the Secret that tls.existingSecretName names"
  "authentication.connectorName" "there are no identity providers in this version"
  "authentication.lockingMode" "roles say how locks are kept (spec.options.lock: strict or best_effort): remove it"
  "authentication.webauthn" "the second factor is a one-time code in this version: authentication.secondFactor otp, on or off"
  "aws" "state is kept on a volume in this version: remove it"
  "azure" "state is kept on a volume in this version: remove it"
  "enterprise" "there is one edition: remove it"
  "enterpriseImage" "there is one edition: set image"
  "gcp" "state is kept on a volume in this version: remove it"
  "highAvailability.certManager.enabled" "create the Certificate beside this release, and name its Secret with tls.existingSecretName"
  "ingress.enabled" "an ingress that ends TLS takes the client certificates away: use service.type, or a load balancer that passes TLS on"
  "log.extraFields" "lines always carry time, level, service and what they are about: remove it"
  "mongoPublicAddr" "there is no database access in this product: remove it"
  "mysqlPublicAddr" "there is no database access in this product: remove it"
  "operator.enabled" "there is no operator in this version: tctl create -f"
  "podSecurityPolicy.enabled" "PodSecurityPolicy is gone from Kubernetes: the pods meet the restricted Pod Security Standard as they are"
  "postgresPublicAddr" "there is no database access in this product: remove it"
  "separateMongoListener" "there is no database access in this product: remove it"
  "separatePostgresListener" "there is no database access in this product: remove it"
  "sshPublicAddr" "there is no SSH in this product: remove it"
)) -}}
{{- if eq $values.chartMode "standalone" }}
{{- if not $values.clusterName }}
{{- $problems = printf "%s\n%s" $problems "clusterName is required: the name of the Teleport cluster, and the host name under which it is reached (teleport.example.com)" }}
{{- else if not (regexMatch "^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$" $values.clusterName) }}
{{- $problems = printf "%s\n%s" $problems "clusterName: must be a host name in lower case" }}
{{- end }}
{{- else if eq $values.chartMode "scratch" }}
{{- if not (or $values.teleportConfig $values.auth.teleportConfig $values.proxy.teleportConfig) }}
{{- $problems = printf "%s\n%s" $problems "chartMode scratch: the whole teleport.yaml comes from teleportConfig (auth.teleportConfig, proxy.teleportConfig), which is empty" }}
{{- end }}
{{- else }}
{{- $problems = printf "%s\nchartMode %s: this version has standalone and scratch; state is kept on a volume" $problems $values.chartMode }}
{{- end }}
{{- range $block := list "auth" "proxy" }}
{{- range $key, $value := get $values $block }}
{{- if ne $key "teleportConfig" }}
{{- $problems = printf "%s\n%s.%s: auth and proxy run in one pod: set %s" $problems $block $key $key }}
{{- end }}
{{- end }}
{{- end }}
{{- if ne (int $values.highAvailability.replicaCount) 1 }}
{{- $problems = printf "%s\n%s" $problems "highAvailability.replicaCount: one pod holds the state in this version: set 1" }}
{{- end }}
{{- if ne $values.authentication.type "local" }}
{{- $problems = printf "%s\n%s" $problems "authentication.type: this version knows local" }}
{{- end }}
{{- if eq (toString $values.authentication.localAuth) "false" }}
{{- $problems = printf "%s\n%s" $problems "authentication.localAuth: without local users nobody could log in in this version" }}
{{- end }}
{{- include "teleport.fail" (dict "problems" $problems) -}}
{{- end -}}

{{- /* teleport.yaml */ -}}
{{- define "teleport-cluster.config" -}}
{{- $values := .root.Values -}}
{{- $config := dict -}}
{{- if eq $values.chartMode "standalone" }}
{{- $public := $values.publicAddr | default (list (printf "%s:443" $values.clusterName)) -}}
{{- $kube := $values.kubePublicAddr | default (eq $values.proxyListenerMode "multiplex" | ternary $public (list (printf "%s:3026" $values.clusterName))) -}}
{{- $proxy := dict
  "enabled" true
  "web_listen_addr" "0.0.0.0:3080"
  "public_addr" $public
  "kube_listen_addr" "0.0.0.0:3026"
  "kube_public_addr" $kube -}}
{{- if ne $values.proxyListenerMode "multiplex" -}}
{{- $_ := set $proxy "tunnel_listen_addr" "0.0.0.0:3024" -}}
{{- $_ := set $proxy "tunnel_public_addr" ($values.tunnelPublicAddr | default (list (printf "%s:3024" $values.clusterName))) -}}
{{- else if $values.tunnelPublicAddr -}}
{{- $_ := set $proxy "tunnel_public_addr" $values.tunnelPublicAddr -}}
{{- end -}}
{{- if $values.tls.existingSecretName }}
{{- $_ := set $proxy "https_keypairs" (list (dict "key_file" "/etc/teleport-tls/tls.key" "cert_file" "/etc/teleport-tls/tls.crt")) -}}
{{- end -}}
{{- /* YAML reads off and on as booleans. */ -}}
{{- $factor := get (dict "true" "on" "false" "off") (toString $values.authentication.secondFactor) | default $values.authentication.secondFactor -}}
{{- $recording := get (dict "false" "off") (toString $values.sessionRecording) | default $values.sessionRecording | default "node" -}}
{{- if $values.proxyProtocol }}{{ $_ := set $proxy "proxy_protocol" (toString $values.proxyProtocol) }}{{ end -}}
{{- $kubernetes := dict "enabled" true "kube_cluster_name" ($values.kubeClusterName | default $values.clusterName) -}}
{{- with $values.labels }}{{ $_ := set $kubernetes "labels" . }}{{ end -}}
{{- $config = dict
  "version" "v3"
  "teleport" (dict "data_dir" "/var/lib/teleport/data" "log" (include "teleport.logSection" . | fromYaml))
  "auth_service" (dict
    "enabled" true
    "cluster_name" $values.clusterName
    "listen_addr" "0.0.0.0:3025"
    "authentication" (dict "type" "local" "second_factor" $factor)
    "session_recording" $recording)
  "proxy_service" $proxy
  "kubernetes_service" $kubernetes
  "ssh_service" (dict "enabled" false) -}}
{{- end }}
{{- range list $values.auth.teleportConfig $values.proxy.teleportConfig $values.teleportConfig -}}
{{- include "teleport.mergeInto" (dict "base" $config "over" (. | default dict)) -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{- define "teleport-cluster.configMap" -}}
{{- include "teleport-cluster.judge" . -}}
apiVersion: v1
kind: ConfigMap
metadata:
  {{- include "teleport.metadata" (dict "root" .root "name" .root.Release.Name "kind" "config" "annotate" "config") | nindent 2 }}
data:
  teleport.yaml: |
    {{- include "teleport-cluster.config" . | nindent 4 }}
{{- end -}}

{{- define "teleport-cluster.rbac" -}}
{{- $name := include "teleport.clusterWideName" . -}}
{{- include "teleport.impersonation" (dict "root" .root "role" $name "binding" $name) -}}
{{- end -}}

{{- define "teleport-cluster.claim" -}}
{{- with .root.Values.persistence }}
{{- if and .enabled (not .existingClaimName) }}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  {{- /* The authorities lie there: uninstalling must not make every certificate worthless. */}}
  {{- include "teleport.metadata" (dict "root" $.root "name" $.root.Release.Name "kind" "persistentVolumeClaim" "hook" (dict "helm.sh/resource-policy" "keep")) | nindent 2 }}
spec:
  accessModes: [ReadWriteOnce]
  {{- with .storageClassName }}
  storageClassName: {{ . }}
  {{- end }}
  resources:
    requests:
      storage: {{ .volumeSize }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "teleport-cluster.services" -}}
{{- $values := .root.Values -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "teleport.metadata" (dict "root" .root "name" .root.Release.Name "kind" "service" "annotate" "service") | nindent 2 }}
spec:
  type: {{ $values.service.type }}
  {{- with $values.service.spec }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  ports:
    - {name: tls, port: 443, targetPort: web, protocol: TCP}
    {{- if ne $values.proxyListenerMode "multiplex" }}
    - {name: k8s, port: 3026, targetPort: kube, protocol: TCP}
    - {name: sshtun, port: 3024, targetPort: tunnel, protocol: TCP}
    {{- end }}
  selector:
    {{- include "teleport.selector" . | nindent 4 }}
---
apiVersion: v1
kind: Service
metadata:
  {{- include "teleport.metadata" (dict "root" .root "name" (printf "%s-auth" .root.Release.Name) "kind" "service") | nindent 2 }}
spec:
  type: ClusterIP
  ports:
    - {name: auth, port: 3025, targetPort: auth, protocol: TCP}
  selector:
    {{- include "teleport.selector" . | nindent 4 }}
{{- end -}}

{{- define "teleport-cluster.deployment" -}}
{{- $root := .root -}}
{{- $values := .root.Values -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "teleport.metadata" (dict "root" $root "name" $root.Release.Name "kind" "deployment" "annotate" "deployment") | nindent 2 }}
spec:
  replicas: 1
  strategy:
    # Two pods cannot hold the state at once.
    type: Recreate
  selector:
    matchLabels:
      {{- include "teleport.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "teleport.labels" (dict "root" $root "kind" "pod") | nindent 8 }}
      annotations:
        # The configuration is read at start.
        checksum/config: {{ include "teleport-cluster.config" . | sha256sum }}
        {{- with $values.annotations.pod }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ include "teleport.serviceAccountName" . }}
      terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds }}
      {{- include "teleport.placement" . | nindent 6 }}
      affinity:
        {{- include "teleport.affinity" . | nindent 8 }}
      securityContext:
        {{- toYaml $values.podSecurityContext | nindent 8 }}
      {{- with $values.initContainers }}
      initContainers:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      containers:
        - name: teleport
          image: {{ include "teleport.image" . }}
          imagePullPolicy: {{ $values.imagePullPolicy }}
          args:
            - start
            - --config=/etc/teleport/teleport.yaml
            - --diag-addr=0.0.0.0:3000
            {{- range $values.extraArgs }}
            - {{ . | quote }}
            {{- end }}
          env:
            - name: KUBE_NAMESPACE
              valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
            - name: RELEASE_NAME
              value: {{ $root.Release.Name }}
            {{- include "teleport.caEnv" . | nindent 12 }}
            {{- with $values.extraEnv }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          ports:
            - {name: web, containerPort: 3080, protocol: TCP}
            - {name: kube, containerPort: 3026, protocol: TCP}
            - {name: auth, containerPort: 3025, protocol: TCP}
            - {name: tunnel, containerPort: 3024, protocol: TCP}
            - {name: diag, containerPort: 3000, protocol: TCP}
          {{- include "teleport.probes" . | nindent 10 }}
          {{- with $values.resources }}
          resources:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          securityContext:
            {{- toYaml $values.securityContext | nindent 12 }}
          volumeMounts:
            - {name: config, mountPath: /etc/teleport, readOnly: true}
            - {name: data, mountPath: /var/lib/teleport}
            - {name: tmp, mountPath: /tmp}
            {{- if $values.tls.existingSecretName }}
            - {name: tls, mountPath: /etc/teleport-tls, readOnly: true}
            {{- end }}
            {{- if $values.tls.existingCASecretName }}
            - {name: tls-ca, mountPath: /etc/teleport-tls-ca, readOnly: true}
            {{- end }}
            {{- with $values.extraVolumeMounts }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
        {{- with $values.extraContainers }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      volumes:
        - name: config
          configMap:
            name: {{ $root.Release.Name }}
        - name: data
          {{- if $values.persistence.enabled }}
          persistentVolumeClaim:
            claimName: {{ $values.persistence.existingClaimName | default $root.Release.Name }}
          {{- else }}
          emptyDir: {}
          {{- end }}
        - name: tmp
          emptyDir: {}
        {{- with $values.tls.existingSecretName }}
        - name: tls
          secret:
            secretName: {{ . }}
        {{- end }}
        {{- with $values.tls.existingCASecretName }}
        - name: tls-ca
          secret:
            secretName: {{ . }}
        {{- end }}
        {{- with $values.extraVolumes }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
{{- end -}}

{{- define "teleport-cluster.configCheck" -}}
{{- if .root.Values.validateConfigOnDeploy }}
{{- include "teleport.configCheck" (dict "root" .root "config" (include "teleport-cluster.config" .)) }}
{{- end }}
{{- end -}}

{{- define "teleport-cluster.all" -}}
{{- range $object := list "teleport-cluster.configMap" "teleport-cluster.configCheck" "teleport.serviceAccount" "teleport-cluster.rbac" "teleport-cluster.claim" "teleport-cluster.services" "teleport-cluster.deployment" "teleport.podDisruptionBudget" "teleport.podMonitor" }}
{{- with include $object $ | trim }}
---
{{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "teleport-cluster.notes" -}}
{{- $values := .root.Values -}}
{{- $exec := printf "kubectl exec --namespace %s deploy/%s --" .root.Release.Namespace .root.Release.Name -}}
Teleport runs in the namespace {{ .root.Release.Namespace }}, as the release {{ .root.Release.Name }}.
{{ if eq $values.chartMode "standalone" }}
1. Let {{ $values.clusterName }} lead to its Service:
     kubectl get service --namespace {{ .root.Release.Namespace }} {{ .root.Release.Name }}
{{- if not $values.tls.existingSecretName }}
   The web port shows a certificate of its own: browsers warn of it until tls.existingSecretName names yours.
{{- end }}
2. Make a user; the link that is printed lets him choose a password:
     {{ $exec }} tctl users add alice --k8s-groups=developers
3. On that person's machine:
     tsh login --proxy={{ $values.publicAddr | default (list (printf "%s:443" $values.clusterName)) | first }} --user=alice
     kubectl get pods
{{- else }}
Its configuration is the one that you gave. Administer it with:
     {{ $exec }} tctl status
{{- end }}
{{- if not $values.persistence.enabled }}

WARNING: persistence is off. When the pod goes, users, roles, the audit log and the authorities go with it, and every login is worthless.
{{- else if not $values.persistence.existingClaimName }}

The PersistentVolumeClaim {{ .root.Release.Name }} outlives "helm uninstall": the authorities lie there.
{{- end }}
{{- end -}}
