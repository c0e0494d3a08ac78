import { isIP, type Socket } from 'node:net'
import type { Address } from '../connect-tcp.ts'
import { readUntil } from './read-until.ts'

const version = 5
const methodNone = 0
const methodPassword = 2
const commandConnect = 1
const addressIpv4 = 1
const addressName = 3
const addressIpv6 = 4

/** RFC 1928 section 6. */
const replies: Readonly<Record<number, string>> = {
  1: 'general failure',
  2: 'not allowed by its rules',
  3: 'network unreachable',
  4: 'host unreachable',
  5: 'connection refused',
  6: 'TTL expired',
  7: 'command not supported',
  8: 'address type not supported',
}

/** Asks a SOCKS5 proxy for a connection (RFC 1928), with a password where there is one (RFC 1929). */
export async function socks5Connect(
  socket: Socket,
  address: Address,
  login: { readonly username: string; readonly password: string },
): Promise<void> {
  const method = login.username === '' ? methodNone : methodPassword
  socket.write(Buffer.from([version, 1, method]))
  const chosen = await readUntil(socket, 2, (bytes) =>
    bytes.length < 2 ? null : { value: [bytes[0], bytes[1]], used: 2 },
  )
  if (chosen[0] !== version) throw new Error('does not speak SOCKS5')
  if (chosen[1] !== method) throw new Error('refused the way to log in')
  if (method === methodPassword) await sendPassword(socket, login)
  socket.write(
    Buffer.concat([
      Buffer.from([version, commandConnect, 0]),
      encodeAddress(address.hostname),
      Buffer.from([address.port >> 8, address.port & 0xff]),
    ]),
  )
  const reply = await readUntil(socket, 262, parseReply)
  if (reply !== 0) throw new Error(`cannot connect: ${replies[reply] ?? `reply ${reply}`}`)
}

async function sendPassword(
  socket: Socket,
  login: { readonly username: string; readonly password: string },
): Promise<void> {
  const username = Buffer.from(login.username)
  const password = Buffer.from(login.password)
  if (username.length > 255 || password.length > 255)
    throw new Error('user name or password is too long')
  socket.write(
    Buffer.concat([
      Buffer.from([1, username.length]),
      username,
      Buffer.from([password.length]),
      password,
    ]),
  )
  const status = await readUntil(socket, 2, (bytes) =>
    bytes.length < 2 ? null : { value: bytes[1], used: 2 },
  )
  if (status !== 0) throw new Error('refused user name and password')
}

function encodeAddress(hostname: string): Buffer {
  switch (isIP(hostname)) {
    case 4:
      return Buffer.from([addressIpv4, ...hostname.split('.').map(Number)])
    case 6:
      return Buffer.from([addressIpv6, ...ipv6Bytes(hostname)])
    default: {
      const name = Buffer.from(hostname)
      if (name.length > 255) throw new Error('host name is too long')
      return Buffer.concat([Buffer.from([addressName, name.length]), name])
    }
  }
}

function ipv6Bytes(address: string): number[] {
  // WHATWG URLs print IPv6 addresses in one canonical form without an embedded IPv4 part.
  const [head = '', tail] = address.split('::')
  const groups = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16))
  const before = groups(head)
  const after = tail === undefined ? [] : groups(tail)
  const zeros = new Array<number>(8 - before.length - after.length).fill(0)
  return [...before, ...zeros, ...after].flatMap((group) => [group >> 8, group & 0xff])
}

/** Version, reply, reserved, then an address of one of three lengths and a port. */
function parseReply(bytes: Buffer): { value: number; used: number } | null {
  if (bytes.length < 5) return null
  if (bytes[0] !== version) throw new Error('does not speak SOCKS5')
  const lengths: Readonly<Record<number, number>> = {
    [addressIpv4]: 4,
    [addressIpv6]: 16,
    [addressName]: 1 + (bytes[4] ?? 0),
  }
  const length = lengths[bytes[3] ?? 0]
  if (length === undefined) throw new Error('answered with an unknown address type')
  const used = 4 + length + 2
  return bytes.length < used ? null : { value: bytes[1] ?? 1, used }
}
