import type { Traits } from '../identity/index.ts'
import type { KubeClusterRef, LabelSelector } from './types.ts'

/**
 * Whether a cluster's labels match a selector: every name must be there, with a value that matches one of its patterns.
 * An empty selector matches nothing; the name `*`, which goes with the value `*` only, is there in every cluster. A label
 * whose value is not known matches nothing but `*`.
 */
export const labelsMatch = (
  selector: LabelSelector,
  { labels }: KubeClusterRef,
  traits: Traits,
): boolean =>
  selector.length > 0 &&
  selector.every(({ name, patterns }) => {
    if (name === '*') return true
    const value = Object.hasOwn(labels, name) ? labels[name] : undefined
    return value !== undefined && patterns.some((pattern) => pattern.matches(value, traits))
  })

/** The same for what forbids: a label whose value is not known might be any, so it matches every pattern. */
export const labelsMayMatch = (
  selector: LabelSelector,
  cluster: KubeClusterRef,
  traits: Traits,
): boolean => {
  const known = selector.filter(({ name }) => !cluster.unknownLabels.includes(name))
  return known.length === 0 ? selector.length > 0 : labelsMatch(known, cluster, traits)
}
