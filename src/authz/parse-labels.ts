import { errorMessage } from '../core/index.ts'
import { isHeaderText } from '../kube/index.ts'
import { fieldsOf, invalid, textsOf } from './fields.ts'
import { MAX_ROLE_TEXT_CHARS } from './limits.ts'
import { compilePattern, type Pattern } from './pattern.ts'
import type { LabelSelector } from './types.ts'

/** The labels of a selector, each with a value or a list of values. Throws AuthzError ROLE_INVALID. */
export function parseLabels(value: unknown, path: string): LabelSelector {
  return Object.entries(fieldsOf(value, path)).map(([name, given]) => {
    const place = `${path}.${name}`
    const list = patterns(typeof given === 'string' ? [given] : given, place)
    if (list.length === 0) throw invalid(place, 'has no value: a cluster cannot match it')
    if (name === '*' && given !== '*' && !(Array.isArray(given) && given.join() === '*')) {
      throw invalid(place, 'the name "*" goes with the value "*" only')
    }
    return { name, patterns: list }
  })
}

export const patterns = (value: unknown, path: string): readonly Pattern[] =>
  texts(value, path, compilePattern)

/** Texts, each read by `read`, whose errors become ROLE_INVALID. */
export function texts<T>(value: unknown, path: string, read: (text: string) => T): readonly T[] {
  return textsOf(value, path).map((text) => {
    if (text.length > MAX_ROLE_TEXT_CHARS) throw invalid(path, 'is too long')
    if (!isHeaderText(text)) {
      throw invalid(path, `${JSON.stringify(text)} has blanks at its ends or control characters`)
    }
    try {
      return read(text)
    } catch (error) {
      throw invalid(path, errorMessage(error))
    }
  })
}
