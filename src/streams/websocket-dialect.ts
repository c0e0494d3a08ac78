import {
  type Channel,
  type ChannelMessage,
  channels,
  parseChannelMessage,
} from '../protocol/index.ts'
import type { StatusStyle } from './status-style.ts'

/** How a subprotocol of exec and attach writes its messages (apiserver/pkg/util/wsstream/conn.go, remotecommand/websocket.go). */
export interface WebSocketDialect {
  readonly protocol: string
  /** Messages are text: a digit for the channel, then base64. */
  readonly base64: boolean
  readonly style: StatusStyle
  /** A client can say that nothing more comes on a channel (KEP-4006). */
  readonly canClose: boolean
}

/** Best first. A client that names none means the one before the last. */
const DIALECTS: readonly WebSocketDialect[] = [
  { protocol: 'v5.channel.k8s.io', base64: false, style: 'json', canClose: true },
  { protocol: 'v4.channel.k8s.io', base64: false, style: 'json', canClose: false },
  { protocol: 'v4.base64.channel.k8s.io', base64: true, style: 'json', canClose: false },
  { protocol: 'channel.k8s.io', base64: false, style: 'words', canClose: false },
  { protocol: 'base64.channel.k8s.io', base64: true, style: 'words', canClose: false },
]

/** The best dialect of those that a client offers (the names of `Sec-WebSocket-Protocol`); null when none is ours. */
export function chooseDialect(offered: readonly string[]): WebSocketDialect | null {
  const wanted = offered.length === 0 ? ['channel.k8s.io'] : offered
  return DIALECTS.find(({ protocol }) => wanted.includes(protocol)) ?? null
}

/** What a client and an API server of today speak. */
export const V5: WebSocketDialect = {
  protocol: 'v5.channel.k8s.io',
  base64: false,
  style: 'json',
  canClose: true,
}

/** Null for what is no message of the dialect. */
export function readMessage(
  dialect: WebSocketDialect,
  data: Buffer,
  isBinary: boolean,
): ChannelMessage | null {
  if (isBinary === dialect.base64) return null
  const message = dialect.base64 ? unpackBase64(data) : data
  if (message === null) return null
  return parseChannelMessage(message, dialect.canClose ? 'v5.channel.k8s.io' : 'v4.channel.k8s.io')
}

/** A message of a base64 dialect as it is sent. */
export const writeText = (channel: Channel, data: Buffer): string =>
  `${channels[channel]}${data.toString('base64')}`

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/

/** Null for what is no digit with base64 behind it. */
export function unpackBase64(text: Buffer): Buffer | null {
  const digit = (text[0] ?? 0) - 0x30
  const rest = text.toString('latin1', 1)
  if (digit < 0 || digit > 9 || rest.length % 4 !== 0 || !BASE64.test(rest)) return null
  return Buffer.concat([Buffer.from([digit]), Buffer.from(rest, 'base64')])
}
