/** A commented teleport.yaml for `teleport configure`; a test sees to it that it parses. */
export function exampleConfig(facts: {
  readonly clusterName: string
  readonly dataDir: string
  readonly kubeconfigFile: string
  readonly publicAddress: string | null
}): string {
  const { clusterName, dataDir, kubeconfigFile, publicAddress } = facts
  const quoted = (text: string): string => JSON.stringify(text)
  return `# teleport.yaml: see docs/configuration.md for every key.
version: v3
teleport:
  data_dir: ${quoted(dataDir)}
  log:
    severity: INFO
    output: stderr

auth_service:
  enabled: yes
  # Stands in every certificate: choose it once.
  cluster_name: ${quoted(clusterName)}
  listen_addr: 0.0.0.0:3025

proxy_service:
  enabled: yes
  web_listen_addr: 0.0.0.0:3080
  # The Kubernetes integration is off unless a port is given here.
  kube_listen_addr: 0.0.0.0:3026
  ${publicAddress === null ? '# kube_public_addr: kube.example.com:3026' : `kube_public_addr: ${quoted(publicAddress)}`}

kubernetes_service:
  enabled: yes
  # Every context of this file is served as a cluster under its name.
  kubeconfig_file: ${quoted(kubeconfigFile)}
  # Labels of all clusters of this service; roles select by them (kubernetes_labels).
  # labels:
  #   env: prod
`
}
