import type { Traits } from '../identity/index.ts'
import type { LabelSelector } from './types.ts'

/**
 * Whether a cluster's labels match a selector: every name must be there, with a value that matches one of its patterns.
 * An empty selector matches nothing; the name `*`, which goes with the value `*` only, is there in every cluster.
 */
export const labelsMatch = (
  selector: LabelSelector,
  labels: Readonly<Record<string, string>>,
  traits: Traits,
): boolean =>
  selector.length > 0 &&
  selector.every(({ name, patterns }) => {
    if (name === '*') return true
    const value = Object.hasOwn(labels, name) ? labels[name] : undefined
    return value !== undefined && patterns.some((pattern) => pattern.matches(value, traits))
  })
