import type { Traits } from '../identity/index.ts'
import type { PatternCache } from './pattern.ts'
import { expandTemplate } from './template.ts'
import type { LabelSelector } from './types.ts'

/**
 * Whether a cluster's labels match a selector: every name must match one of its patterns. An empty selector matches
 * nothing, `'*': '*'` everything.
 */
export function labelsMatch(
  selector: LabelSelector,
  labels: Readonly<Record<string, string>>,
  traits: Traits,
  patterns: PatternCache,
): boolean {
  const entries = Object.entries(selector)
  if (entries.length === 0) return false
  return entries.every(([name, texts]) => {
    if (name === '*') return true
    if (!Object.hasOwn(labels, name)) return false
    const value = labels[name] ?? ''
    return texts
      .flatMap((text) => expandTemplate(text, traits))
      .some((pattern) => patterns.matches(pattern, value))
  })
}
