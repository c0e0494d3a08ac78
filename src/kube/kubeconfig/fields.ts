/**
 * Reads fields of a YAML mapping whose scalars are all text, as kubectl does: its decoder knows the wanted type, so that
 * `name: 123` is a name and `yes` is true only where a boolean is wanted.
 */
export type Fields = Readonly<Record<string, unknown>>

/** A field has the wrong type or value; the message starts with the field's name. */
export class FieldProblem extends Error {
  override readonly name: string = 'FieldProblem'
}

/** YAML 1.1, which kubectl's decoder follows. */
const trueWords = new Set(['true', 'yes', 'on', 'y'])
const falseWords = new Set(['false', 'no', 'off', 'n'])
const nullWords = new Set(['', '~', 'null'])

const isNull = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  (typeof value === 'string' && nullWords.has(value.toLowerCase()))

/** A mapping; `{}` when the field is absent or null. */
export function mappingField(fields: Fields, name: string): Fields {
  return optionalMappingField(fields, name) ?? {}
}

export function optionalMappingField(fields: Fields, name: string): Fields | null {
  const value = fields[name]
  if (isNull(value)) return null
  if (!isFields(value)) throw new FieldProblem(`${name}: must be a mapping`)
  return value
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A list; `[]` when the field is absent or null. */
export function listField(fields: Fields, name: string): readonly unknown[] {
  const value = fields[name]
  if (isNull(value)) return []
  if (!Array.isArray(value)) throw new FieldProblem(`${name}: must be a list`)
  return value
}

/** Text; null when absent, null or empty: Kubernetes does not tell these apart. */
export function textField(fields: Fields, name: string): string | null {
  const value = fields[name]
  if (isNull(value)) return null
  if (typeof value !== 'string') throw new FieldProblem(`${name}: must be text`)
  return value
}

export function requiredTextField(fields: Fields, name: string, parent = ''): string {
  const value = textField(fields, name)
  if (value === null) throw new FieldProblem(`${parent}${name}: is missing`)
  return value
}

/** Text of which the words `null` and `~` are values too: arguments and environment variables. */
export function literalText(value: unknown, name: string): string {
  if (value === null || value === undefined) return ''
  if (typeof value !== 'string') throw new FieldProblem(`${name}: must be text`)
  return value
}

export function booleanField(fields: Fields, name: string): boolean {
  const value = fields[name]
  if (isNull(value)) return false
  const word = typeof value === 'string' ? value.toLowerCase() : ''
  if (trueWords.has(word)) return true
  if (falseWords.has(word)) return false
  throw new FieldProblem(`${name}: must be true or false`)
}
