import { isIPv6, type Socket } from 'node:net'
import type { Address } from '../connect-tcp.ts'
import { readUntil } from './read-until.ts'

/** Enough for any proxy's cookies and Via lines. */
const maxAnswerBytes = 16 * 1024

/** Asks an HTTP proxy for a tunnel: CONNECT, RFC 9110 9.3.6. Rejects with the proxy's status line. */
export async function httpConnect(
  socket: Socket,
  address: Address,
  login: { readonly username: string; readonly password: string },
): Promise<void> {
  const host = isIPv6(address.hostname) ? `[${address.hostname}]` : address.hostname
  const authority = `${host}:${address.port}`
  const basic = Buffer.from(`${login.username}:${login.password}`).toString('base64')
  const authorization = login.username === '' ? '' : `Proxy-Authorization: Basic ${basic}\r\n`
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${authorization}\r\n`)
  const head = await readUntil(socket, maxAnswerBytes, (bytes) => {
    const end = bytes.indexOf('\r\n\r\n')
    return end < 0 ? null : { value: bytes.toString('latin1', 0, end), used: end + 4 }
  })
  const statusLine = head.split('\r\n', 1)[0] ?? ''
  if (!/^HTTP\/1\.[01] 2\d\d(?: |$)/.test(statusLine)) {
    throw new Error(`refused the tunnel to ${authority}: ${statusLine.slice(0, 100)}`)
  }
}
