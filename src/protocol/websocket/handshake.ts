import { createHash } from 'node:crypto'

/** RFC 6455, 4.2.2. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const KEY = /^[+/0-9A-Za-z]{22}==$/
/** Of RFC 6455, and there is no other. */
export const WEBSOCKET_VERSION = '13'

export const acceptOf = (key: string): string =>
  createHash('sha1').update(`${key}${GUID}`).digest('base64')

/** The key of a client that asks for a WebSocket (4.2.1); or in words why what it asks for is none. */
export function askedKey(
  header: (name: string) => string | null,
): { readonly key: string } | { readonly problem: string } {
  if (header('upgrade')?.toLowerCase() !== 'websocket')
    return { problem: 'no upgrade to websocket' }
  const key = header('sec-websocket-key')
  if (key === null || !KEY.test(key)) return { problem: 'no Sec-WebSocket-Key' }
  if (header('sec-websocket-version') !== WEBSOCKET_VERSION) {
    return { problem: `not version ${WEBSOCKET_VERSION}` }
  }
  return { key }
}

/** The answer that switches protocols. `protocol`: of the client's names, null when it named none. */
export const switchedToWebSocket = (key: string, protocol: string | null): string =>
  [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${acceptOf(key)}`,
    ...(protocol === null ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]),
    '\r\n',
  ].join('\r\n')
