import { canonicalHost } from './address.ts'

/**
 * What counts as one address: an IPv4 address, whichever way it is written, or the /64 of an IPv6 address, since whoever has one
 * address of such a network has all of them. What is neither stays as it is.
 */
export function addressKey(host: string): string {
  const { text, groups } = parse(host)
  return groups === null ? text : `${groups.slice(0, 4).join(':')}::/64`
}

/**
 * What counts as one network: the /24 of an IPv4 address, or the /48 of an IPv6 address, which is what providers give to one customer.
 * What is neither stays as it is.
 */
export function networkKey(host: string): string {
  const { text, groups } = parse(host)
  if (groups !== null) return `${groups.slice(0, 3).join(':')}::/48`
  return text.replace(/^(\d{1,3}\.\d{1,3}\.\d{1,3})\.\d{1,3}$/, '$1.0/24')
}

/** The canonical text of an address, and its eight groups if it is one of IPv6. */
function parse(host: string): { readonly text: string; readonly groups: readonly string[] | null } {
  const bare = host.replace(/^\[|\]$/g, '').replace(/%.*$/, '')
  const text = canonicalHost(bare)
  if (!text.includes(':') || !URL.canParse(`http://[${text}]`)) return { text, groups: null }
  const [head = '', tail] = text.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => '0')
  return { text, groups: [...before, ...zeros, ...after] }
}
