import { askedKey } from '../protocol/index.ts'
import {
  chooseDialect,
  SPDY_COMMAND_PROTOCOLS,
  type SpdyCommandProtocol,
  type WebSocketDialect,
} from '../streams/index.ts'
import { headerOf } from './raw-headers.ts'
import type { Refusal } from './refusal.ts'

/** How a client wants to speak. */
export type ClientProtocol =
  | { readonly kind: 'spdy'; readonly protocol: SpdyCommandProtocol }
  | { readonly kind: 'websocket'; readonly dialect: WebSocketDialect }

/** Null when nothing that the client offers is ours. */
export function clientProtocolOf(
  upgrade: string,
  rawHeaders: readonly string[],
): ClientProtocol | null {
  switch (upgrade.toLowerCase()) {
    case 'spdy/3.1': {
      const offered = listOf(rawHeaders, 'x-stream-protocol-version')
      // A client of the first version names none.
      const wanted = offered.length === 0 ? ['channel.k8s.io'] : offered
      const protocol = SPDY_COMMAND_PROTOCOLS.find((name) => wanted.includes(name))
      return protocol === undefined ? null : { kind: 'spdy', protocol }
    }
    case 'websocket': {
      const dialect = chooseDialect(listOf(rawHeaders, 'sec-websocket-protocol'))
      return dialect === null ? null : { kind: 'websocket', dialect }
    }
    default:
      return null
  }
}

/** Why a WebSocket cannot be given to who asks for one: said before a command runs for it. Null: it can, or none is asked for. */
export function handshakeProblem(upgrade: string, rawHeaders: readonly string[]): Refusal | null {
  if (upgrade.toLowerCase() !== 'websocket') return null
  const asked = askedKey((name) => headerOf(rawHeaders, name))
  if (!('problem' in asked)) return null
  const message = `this is no WebSocket handshake: ${asked.problem}`
  return { code: 'BAD_REQUEST', reason: 'BadRequest', message }
}

/** The members of a list that may stand in several lines (RFC 9110, 5.3). */
export function listOf(rawHeaders: readonly string[], name: string): string[] {
  const members: string[] = []
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.toLowerCase() !== name) continue
    for (const member of (rawHeaders[index + 1] ?? '').split(',')) {
      if (member.trim() !== '') members.push(member.trim())
    }
  }
  return members
}

const OF_THE_UPGRADE =
  /^(?:connection|upgrade|content-length|content-type|x-stream-protocol-version|sec-websocket-.*)$/i

/** The headers of a request without what asked for the client's own protocol. */
export function withoutUpgrade(headers: readonly string[]): string[] {
  const kept: string[] = []
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? ''
    if (!OF_THE_UPGRADE.test(name)) kept.push(name, headers[index + 1] ?? '')
  }
  return kept
}
