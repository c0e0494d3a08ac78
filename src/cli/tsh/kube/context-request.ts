import type { ContextRequest } from '../../../client/index.ts'
import type { ContextFlags } from './context-flags.ts'
import { contextName } from './context-name.ts'

/** A request for a context with what was said of it; what was not said is not there. */
export function withContextFlags(
  request: ContextRequest,
  flags: ContextFlags,
  teleportCluster: string,
): ContextRequest {
  const { namespace, as, setContextName: template } = flags
  const { kubeCluster } = request
  const groups = [...(flags.asGroups ?? []), ...(flags.asGroup ?? [])]
  return {
    ...request,
    ...(template === undefined
      ? {}
      : { contextName: contextName(template, { teleportCluster, kubeCluster }) }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(as === undefined && groups.length === 0
      ? {}
      : { impersonate: { user: as ?? null, groups } }),
  }
}
