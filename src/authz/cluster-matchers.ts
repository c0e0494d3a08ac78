import { errorMessage } from '../core/index.ts'
import { AuthzError } from './errors.ts'
import { labelsMatch } from './labels.ts'
import { parseLabels } from './parse-labels.ts'
import { isTemplate } from './template.ts'
import type { LabelSelector } from './types.ts'

/** One entry of `resources` as it is written: every label must match, with one of its values. */
export interface ClusterMatcher {
  readonly labels: Readonly<Record<string, string | readonly string[]>>
}

/** Which clusters a kubernetes service wants, or may have: one matcher is enough. */
export interface ClusterMatchers {
  select(labels: Readonly<Record<string, string>>): boolean
}

/**
 * Reads and compiles matchers, which say `*`, globs, `^regex$` and lists as roles do. No matcher at all selects nothing. Throws
 * AuthzError MATCHER_INVALID, naming what is wrong.
 */
export function clusterMatchers(matchers: readonly ClusterMatcher[]): ClusterMatchers {
  const selectors = matchers.map((matcher, index) => selectorOf(matcher, `[${index}].labels`))
  return {
    select: (labels) =>
      selectors.some((selector) =>
        labelsMatch(selector, { name: '', labels, unknownLabels: [] }, {}),
      ),
  }
}

function selectorOf({ labels }: ClusterMatcher, path: string): LabelSelector {
  const template = Object.values(labels).flat().find(isTemplate)
  if (template !== undefined) {
    throw new AuthzError(
      'MATCHER_INVALID',
      `${path}: ${JSON.stringify(template)} is a template, and there is nobody whose traits it could take`,
    )
  }
  try {
    const selector = parseLabels(labels, path)
    if (selector.length > 0) return selector
  } catch (error) {
    throw new AuthzError('MATCHER_INVALID', errorMessage(error), { cause: error })
  }
  throw new AuthzError('MATCHER_INVALID', `${path} has no label: "*": "*" is every cluster`)
}
