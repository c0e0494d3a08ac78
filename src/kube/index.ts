export { KubeError, type KubeErrorCode } from './errors.ts'
export { headerToText, textToHeader } from './header-text.ts'
export { type ImpersonatedPrincipals, responseHeaders, upstreamHeaders } from './headers.ts'
export { canonicalName, parseImpersonation } from './impersonation.ts'
export { KubeconfigError, type KubeconfigErrorCode } from './kubeconfig/errors.ts'
export { mergeKubeconfigs } from './kubeconfig/merge-kubeconfigs.ts'
export { maxKubeconfigBytes, parseKubeconfig } from './kubeconfig/parse-kubeconfig.ts'
export { resolveContext } from './kubeconfig/resolve-context.ts'
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
export { parseRequestInfo } from './request-info.ts'
export { discoveryText, type StatusReason, statusBody, statusCodes } from './status.ts'
export type {
  KubeVerb,
  NonResourceRequest,
  RequestedImpersonation,
  RequestInfo,
  ResourceRequest,
} from './types.ts'
