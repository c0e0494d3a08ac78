/** `host:port` as tsh takes it: a port that the address leaves out is named, since tsh would guess another. */
export function formatProxyAddress(location: {
  readonly hostname: string
  readonly port: string
}): string {
  return `${location.hostname}:${location.port === '' ? '443' : location.port}`
}

/** The command that logs a person in at a proxy; it asks for the name where none is given. */
export const formatLoginCommand = (proxy: string, user: string | null): string =>
  `tsh login --proxy=${proxy}${user === null ? '' : ` --user=${user}`}`

/** `today at 14:32`, or with the day when it is another one, in the clock and the words of the browser's zone. */
export function formatUntil(expires: string, now: Date, timeZone?: string): string {
  const at = new Date(expires)
  const zone = timeZone === undefined ? {} : { timeZone }
  const day = new Intl.DateTimeFormat('en', {
    weekday: 'long',
    day: 'numeric',
    month: 'long',
    ...zone,
  })
  const time = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', ...zone })
  const date = day.format(at)
  return `${date === day.format(now) ? 'today' : date} at ${time.format(at)}`
}

/** A base32 secret in groups of four, for those who type it. */
export const groupSecret = (secret: string): string => secret.match(/.{1,4}/g)?.join(' ') ?? secret

/** Words of the server as a sentence of a page. */
export function formatSentence(words: string): string {
  const trimmed = words.trim()
  const first = trimmed.charAt(0).toUpperCase() + trimmed.slice(1)
  return first === '' || /[.!?…]$/.test(first) ? first : `${first}.`
}
