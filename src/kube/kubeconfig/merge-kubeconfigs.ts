import type { Kubeconfig, KubeconfigContext } from './types.ts'

/**
 * What `$KUBECONFIG` with several files means: of entries with the same name the first file's wins, a broken one included.
 *
 * @see https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/#merging-kubeconfig-files
 */
export function mergeKubeconfigs(configs: readonly Kubeconfig[]): Kubeconfig {
  const contexts = new Map<string, KubeconfigContext>()
  for (const context of configs.flatMap((config) => config.contexts)) {
    if (!contexts.has(context.name)) contexts.set(context.name, context)
  }
  return {
    contexts: [...contexts.values()],
    clusters: firstWins(configs.map((config) => config.clusters)),
    users: firstWins(configs.map((config) => config.users)),
    currentContext:
      configs.find((config) => config.currentContext !== null)?.currentContext ?? null,
  }
}

function firstWins<T>(maps: readonly ReadonlyMap<string, T>[]): ReadonlyMap<string, T> {
  return new Map(maps.toReversed().flatMap((map) => [...map]))
}
