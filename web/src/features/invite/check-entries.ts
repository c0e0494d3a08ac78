/** What a person has typed. */
export interface Entries {
  readonly password: string
  readonly repeated: string
  readonly code: string
}

export type Field = keyof Entries
export type FieldErrors = Readonly<Partial<Record<Field, string>>>

/** What the server asks of them. */
export interface Demands {
  readonly minPasswordLength: number
  /** How many digits a one-time code has; null where none is asked for. */
  readonly codeDigits: number | null
}

/** The longest password that the API takes (src/contract). */
export const MAX_PASSWORD_LENGTH = 1024

/** In the order in which they stand on the page. */
const FIELDS: readonly Field[] = ['password', 'repeated', 'code']

/** Characters as the server counts them: people's, not UTF-16 units, in one form for what looks alike. */
export const countCharacters = (text: string): number => [...text.normalize('NFKC')].length

/** A code as it was meant: apps show it as `123 456`. */
export const cleanCode = (text: string): string => text.replace(/[\s-]/g, '')

/** What can be said without asking the server; it judges again, and knows the common passwords. */
export function checkEntries(entries: Entries, demands: Demands): FieldErrors {
  const { minPasswordLength, codeDigits } = demands
  const errors: Partial<Record<Field, string>> = {}
  const length = countCharacters(entries.password)
  if (length === 0) errors.password = 'Choose a password.'
  else if (length < minPasswordLength)
    errors.password = `The password needs at least ${minPasswordLength} characters; this one has ${length}.`
  else if (length > MAX_PASSWORD_LENGTH)
    errors.password = `The password may have at most ${MAX_PASSWORD_LENGTH} characters.`
  if (entries.repeated === '') errors.repeated = 'Type the password once more.'
  else if (entries.repeated !== entries.password)
    errors.repeated = 'This is not the same as the password above.'
  if (codeDigits !== null && !/^\d+$/.test(cleanCode(entries.code)))
    errors.code = `Type the ${codeDigits} digits that your app shows.`
  else if (codeDigits !== null && cleanCode(entries.code).length !== codeDigits)
    errors.code = `The code has ${codeDigits} digits.`
  return errors
}

/** The first field that has an error, where the cursor goes. */
export const firstWrong = (errors: FieldErrors): Field | null =>
  FIELDS.find((field) => errors[field] !== undefined) ?? null

/** How many digits the codes of an `otpauth:` address have; six unless it says otherwise. */
export function codeDigits(uri: string): number {
  const digits = Number(/[?&]digits=(\d+)/.exec(uri)?.[1] ?? 6)
  return digits >= 6 && digits <= 8 ? digits : 6
}
