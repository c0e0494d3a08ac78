import { isIP } from 'node:net'
import { kubeServerUrl } from '../client/index.ts'
import { CliError } from './errors.ts'
import { toYaml } from './format.ts'

/** Marks files of ours, so that the nightly `tctl auth sign` may replace them and nothing else. */
export const SIGNED_MARKER = 'written by tctl auth sign'

export interface SignedIdentity {
  readonly user: string
  readonly teleportCluster: string
  /** PEM, like the two below. */
  readonly certificate: string
  readonly privateKey: string
  readonly hostCa: string
  /** RFC 3339. */
  readonly expires: string
  /** The marker of the command. */
  readonly writtenBy: string
}

/** Key, certificate and authorities in one PEM file. */
export function identityFile(signed: SignedIdentity): string {
  return [
    `# ${signed.writtenBy}`,
    `# user ${signed.user} of ${signed.teleportCluster}, valid until ${signed.expires}`,
    signed.privateKey.trimEnd(),
    signed.certificate.trimEnd(),
    signed.hostCa.trimEnd(),
    '',
  ].join('\n')
}

/**
 * A kubeconfig with a context for each cluster and the credentials inside. It selects the named cluster, else the
 * only one, else none: a robot must not land in a cluster by accident. Throws CliError for a name that the user's
 * roles do not reach, and when they reach none at all.
 */
export function kubeconfigFile(options: {
  readonly signed: SignedIdentity
  /** host:port */
  readonly address: string
  readonly clusters: readonly { readonly name: string; readonly serverName: string }[]
  readonly selected: string | null
}): string {
  const { signed, clusters, selected } = options
  if (clusters.length === 0) {
    throw new CliError(
      'REFUSED',
      `no Kubernetes cluster is open to the roles of "${signed.user}"`,
      {
        hint: 'an administrator sees clusters and labels by "tctl kube ls", and groups and users by "tctl get users,roles"',
      },
    )
  }
  if (selected !== null && !clusters.some(({ name }) => name === selected)) {
    throw new CliError(
      'REFUSED',
      `Kubernetes cluster "${selected}" is not open to "${signed.user}"`,
      {
        hint: `open are: ${clusters.map(({ name }) => name).join(', ')}`,
      },
    )
  }
  const origin = serverOrigin(options.address)
  const contextOf = (name: string): string => `${signed.teleportCluster}-${name}`
  const userEntry = `${signed.teleportCluster}-${signed.user}`
  const [first] = clusters
  const current = selected ?? (clusters.length === 1 && first !== undefined ? first.name : null)
  const body = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: clusters.map(({ name, serverName }) => ({
      name: contextOf(name),
      cluster: {
        server: kubeServerUrl(origin, serverName),
        'tls-server-name': serverName,
        'certificate-authority-data': base64(signed.hostCa),
      },
    })),
    users: [
      {
        name: userEntry,
        user: {
          'client-certificate-data': base64(signed.certificate),
          'client-key-data': base64(signed.privateKey),
        },
      },
    ],
    contexts: clusters.map(({ name }) => ({
      name: contextOf(name),
      context: { cluster: contextOf(name), user: userEntry },
    })),
    'current-context': current === null ? '' : contextOf(current),
  }
  return `# ${signed.writtenBy}: user ${signed.user}, valid until ${signed.expires}\n${toYaml(body)}`
}

/** `host:port` as a URL; `https://…` may stand before it. Refuses what would lead elsewhere. */
function serverOrigin(address: string): string {
  const text = address.includes('://') ? address : `https://${bracketed(address)}`
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || url.protocol !== 'https:' || url.username !== '' || url.search !== '') {
    throw new CliError('USAGE', `"${address}" is not an address like kube.example.com:3026`)
  }
  return `https://${url.host}`
}

const bracketed = (address: string): string => (isIP(address) === 6 ? `[${address}]` : address)

const base64 = (text: string): string => Buffer.from(text).toString('base64')
