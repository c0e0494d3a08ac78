/** DNS allows 253; more is a page that somebody wants to see printed. */
const MAX_NAME_CHARS = 256

/** Whether a field of an answer is text that may be a name. */
export const isName = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && value.length <= MAX_NAME_CHARS
