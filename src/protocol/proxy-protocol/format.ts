import { isIPv4, isIPv6 } from './ip-address.ts'
import { V2_SIGNATURE } from './signature.ts'

const PROXY_COMMAND = 0x21
const LOCAL_COMMAND = 0x20
const TCP_OVER_IPV4 = 0x11
const TCP_OVER_IPV6 = 0x21
const UNSPECIFIED = 0x00

/**
 * A version 2 header that tells whose connection follows. The destination is all zeros: who reads it serves no address. A
 * zone is left out, as nobody else knows it; a source that is no IP address becomes LOCAL, which says that nothing is known.
 */
export function formatProxyHeader({ address, port }: { address: string; port: number }): Buffer {
  const plain =
    address.startsWith('::ffff:') && isIPv4(address.slice(7)) ? address.slice(7) : address
  if (isIPv4(plain)) {
    const body = Buffer.alloc(12)
    body.set(plain.split('.').map(Number), 0)
    body.writeUInt16BE(port, 8)
    return header(PROXY_COMMAND, TCP_OVER_IPV4, body)
  }
  const [bare = ''] = plain.split('%')
  if (isIPv6(bare)) {
    const body = Buffer.alloc(36)
    groupsOf(bare).forEach((group, index) => {
      body.writeUInt16BE(group, index * 2)
    })
    body.writeUInt16BE(port, 32)
    return header(PROXY_COMMAND, TCP_OVER_IPV6, body)
  }
  return header(LOCAL_COMMAND, UNSPECIFIED, Buffer.alloc(0))
}

function header(command: number, family: number, body: Buffer): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(body.length)
  return Buffer.concat([V2_SIGNATURE, Buffer.from([command, family]), length, body])
}

/** The eight groups of an address that is one. */
function groupsOf(address: string): number[] {
  // The URL parser writes an embedded IPv4 address as groups.
  const [left = '', right] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::')
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
  if (right === undefined) return groups(left)
  const begin = groups(left)
  const end = groups(right)
  return [...begin, ...Array.from({ length: 8 - begin.length - end.length }, () => 0), ...end]
}
