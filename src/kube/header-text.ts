import { KubeError } from './errors.ts'

/** Node hands out header bytes as latin1; Kubernetes reads them as UTF-8. */
export const headerToText = (value: string): string =>
  /^[\x00-\x7f]*$/.test(value) ? value : Buffer.from(value, 'latin1').toString('utf8')

/**
 * Text as a header value whose bytes are its UTF-8. Throws KubeError HEADER_UNSAFE for what another reader would see
 * otherwise: control characters, and blanks at the ends, which HTTP trims.
 */
export function textToHeader(text: string): string {
  if (text === '' || /[\u0000-\u001f\u007f]/.test(text) || /^\s|\s$/u.test(text)) {
    throw new KubeError(
      'HEADER_UNSAFE',
      `${JSON.stringify(text.slice(0, 64))} cannot be sent as the value of a header`,
    )
  }
  return /^[\x20-\x7e]*$/.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1')
}
