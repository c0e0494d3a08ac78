/** What moves a cursor, sets a title, or turns the order of letters around. */
const UNSAFE =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

/** Text from elsewhere, safe to show on a line: no escape sequences, no line breaks. */
export const printable = (text: string): string => text.replace(UNSAFE, '\ufffd')

/** The same for text of several lines, whose breaks and tabs are ours. */
export const printableLines = (text: string): string =>
  text.replace(UNSAFE, (found) => (found === '\n' || found === '\t' ? found : '\ufffd'))

/** In JSON, and in quoted scalars of YAML, the same characters stay what they are, written as escapes. */
export const escapeUnsafe = (text: string): string =>
  text.replace(UNSAFE, (found) =>
    found === '\n' || found === '\t'
      ? found
      : `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

export const hasUnsafe = (text: string): boolean => text.search(UNSAFE) !== -1
