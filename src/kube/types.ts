/** Kubernetes request verbs, with the ones that an upgrade turns a request into. */
export type KubeVerb =
  | 'get'
  | 'list'
  | 'watch'
  | 'create'
  | 'update'
  | 'patch'
  | 'delete'
  | 'deletecollection'
  | 'exec'
  | 'attach'
  | 'portforward'
  | 'proxy'

/** What a request asks of the API server; the shape follows Kubernetes' apiserver `request.RequestInfo`. */
export type RequestInfo = ResourceRequest | NonResourceRequest

export interface ResourceRequest {
  readonly kind: 'resource'
  readonly verb: KubeVerb
  /** `api` or `apis`. */
  readonly prefix: 'api' | 'apis'
  /** `''` for the core group. */
  readonly apiGroup: string
  readonly apiVersion: string
  /** `''` when cluster-scoped. */
  readonly namespace: string
  readonly resource: string
  /** `''` when there is none. */
  readonly subresource: string
  /** `''` when there is none: lists, creates. A list or watch of one object (`fieldSelector`) has its name. */
  readonly name: string
  /** Changes something, or opens a way to: everything but get, list and watch. */
  readonly mutating: boolean
  /** Watches, `logs -f`, exec, attach, port-forward and whatever a proxied program sends: may stay open for hours. */
  readonly longRunning: boolean
  /** The path as it came, without the query. */
  readonly path: string
}

export interface NonResourceRequest {
  readonly kind: 'nonResource'
  /** The HTTP method in lower case. */
  readonly verb: string
  /** Reads of `/api`, `/apis`, `/apis/<group>/<version>`, `/version`, `/openapi/…`: no audit event, refusals as 403 text. */
  readonly discovery: boolean
  readonly mutating: boolean
  readonly longRunning: boolean
  readonly path: string
}

/** The `Impersonate-*` headers that the client sent, already decoded to text. */
export interface RequestedImpersonation {
  /** Empty values are left out. */
  readonly users: readonly string[]
  readonly groups: readonly string[]
  /** Lower-case names of `impersonate-uid`, `impersonate-extra-*` and unknown `impersonate-*` headers. */
  readonly unsupported: readonly string[]
}
