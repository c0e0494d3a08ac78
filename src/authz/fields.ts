import { AuthzError } from './errors.ts'

/** Readers of untyped values. Each throws AuthzError ROLE_INVALID that names the path of what is wrong. */

export type Fields = Readonly<Record<string, unknown>>

/** A mapping; null, which YAML makes of an empty value, is an empty one. */
export function fieldsOf(value: unknown, path: string): Fields {
  if (value === null || value === undefined) return {}
  if (typeof value !== 'object' || Array.isArray(value)) throw invalid(path, 'must be a mapping')
  return value as Fields
}

export function only(fields: Fields, known: readonly string[], path: string): void {
  const foreign = Object.keys(fields).find((name) => !known.includes(name))
  if (foreign !== undefined) {
    throw invalid(path === '' ? foreign : `${path}.${foreign}`, 'is not a known field')
  }
}

export function textOf(value: unknown, path: string): string {
  if (typeof value !== 'string' || value === '') throw invalid(path, 'must be a text')
  return value
}

/** A list; nothing is an empty one. */
export function listOf(value: unknown, path: string): readonly unknown[] {
  if (value === null || value === undefined) return []
  if (!Array.isArray(value)) throw invalid(path, 'must be a list')
  return value
}

export const textsOf = (value: unknown, path: string): readonly string[] =>
  listOf(value, path).map((entry, index) => textOf(entry, `${path}[${index}]`))

/** Nothing, or something without content. */
export const isEmpty = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === '' ||
  (typeof value === 'object' && Object.keys(value).length === 0)

export const invalid = (path: string, why: string): AuthzError =>
  new AuthzError('ROLE_INVALID', `${path} ${why}`, { facts: { path } })

export const notEnforced = (path: string, hint: string): AuthzError =>
  new AuthzError(
    'ROLE_NOT_ENFORCEABLE',
    `${path} restricts in a way that this version does not enforce: ${hint}`,
    { facts: { path } },
  )
