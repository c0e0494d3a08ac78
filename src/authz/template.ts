import { RE2JS } from 're2js'
import type { Traits } from '../identity/index.ts'

/** What may stand between `{{` and `}}`. */
type Expression =
  | { readonly type: 'trait'; readonly name: string }
  | { readonly type: 'emailLocal'; readonly of: Expression }
  | {
      readonly type: 'replace'
      readonly of: Expression
      readonly pattern: RE2JS
      readonly by: string
    }

interface Template {
  readonly before: string
  readonly expression: Expression
  readonly after: string
}

const TEMPLATE = /^([^{}]*)\{\{(.*)\}\}([^{}]*)$/s

/** Traits that `internal.` may name; `external.` takes any. */
const INTERNAL: ReadonlySet<string> = new Set(['logins', 'kubernetes_groups', 'kubernetes_users'])

export const isTemplate = (text: string): boolean => text.includes('{{') || text.includes('}}')

/** Throws Error, in words, unless the text is literal or a template that this version knows. */
export function assertTemplate(text: string): void {
  if (isTemplate(text)) parseTemplate(text)
}

/**
 * The values of a text with at most one `{{…}}` in it: one for each value of the trait, none when the trait is missing.
 * What comes out is never expanded again, and values that could not be sent in a header are left out.
 */
export function expandTemplate(text: string, traits: Traits): readonly string[] {
  if (!isTemplate(text)) return [text]
  const { before, expression, after } = parseTemplate(text)
  const values = valuesOf(expression, traits).map((value) => `${before}${value}${after}`)
  return [...new Set(values)].filter(
    (value) => value !== '' && !/[\u0000-\u001f\u007f]/.test(value),
  )
}

function valuesOf(expression: Expression, traits: Traits): readonly string[] {
  switch (expression.type) {
    case 'trait':
      return Object.hasOwn(traits, expression.name)
        ? (traits[expression.name] ?? []).filter((value) => value !== '')
        : []
    case 'emailLocal':
      return valuesOf(expression.of, traits).flatMap((value) => {
        const at = value.indexOf('@')
        return at > 0 && at === value.lastIndexOf('@') ? [value.slice(0, at)] : []
      })
    case 'replace':
      // Values that the pattern does not match are dropped, not passed on.
      return valuesOf(expression.of, traits).flatMap((value) =>
        expression.pattern.matcher(value).find()
          ? [expression.pattern.matcher(value).replaceAll(expression.by)]
          : [],
      )
  }
}

function parseTemplate(text: string): Template {
  const match = TEMPLATE.exec(text)
  if (match === null) throw new Error(`"${text}" is not a template like {{external.groups}}`)
  const [, before = '', inner = '', after = ''] = match
  return { before, expression: parseExpression(inner.trim(), text), after }
}

function parseExpression(source: string, whole: string): Expression {
  const variable = /^(internal|external)(?:\.([\w-]+)|\["([^"\\]+)"\])$/.exec(source)
  if (variable !== null) {
    const name = variable[2] ?? variable[3] ?? ''
    if (variable[1] === 'internal' && !INTERNAL.has(name)) {
      throw new Error(`"${whole}": internal.${name} is not known (${[...INTERNAL].join(', ')})`)
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
    return {
      type: 'replace',
      of: parseExpression((replace[1] ?? '').trim(), whole),
      pattern: compile(unquote(replace[2] ?? ''), whole),
      by: unquote(replace[3] ?? '').replace(/\$\{?(\d+)\}?/g, '$$$1'),
    }
  }
  throw new Error(
    `"${whole}" is not a template that this version knows: internal.x, external.x, email.local(…), regexp.replace(…, "re", "by")`,
  )
}

const unquote = (text: string): string => text.replace(/\\(["\\])/g, '$1')

function compile(pattern: string, whole: string): RE2JS {
  try {
    return RE2JS.compile(pattern)
  } catch (cause) {
    throw new Error(`"${whole}": the pattern is not a regular expression`, { cause })
  }
}
