import { commonPasswords } from './common-passwords.ts'
import {
  MAX_PASSWORD_CHARS,
  MIN_DISTINCT_CHARS,
  MIN_NAME_CHARS_TO_JUDGE,
  MIN_PASSWORD_CHARS,
} from './limits.ts'

export type PasswordProblem = 'too-short' | 'too-long' | 'too-simple' | 'user-name' | 'common'

/** What is wrong with a password, for the person who chose it. */
export const passwordAdvice: Readonly<Record<PasswordProblem, string>> = {
  'too-short': `the password has fewer than ${MIN_PASSWORD_CHARS} characters: four or five unrelated words are easy to remember`,
  'too-long': `the password has more than ${MAX_PASSWORD_CHARS} characters`,
  'too-simple': 'the password is one pattern: take unrelated words or characters',
  'user-name': 'the password contains the user name: take something else',
  common: 'the password is among the first that are tried: take unrelated words or characters',
}

/** One form for what looks alike, whichever keyboard it was typed on. */
export const normalPassword = (password: string): string => password.normalize('NFKC')

/**
 * What is wrong with a password, or null. Length counts and guessability, not kinds of characters: those make people
 * write "Password1!" (NIST SP 800-63B, 3.1.1.2).
 */
export function judgePassword(password: string, user: string): PasswordProblem | null {
  const normal = normalPassword(password)
  const characters = [...normal]
  if (characters.length < MIN_PASSWORD_CHARS) return 'too-short'
  if (characters.length > MAX_PASSWORD_CHARS) return 'too-long'
  const lower = normal.toLowerCase()
  if (containsName(lower, user.toLowerCase())) return 'user-name'
  if (new Set(lower).size < MIN_DISTINCT_CHARS || isSequence(lower)) return 'too-simple'
  return isCommon(lower) ? 'common' : null
}

/** A name, and what stands before its `@`. */
function containsName(lower: string, user: string): boolean {
  const [local = ''] = user.split('@')
  return [user, local].some(
    (name) => name.length >= MIN_NAME_CHARS_TO_JUDGE && lower.includes(name),
  )
}

/** Rows of keyboards, the alphabet, digits: a piece of one, read either way and however often, is no secret. */
const SEQUENCES = [
  'abcdefghijklmnopqrstuvwxyz',
  '01234567890',
  'qwertyuiopasdfghjklzxcvbnm',
  'qwertzuiopasdfghjklyxcvbnm',
  'azertyuiopqsdfghjklmwxcvbn',
  '1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p',
  '1q2w3e4r5t6y7u8i9o0p',
  'qazwsxedcrfvtgbyhnujmikolp',
].flatMap((row) => {
  const backwards = [...row].reverse().join('')
  return [row + row + row + row, backwards + backwards + backwards + backwards]
})

const isSequence = (lower: string): boolean =>
  SEQUENCES.some((row) => row.includes(period(lower))) ||
  SEQUENCES.some((row) => row.includes(lower.replaceAll(/[^\p{L}\p{N}]/gu, '')))

/** The shortest text that gives this one when it is repeated: `abcabcab` → `abc`. */
function period(text: string): string {
  for (let length = 1; length < text.length; length += 1) {
    const unit = text.slice(0, length)
    if (unit.repeat(Math.ceil(text.length / length)).startsWith(text)) return unit
  }
  return text
}

/** `p4$$w0rd` is what `password` is. */
const LOOKALIKES: Readonly<Record<string, string>> = {
  '0': 'o',
  '1': 'i',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '7': 't',
  '@': 'a',
  $: 's',
  '!': 'i',
}

/** Whether a common password is all that there is, once repetition, disguise and padding with digits and signs are off. */
function isCommon(lower: string): boolean {
  const unit = period(lower)
  const plain = (text: string): string =>
    text.replace(/[013457@$!]/g, (sign) => LOOKALIKES[sign] ?? sign)
  const core = (text: string): string => text.replace(/^[^\p{L}]+|[^\p{L}]+$/gu, '')
  const compact = (text: string): string => text.replaceAll(/[\s._-]+/g, '')
  const forms = [lower, unit].flatMap((text) => [
    text,
    plain(text),
    core(text),
    plain(core(text)),
    core(plain(text)),
    compact(text),
    plain(core(compact(text))),
  ])
  return forms.some((form) => commonPasswords.has(form) || commonPasswords.has(period(form)))
}
