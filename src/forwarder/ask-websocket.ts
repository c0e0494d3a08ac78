import { randomBytes } from 'node:crypto'
import { acceptOf, WEBSOCKET_VERSION } from '../protocol/index.ts'
import { type AskedUpgrade, ask, type UpgradeAnswer } from './ask-upgrade.ts'
import type { ForwarderLimits } from './limits.ts'
import type { UpgradeConnection } from './ports.ts'
import { headerOf } from './raw-headers.ts'

/** Asks for a WebSocket on the fresh connection; `protocol` is its subprotocol (RFC 6455, 4.1). */
export async function askWebSocket(
  dialled: UpgradeConnection,
  { target, headers, protocol }: Omit<AskedUpgrade, 'method'>,
  limits: Pick<ForwarderLimits, 'maxUpgradeAnswerBytes'>,
  signal: AbortSignal,
): Promise<UpgradeAnswer> {
  const key = randomBytes(16).toString('base64')
  const asking = [
    ...['Connection', 'Upgrade', 'Upgrade', 'websocket'],
    ...['Sec-WebSocket-Version', WEBSOCKET_VERSION, 'Sec-WebSocket-Key', key],
    ...['Sec-WebSocket-Protocol', protocol],
  ]
  const asked = { method: 'GET', target, headers: [...headers, ...asking], protocol: 'websocket' }
  const answer = await ask(dialled, asked, limits, signal)
  if (answer.type === 'refused') return answer
  const problem = problemOf(answer.rawHeaders, key, protocol)
  if (problem === null) return answer
  answer.socket.destroy()
  throw new Error(problem)
}

function problemOf(rawHeaders: readonly string[], key: string, protocol: string): string | null {
  if (headerOf(rawHeaders, 'sec-websocket-accept') !== acceptOf(key)) {
    return 'the API server took a WebSocket that nobody asked for'
  }
  if (headerOf(rawHeaders, 'sec-websocket-protocol') !== protocol) {
    return `the API server took a WebSocket, but not for ${protocol}`
  }
  // None was offered.
  return headerOf(rawHeaders, 'sec-websocket-extensions') === null
    ? null
    : 'the API server took a WebSocket with extensions that nobody asked for'
}
