import { RE2JS } from 're2js'
import type { Traits } from '../identity/index.ts'
import { expand, isTemplate, parseTemplate } from './template.ts'

/**
 * A pattern of a role, compiled when the role is read: `*`, a glob with `*`, `^regex$` in RE2 syntax (matched in time
 * linear in the value), a template, or literal text.
 *
 * What comes out of a trait is always literal: whoever controls an attribute of a person, at an identity provider say,
 * must not be able to write patterns into roles (docs/decisions/0009-traits-are-literal.md).
 */
export interface Pattern {
  matches(value: string, traits: Traits): boolean
}

/** Throws Error, in words, for a regex or a template that cannot be read. */
export function compilePattern(text: string): Pattern {
  if (isTemplate(text)) return compileTemplate(text)
  if (isRegex(text)) {
    const regex = RE2JS.compile(text)
    return { matches: (value) => regex.matches(value) }
  }
  const parts = text.split('*')
  return { matches: (value) => globMatches(parts, value) }
}

export const isRegex = (text: string): boolean => text.startsWith('^') && text.endsWith('$')

function compileTemplate(text: string): Pattern {
  if (isRegex(text)) {
    throw new Error(
      `${JSON.stringify(text)}: a template cannot stand in a regular expression; write a glob like team-{{external.team}}-*`,
    )
  }
  const { before, expression, after } = parseTemplate(text)
  const alone = { before: '', expression, after: '' }
  const head = before.split('*')
  const tail = after.split('*')
  return {
    matches: (value, traits) =>
      expand(alone, traits).some((inserted) => globMatches(around(head, inserted, tail), value)),
  }
}

/** The pieces of a glob with a literal text in its middle. */
const around = (head: readonly string[], inserted: string, tail: readonly string[]): string[] => [
  ...head.slice(0, -1),
  `${head.at(-1) ?? ''}${inserted}${tail[0] ?? ''}`,
  ...tail.slice(1),
]

/** Whether the value is the pieces in order with anything between them. The earliest place for each will do. */
function globMatches(parts: readonly string[], value: string): boolean {
  const [first = '', ...rest] = parts
  const last = rest.pop()
  if (last === undefined) return value === first
  const end = value.length - last.length
  if (end < first.length || !value.startsWith(first) || !value.endsWith(last)) return false
  let at = first.length
  for (const part of rest) {
    const found = value.indexOf(part, at)
    if (found === -1 || found + part.length > end) return false
    at = found + part.length
  }
  return true
}
