import { isIPv4, isIPv6 } from 'node:net'

/**
 * What counts as one address: an IPv4 address, whichever way it is written, or the /64 of an IPv6 address, since whoever has one
 * address of such a network has all of them. What is neither stays as it is.
 */
export function addressKey(host: string): string {
  const bare = host.replace(/^\[|\]$/g, '').replace(/%.*$/, '')
  const mapped = /^::ffff:(.+)$/i.exec(bare)?.[1] ?? ''
  if (isIPv4(mapped)) return mapped
  if (!isIPv6(bare)) return bare
  const [head = '', tail] = bare.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => '0')
  const groups = [...before, ...zeros, ...after].slice(0, 4)
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`
}
