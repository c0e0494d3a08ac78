/**
 * All clusters of a proxy have one address. client-go keeps discovery documents and answers by the URL of the server
 * (client-go, discovery/cached/disk and ToDiscoveryClient: host and path), so kubeconfigs must give each cluster a URL of its
 * own, or a kubectl that has just spoken to one cluster asks the next for kinds that it does not have. The path says no more
 * than the server name does, and decides nothing: the server name has chosen the cluster before it is read.
 */
export function kubeServerPath(serverName: string): string {
  return `/${serverName.slice(0, LABEL_CHARS)}`
}

/** A target without the path of a cluster. */
export interface ClusterTarget {
  /** Path and query, byte for byte as they stand below it. */
  readonly target: string
  /** Whether the path was that of another cluster than the server name's. */
  readonly misdirected: boolean
}

/**
 * Takes the path of a cluster off a target, once. Targets without one are what they are: older kubeconfigs and
 * `kubectl get --raw` have none.
 */
export function belowServerPath(target: string, serverName: string): ClusterTarget {
  const label = target.startsWith('/k-') ? SERVER_PATH.exec(target)?.[1] : undefined
  if (label === undefined) return { target, misdirected: false }
  const rest = target.slice(1 + LABEL_CHARS)
  return {
    target: rest.startsWith('/') ? rest : `/${rest}`,
    misdirected: label !== serverName.slice(0, LABEL_CHARS),
  }
}

/** `k-` and 160 bits in base32. */
const LABEL_CHARS = 34
const SERVER_PATH = /^\/(k-[a-z2-7]{32})(?![^/?])/
