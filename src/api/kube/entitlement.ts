import { type ClusterMatchers, clusterMatchers } from '../../authz/index.ts'
import { isFixedToken, type Member as JoinedMember, type JoinTokens } from '../../join/index.ts'
import type { DynamicCluster } from './dynamic-clusters.ts'

/** Compiled once for each form in which they are written: a fleet has few. */
const MAX_COMPILED = 1000

/**
 * Which dynamic clusters a member may have: what its join token says, and never what the member says. A token of the configuration
 * file says it today, and nothing once it is taken out of the file; any other said it when the member joined.
 */
export class Entitlements {
  readonly #tokens: Pick<JoinTokens, 'read'>
  readonly #compiled = new Map<string, ClusterMatchers>()

  constructor(tokens: Pick<JoinTokens, 'read'>) {
    this.#tokens = tokens
  }

  async of({
    lineage,
    kubeResources,
  }: Pick<JoinedMember, 'lineage' | 'kubeResources'>): Promise<ClusterMatchers> {
    if (!isFixedToken(lineage)) return this.#matchers(kubeResources ?? [])
    const token = await this.#tokens.read(lineage)
    return this.#matchers(token?.kubeResources ?? [])
  }

  #matchers(written: Parameters<typeof clusterMatchers>[0]): ClusterMatchers {
    const key = JSON.stringify(written)
    const known = this.#compiled.get(key)
    if (known !== undefined) return known
    const compiled = clusterMatchers(written)
    if (this.#compiled.size >= MAX_COMPILED) this.#compiled.clear()
    this.#compiled.set(key, compiled)
    return compiled
  }
}

/** Splits what a member asks for into what it gets and how many are kept from it. */
export function selectClusters(
  all: readonly DynamicCluster[],
  wanted: ClusterMatchers,
  allowed: ClusterMatchers,
  most: number,
): { readonly given: readonly DynamicCluster[]; readonly withheld: number } {
  const selected = all.filter(({ labels }) => wanted.select(labels))
  const given = selected.filter(({ labels }) => allowed.select(labels))
  return { given: given.slice(0, most), withheld: selected.length - given.length }
}
