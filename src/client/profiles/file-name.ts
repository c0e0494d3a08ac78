import { createHash } from 'node:crypto'

/** File systems take 255 bytes, and some encrypting ones fewer. */
const MAX_LENGTH = 128

/**
 * A file name for any text, one for each: what is not a lower-case letter, a digit or `. _ -` is written as `%xx`, since
 * some file systems take upper and lower case for the same.
 */
export function fileNameOf(text: string): string {
  const name = [...Buffer.from(text, 'utf8')]
    .map((byte) => {
      const character = String.fromCharCode(byte)
      return /[a-z0-9._@-]/.test(character) ? character : `%${byte.toString(16).padStart(2, '0')}`
    })
    .join('')
    .replace(/^\./, '%2e')
  if (name.length <= MAX_LENGTH && name !== '') return name
  return `%${createHash('sha256').update(text).digest('hex')}`
}
