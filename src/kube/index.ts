/**
 * kube is the vocabulary of Kubernetes: what a request asks for, who it wants to be, which headers go up and come back,
 * what a Status looks like, what a kubeconfig says. It is pure: values in, values out.
 *
 * Trusts: that an HTTP parser made method, target and header pairs out of bytes. Trusts nothing in them.
 * Refuses: a request that two readers could understand differently (dot segments, encoded slashes, contradicting flags),
 * upgrades of anything but streams, names that would not arrive as they were sent. Every header of the impersonation
 * family that a client sends ends here; a request without ours cannot be made.
 * Follows: Kubernetes' `RequestInfoFactory` for paths, RFC 9110 7.6.1 and RFC 9112 6 for headers. An upgrade on an
 * aggregated API's own streams (`…/virtualmachineinstances/x/console`) is refused, since nothing judges those.
 * Test: tables of paths, a museum of hostile ones, and properties over any bytes.
 */
export { KubeError, type KubeErrorCode } from './errors.ts'
export { isHeaderText } from './header-text.ts'
export { type ImpersonatedPrincipals, responseHeaders, upstreamHeaders } from './headers.ts'
export { parseImpersonation } from './impersonation.ts'
export { KubeconfigError, type KubeconfigErrorCode } from './kubeconfig/errors.ts'
export { mergeKubeconfigs } from './kubeconfig/merge-kubeconfigs.ts'
export { maxKubeconfigBytes, parseKubeconfig } from './kubeconfig/parse-kubeconfig.ts'
export { resolveContext } from './kubeconfig/resolve-context.ts'
export { kubeconfigText, readResourceKubeconfig } from './kubeconfig/resource-kubeconfig.ts'
export type {
  ExecApiVersion,
  ExecPlugin,
  Kubeconfig,
  KubeconfigCluster,
  KubeconfigContext,
  KubeconfigEntry,
  KubeconfigLogin,
  KubeconfigUser,
  PemSource,
  ResolvedContext,
} from './kubeconfig/types.ts'
export { isNodeCommand } from './node-command.ts'
export { parseRequestInfo } from './request-info.ts'
export { serviceAccountGroups } from './service-account.ts'
export {
  discoveryText,
  type StatusReason,
  statusBody,
  statusCodes,
  watchErrorEvent,
} from './status.ts'
export type {
  KubeVerb,
  NonResourceRequest,
  RequestedImpersonation,
  RequestInfo,
  ResourceRequest,
} from './types.ts'
