export type {
  KubeVerb,
  NonResourceRequest,
  RequestedImpersonation,
  RequestInfo,
  ResourceRequest,
} from './types.ts'
