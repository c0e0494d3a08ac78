/**
 * upstream speaks with kube-apiservers: kubeconfig contexts or a pod's ServiceAccount, their credentials kept current, pooled
 * connections, upgrades, and the check of our own rights.
 *
 * Trusts: that the caller decided about a request and put its impersonation headers in; it refuses only headers that are its
 * own (Authorization, Host). The API server is trusted after its certificate was checked against the context's CA.
 * Refuses: to guess credentials (two ways to log in are an error), to go on without a checked certificate unless the
 * kubeconfig says so, to send a request with a body twice.
 * Limits are in limits.ts. Tests: beside the code, in-process servers in test/integration/upstream.
 */
export { UpstreamError, type UpstreamErrorCode } from './errors.ts'
export { defaultUpstreamLimits, type UpstreamLimits } from './limits.ts'
export {
  type BrokenContext,
  type LoadedUpstreams,
  type LoadUpstreamsOptions,
  loadKubeconfigFiles,
  loadUpstreams,
  THROUGH_TELEPORT,
  type UpstreamSource,
} from './load-upstreams.ts'
export { type OpenUpstream, type OpenUpstreamOptions, openUpstream } from './open-upstream.ts'
export { targetOfResource } from './resource-target.ts'
export type { Probe, SelfCheckReport } from './self-check.ts'
export type { KubeTarget, TargetLogin } from './target.ts'
export type {
  PodFacts,
  UpgradeConnection,
  Upstream,
  UpstreamExchange,
  UpstreamFailure,
  UpstreamFailureCode,
  UpstreamRequest,
  UpstreamSink,
} from './types.ts'
