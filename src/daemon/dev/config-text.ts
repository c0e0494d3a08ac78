/** Ports on loopback; the documented ones where they are free. */
export interface DevPorts {
  readonly auth: number
  readonly web: number
  readonly kube: number
}

/** The file that `teleport start --dev` writes. Pure. */
export function devConfigText(facts: {
  readonly directory: string
  readonly ports: DevPorts
  readonly kubeconfigFile: string
}): string {
  const { directory, ports, kubeconfigFile } = facts
  return `# Written by "teleport start --dev" at each start: for trying things out on this machine, not for production.
teleport:
  nodename: localhost
  data_dir: ${JSON.stringify(directory)}
  log:
    output: ${JSON.stringify(`${directory}/teleport.log`)}
auth_service:
  cluster_name: localhost
  listen_addr: 127.0.0.1:${ports.auth}
  authentication:
    type: local
    # A password alone, so that the first minute needs no phone. Elsewhere leave this line out: then it is "otp".
    second_factor: "off"
proxy_service:
  # Not "localhost": programs look for that at [::1] first, where somebody else on this machine may listen.
  public_addr: 127.0.0.1:${ports.web}
  web_listen_addr: 127.0.0.1:${ports.web}
  kube_listen_addr: 127.0.0.1:${ports.kube}
  kube_public_addr: 127.0.0.1:${ports.kube}
kubernetes_service:
  enabled: yes
  kubeconfig_file: ${JSON.stringify(kubeconfigFile)}
`
}
