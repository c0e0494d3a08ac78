/** A kubeconfig as it was written, entry by entry. Broken entries are kept with their reason: the others still serve. */
export interface Kubeconfig {
  /** In the file's order. */
  readonly contexts: readonly KubeconfigContext[]
  readonly clusters: ReadonlyMap<string, KubeconfigEntry<KubeconfigCluster>>
  readonly users: ReadonlyMap<string, KubeconfigEntry<KubeconfigUser>>
  readonly currentContext: string | null
}

export type KubeconfigEntry<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: string }

export interface KubeconfigContext {
  readonly name: string
  /** The names it refers to, or why it cannot be used. */
  readonly entry: KubeconfigEntry<{
    readonly cluster: string
    /** `''`: no credentials. */
    readonly user: string
    readonly namespace: string | null
  }>
}

/** A value inline or in a file; data wins over a file, as in client-go. */
export type PemSource =
  | { readonly kind: 'data'; readonly pem: string }
  | { readonly kind: 'file'; readonly path: string }

export interface KubeconfigCluster {
  /** `http://` or `https://`, host, optional port. Without a trailing slash. */
  readonly origin: string
  /** Path before `/api`: `''` or `/k8s/clusters/c-1`. Never ends with a slash. */
  readonly basePath: string
  /** Null: the system's authorities. */
  readonly certificateAuthority: PemSource | null
  readonly insecureSkipTlsVerify: boolean
  readonly tlsServerName: string | null
  readonly proxyUrl: string | null
  readonly disableCompression: boolean
  /** What the extension `client.authentication.k8s.io/exec` holds, for exec plugins that ask for cluster info. */
  readonly execConfig: unknown
}

export interface KubeconfigUser {
  readonly clientCertificate: {
    readonly certificate: PemSource
    readonly key: PemSource
  } | null
  readonly login: KubeconfigLogin
}

/** How requests are authenticated besides the TLS client certificate. */
export type KubeconfigLogin =
  | { readonly kind: 'none' }
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'tokenFile'; readonly path: string }
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | { readonly kind: 'exec'; readonly exec: ExecPlugin }

/** KEP-541 and `client.authentication.k8s.io`. */
export interface ExecPlugin {
  readonly apiVersion: ExecApiVersion
  readonly command: string
  readonly args: readonly string[]
  readonly env: readonly { readonly name: string; readonly value: string }[]
  readonly provideClusterInfo: boolean
  readonly installHint: string | null
}

export type ExecApiVersion =
  | 'client.authentication.k8s.io/v1'
  | 'client.authentication.k8s.io/v1beta1'

/** One context with everything it refers to. */
export interface ResolvedContext {
  readonly name: string
  readonly namespace: string | null
  readonly cluster: KubeconfigCluster
  readonly user: KubeconfigUser
}
