/** `host:port`, with IPv6 in brackets: it is the only host with a colon in it. */
export const formatAddress = (host: string, port: number): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`

/** The host of `host:port`, without brackets. */
export const hostOf = (address: string): string =>
  address.slice(0, address.lastIndexOf(':')).replace(/^\[(.*)\]$/, '$1')

/** Whether two texts name the same IP address: `::ffff:10.0.0.1` is how a socket for both families writes `10.0.0.1`. */
export const sameHost = (one: string, other: string): boolean =>
  one === other || canonicalHost(one) === canonicalHost(other)

/** An IP address as it is written shortest; what is none stays as it is. */
export function canonicalHost(text: string): string {
  if (!text.includes(':')) return text
  // The parser of URLs writes IPv6 in the one form of RFC 5952.
  const url = URL.parse(`http://[${text}]`)
  if (url === null) return text
  const host = url.hostname.slice(1, -1)
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(host)
  if (mapped === null) return host
  const [high, low] = [Number.parseInt(mapped[1] ?? '', 16), Number.parseInt(mapped[2] ?? '', 16)]
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}
