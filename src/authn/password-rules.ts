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
const ROWS = [
  'abcdefghijklmnopqrstuvwxyz',
  '01234567890',
  'qwertyuiopasdfghjklzxcvbnm',
  'qwertzuiopasdfghjklyxcvbnm',
  'azertyuiopqsdfghjklmwxcvbn',
  '1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p',
  '1q2w3e4r5t6y7u8i9o0p',
  'qazwsxedcrfvtgbyhnujmikolp',
].flatMap((row) => [row.repeat(3), [...row].reverse().join('').repeat(3)])

const isSequence = (lower: string): boolean =>
  [lower, withoutGaps(lower)].some((text) => ROWS.some((row) => row.includes(unitOf(text))))

/** The shortest text that gives this one when it is repeated: `abcabcab` → `abc`. In linear time (Knuth, Morris, Pratt). */
function unitOf(text: string): string {
  const border = [0]
  for (let at = 1, length = 0; at < text.length; at += 1) {
    while (length > 0 && text[at] !== text[length]) length = border[length - 1] ?? 0
    if (text[at] === text[length]) length += 1
    border.push(length)
  }
  return text.slice(0, text.length - (border.at(-1) ?? 0))
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

const undisguised = (text: string): string =>
  text.replace(/[013457@$!]/g, (sign) => LOOKALIKES[sign] ?? sign)
/** Something taken off, when at least half is left: more digits than that are worth something. */
const less = (text: string, off: RegExp): string => {
  const left = text.replaceAll(off, '')
  return left.length * 2 >= text.length ? left : text
}
const NO_LETTERS = /[^\p{L}]+/gu
const SIGNS_BEFORE = /^[^\p{L}\p{N}]+/gu
const PADDING_BEHIND = /[^\p{L}]+$/gu
const withoutGaps = (text: string): string => text.replaceAll(/[\s._-]+/g, '')

/** Whether one or two common passwords are all that there is, once repetition, disguise and padding are off. */
function isCommon(lower: string): boolean {
  let forms = new Set([lower, withoutGaps(lower)])
  for (const step of [
    (text: string) => [less(text, SIGNS_BEFORE)],
    (text: string) => [less(text, NO_LETTERS), less(text, PADDING_BEHIND)],
    (text: string) => [undisguised(text)],
    (text: string) => [less(text, NO_LETTERS)],
    (text: string) => [unitOf(text)],
  ]) {
    forms = new Set([...forms].flatMap((text) => [text, ...step(text)]))
  }
  return [...forms].some((text) => commonPasswords.has(text) || isPairOfCommon(text))
}

/** `dragonmaster`: a program tries all pairs in an instant. */
function isPairOfCommon(text: string): boolean {
  // Two of the longest entries; longer ones are not cut up for nothing.
  if (text.length > 2 * LONGEST_COMMON) return false
  for (let at = 1; at < text.length; at += 1) {
    if (commonPasswords.has(text.slice(0, at)) && commonPasswords.has(text.slice(at))) return true
  }
  return false
}

const LONGEST_COMMON = Math.max(...[...commonPasswords].map(({ length }) => length))
