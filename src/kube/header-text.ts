import { KubeError } from './errors.ts'

/** Node hands out header bytes as latin1; Kubernetes reads them as UTF-8. */
export const headerToText = (value: string): string =>
  ASCII.test(value) ? value : Buffer.from(value, 'latin1').toString('utf8')

/**
 * Whether a text reaches every reader of a header unchanged: no control character, no blank at an end (HTTP trims them),
 * no half of a surrogate pair (it would become another character), not empty.
 */
export const isHeaderText = (text: string): boolean =>
  PLAIN.test(text) ||
  (text !== '' && !CONTROL.test(text) && text.isWellFormed() && !BLANK_END.test(text))

/** Text as a header value whose bytes are its UTF-8. Throws KubeError HEADER_UNSAFE unless `isHeaderText`. */
export function textToHeader(text: string): string {
  if (PLAIN.test(text)) return text
  if (!isHeaderText(text)) {
    throw new KubeError(
      'HEADER_UNSAFE',
      `${JSON.stringify(text.slice(0, 64))} cannot be sent as the value of a header`,
    )
  }
  return Buffer.from(text, 'utf8').toString('latin1')
}

const ASCII = /^[\x00-\x7f]*$/
/** Visible ASCII, with blanks inside: nearly every name there is. */
const PLAIN = /^[\x21-\x7e]+(?: +[\x21-\x7e]+)*$/
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/
const BLANK_END = /^\s|\s$/u
