import { RE2JS } from 're2js'

/** Longer patterns are refused when a role is written. */
export const MAX_PATTERN_CHARS = 4096

export type Pattern = (value: string) => boolean

/**
 * A pattern of a role: `*`, a glob with `*`, or `^regex$` in RE2 syntax, matched in time linear in the value; anything
 * else is literal. Throws SyntaxError-like errors of RE2 for a bad regex.
 */
export function compilePattern(text: string): Pattern {
  if (text === '*') return () => true
  if (isRegex(text)) {
    const regex = RE2JS.compile(text)
    return (value) => regex.matches(value)
  }
  if (!text.includes('*')) return (value) => value === text
  const parts = text.split('*')
  return (value) => globMatches(parts, value)
}

export const isRegex = (text: string): boolean => text.startsWith('^') && text.endsWith('$')

/** Left to right, the earliest place for each part: enough for `*`, and linear. */
function globMatches(parts: readonly string[], value: string): boolean {
  const first = parts[0] ?? ''
  const last = parts.at(-1) ?? ''
  if (!value.startsWith(first) || value.length < first.length + last.length) return false
  if (!value.endsWith(last)) return false
  const end = value.length - last.length
  let at = first.length
  for (const part of parts.slice(1, -1)) {
    const found = value.indexOf(part, at)
    if (found === -1 || found + part.length > end) return false
    at = found + part.length
  }
  return at <= end
}

/** Patterns are compiled once; their number is that of the roles' entries. */
export class PatternCache {
  readonly #compiled = new Map<string, Pattern>()

  matches(pattern: string, value: string): boolean {
    let compiled = this.#compiled.get(pattern)
    if (compiled === undefined) {
      // Expanded templates end up here too, so the cache is bounded.
      if (this.#compiled.size >= MAX_CACHED_PATTERNS) this.#compiled.clear()
      compiled = safely(pattern)
      this.#compiled.set(pattern, compiled)
    }
    return compiled(value)
  }
}

const MAX_CACHED_PATTERNS = 10_000

/** A regex that came out of a trait and does not compile matches nothing. */
function safely(pattern: string): Pattern {
  try {
    return compilePattern(pattern)
  } catch {
    return () => false
  }
}
