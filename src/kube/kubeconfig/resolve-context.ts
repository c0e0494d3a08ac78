import type { Kubeconfig, KubeconfigContext, KubeconfigUser, ResolvedContext } from './types.ts'

const anonymous: KubeconfigUser = { clientCertificate: null, login: { kind: 'none' } }

/**
 * Looks up what a context refers to.
 *
 * @returns the context with its cluster and user, or the reason, naming entry and field, why it cannot be used.
 */
export function resolveContext(
  config: Kubeconfig,
  context: KubeconfigContext,
): { ok: true; context: ResolvedContext } | { ok: false; reason: string } {
  if (!context.entry.ok) return context.entry
  const names = context.entry.value
  const cluster = config.clusters.get(names.cluster)
  if (cluster === undefined) {
    return {
      ok: false,
      reason: `context "${context.name}": cluster "${names.cluster}" is not defined`,
    }
  }
  if (!cluster.ok) return cluster
  const user =
    names.user === '' ? { ok: true as const, value: anonymous } : config.users.get(names.user)
  if (user === undefined) {
    return { ok: false, reason: `context "${context.name}": user "${names.user}" is not defined` }
  }
  if (!user.ok) return user
  const { namespace } = names
  return {
    ok: true,
    context: { name: context.name, namespace, cluster: cluster.value, user: user.value },
  }
}
