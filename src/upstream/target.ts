import type { ExecPlugin, PemSource, ResolvedContext } from '../kube/index.ts'

/** A cluster that can be opened: where it is and with what it is entered. Holds secrets, so it is never logged. */
export interface KubeTarget {
  /** The context's name, or `kube_cluster_name` in a pod. */
  readonly name: string
  readonly secure: boolean
  readonly hostname: string
  readonly port: number
  /** The `Host` header's value. */
  readonly host: string
  readonly basePath: string
  /** Name for SNI and for the server certificate's check. */
  readonly tlsServerName: string | null
  readonly insecureSkipTlsVerify: boolean
  readonly certificateAuthority: PemSource | null
  readonly clientCertificate: { readonly certificate: PemSource; readonly key: PemSource } | null
  readonly login: TargetLogin
  readonly proxyUrl: string | null
}

export type TargetLogin =
  | { readonly kind: 'none' }
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'tokenFile'; readonly path: string }
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | { readonly kind: 'exec'; readonly exec: ExecPlugin; readonly execConfig: unknown }

/** The target that a kubeconfig context describes. */
export function targetOfContext(context: ResolvedContext): KubeTarget {
  const { cluster, user } = context
  const { login } = user
  return {
    name: context.name,
    ...addressOf(new URL(cluster.origin)),
    basePath: cluster.basePath,
    tlsServerName: cluster.tlsServerName,
    insecureSkipTlsVerify: cluster.insecureSkipTlsVerify,
    certificateAuthority: cluster.certificateAuthority,
    clientCertificate: user.clientCertificate,
    login: login.kind === 'exec' ? { ...login, execConfig: cluster.execConfig } : login,
    proxyUrl: cluster.proxyUrl,
  }
}

/** Splits an origin. A bracketed IPv6 host loses its brackets in `hostname`, not in `host`. */
export function addressOf(url: URL): Pick<KubeTarget, 'secure' | 'hostname' | 'port' | 'host'> {
  const secure = url.protocol === 'https:'
  return {
    secure,
    hostname: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    host: url.host,
  }
}

/** The origin that was given: `https://10.0.0.1:6443`. */
export function originOf(target: KubeTarget): string {
  return `${target.secure ? 'https' : 'http'}://${target.host}`
}
