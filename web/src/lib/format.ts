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

/** `1:02:03`, `02:03`: a time within a recording. */
export function formatClock(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  const two = (value: number): string => String(value).padStart(2, '0')
  const minutes = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`
  return seconds < 3600 ? minutes : `${Math.floor(seconds / 3600)}:${minutes}`
}

/** `26 November 2026 at 00:05:12`, in the clock of the browser's zone. */
export function formatInstant(time: string, timeZone?: string): string {
  const format = new Intl.DateTimeFormat('en-GB', {
    dateStyle: 'long',
    timeStyle: 'medium',
    ...(timeZone === undefined ? {} : { timeZone }),
  })
  return format.format(new Date(time))
}

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** `512 bytes`, `1.4 MiB`. */
export function formatBytes(bytes: number): string {
  const power = bytes < 1024 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10))
  const value = bytes / 1024 ** power
  return `${power === 0 ? value : value.toFixed(1)} ${UNITS[power] ?? ''}`
}
