import { RE2JS } from 're2js'
import type { Traits } from '../identity/index.ts'
import { isHeaderText } from '../kube/index.ts'
import { parseReplacement, type Replacement, replaceAll } from './replacement.ts'

/** What may stand between `{{` and `}}`. */
type Expression =
  | { readonly type: 'trait'; readonly name: string }
  | { readonly type: 'emailLocal'; readonly of: Expression }
  | {
      readonly type: 'replace'
      readonly of: Expression
      readonly pattern: RE2JS
      readonly by: Replacement
    }

/** A text of a role with at most one `{{…}}` in it, read once. */
export interface Template {
  readonly before: string
  /** Null for a text without `{{…}}`, which is all in `before`. */
  readonly expression: Expression | null
  readonly after: string
}

const TEMPLATE = /^([^{}]*)\{\{(.*)\}\}([^{}]*)$/s

/** Traits that `internal.` may name: those that `tctl users add` sets. `external.` takes any. */
const INTERNAL: ReadonlySet<string> = new Set([
  'logins',
  'kubernetes_groups',
  'kubernetes_users',
  'db_names',
  'db_users',
  'db_roles',
  'windows_logins',
  'aws_role_arns',
  'azure_identities',
  'gcp_service_accounts',
])

export const isTemplate = (text: string): boolean => text.includes('{{') || text.includes('}}')

/** Throws Error, in words, unless the text is literal or a template that this version knows. */
export function parseTemplate(text: string): Template {
  if (!isTemplate(text)) return { before: text, expression: null, after: '' }
  const match = TEMPLATE.exec(text)
  if (match === null) {
    throw new Error(`${JSON.stringify(text)} is not a template like {{external.groups}}`)
  }
  const [, before = '', inner = '', after = ''] = match
  return { before, expression: parseExpression(inner.trim(), text), after }
}

/** The values of a text with at most one `{{…}}` in it. Throws Error for a template that cannot be read. */
export const expandTemplate = (text: string, traits: Traits): readonly string[] =>
  expand(parseTemplate(text), traits)

/**
 * One value for each value of the trait, none when the trait is missing. What comes out of a trait is never read as a
 * template again, and what could not be sent in a header unchanged (line breaks, blanks at the ends) is left out.
 */
export function expand(template: Template, traits: Traits): readonly string[] {
  const { before, expression, after } = template
  if (expression === null) return [before]
  const values = valuesOf(expression, traits).map((value) => `${before}${value}${after}`)
  return [...new Set(values)].filter(isHeaderText)
}

function valuesOf(expression: Expression, traits: Traits): readonly string[] {
  return rawValuesOf(expression, traits).filter((value) => value !== '')
}

function rawValuesOf(expression: Expression, traits: Traits): readonly string[] {
  if (expression.type === 'trait') {
    return Object.hasOwn(traits, expression.name) ? (traits[expression.name] ?? []) : []
  }
  const values = valuesOf(expression.of, traits)
  if (expression.type === 'emailLocal') return values.flatMap(emailLocal)
  // Values that the pattern does not match are dropped, not passed on.
  const { pattern, by } = expression
  return values.flatMap((value) => replaceAll(pattern, value, by) ?? [])
}

/** `dave.smith` of `dave.smith@example.com`; nothing of what is no plain address. */
function emailLocal(address: string): readonly string[] {
  const local = /^([^@\s]+)@[^@\s]+$/.exec(address)?.[1]
  return local === undefined ? [] : [local]
}

function parseExpression(source: string, whole: string): Expression {
  const variable = /^(internal|external)(?:\.([\w-]+)|\["([^"\\]+)"\])$/.exec(source)
  if (variable !== null) {
    const name = variable[2] ?? variable[3] ?? ''
    if (variable[1] === 'internal' && !INTERNAL.has(name)) {
      throw new Error(
        `${JSON.stringify(whole)}: internal.${name} is not known (${[...INTERNAL].join(', ')})`,
      )
    }
    return { type: 'trait', name }
  }
  const local = /^email\.local\((.*)\)$/s.exec(source)
  if (local !== null) {
    return { type: 'emailLocal', of: parseExpression((local[1] ?? '').trim(), whole) }
  }
  const replace =
    /^regexp\.replace\((.*?),\s*"((?:[^"\\]|\\.)*)"\s*,\s*"((?:[^"\\]|\\.)*)"\s*\)$/s.exec(source)
  if (replace !== null) {
    const pattern = compile(unquote(replace[2] ?? ''), whole)
    return {
      type: 'replace',
      of: parseExpression((replace[1] ?? '').trim(), whole),
      pattern,
      by: parseReplacement(unquote(replace[3] ?? ''), pattern),
    }
  }
  throw new Error(
    `${JSON.stringify(whole)} is not a template that this version knows: internal.x, external.x, email.local(…), regexp.replace(…, "re", "by")`,
  )
}

/** Of a text in double quotes: `\"` and `\\`; other backslashes belong to the regular expression. */
const unquote = (text: string): string => text.replace(/\\(["\\])/g, '$1')

function compile(pattern: string, whole: string): RE2JS {
  try {
    return RE2JS.compile(pattern)
  } catch (cause) {
    throw new Error(`${JSON.stringify(whole)}: the pattern is not a regular expression`, { cause })
  }
}
