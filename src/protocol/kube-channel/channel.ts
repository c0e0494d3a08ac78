/** What a WebSocket message of `v4.channel.k8s.io` or `v5.channel.k8s.io` is about: its first byte. */
export const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const
export type Channel = keyof typeof channels

/** v5 only: the second byte names a channel on which nothing more comes. */
const CLOSE = 255

export const channelProtocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io'] as const
export type ChannelProtocol = (typeof channelProtocols)[number]

export type ChannelMessage =
  | { readonly kind: 'data'; readonly channel: Channel; readonly data: Buffer }
  | { readonly kind: 'close'; readonly channel: Channel }

/** Null for what is no message of the protocol: an empty one, a channel that is none, a close in v4. */
export function parseChannelMessage(
  message: Buffer,
  protocol: ChannelProtocol,
): ChannelMessage | null {
  const [first, second] = message
  if (first === CLOSE && protocol === 'v5.channel.k8s.io') {
    const closed = message.length === 2 ? channelOf(second) : null
    return closed === null ? null : { kind: 'close', channel: closed }
  }
  const channel = channelOf(first)
  return channel === null ? null : { kind: 'data', channel, data: message.subarray(1) }
}

export const formatChannelMessage = (channel: Channel, data: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from([channels[channel]]), data])

/** v5: nothing more comes on a channel. */
export const formatChannelClose = (channel: Channel): Buffer =>
  Buffer.from([CLOSE, channels[channel]])

/** The best protocol that a client offers (the names of `Sec-WebSocket-Protocol`), or null. */
export const chooseChannelProtocol = (offered: readonly string[]): ChannelProtocol | null =>
  channelProtocols.find((protocol) => offered.includes(protocol)) ?? null

const NAMES: readonly Channel[] = ['stdin', 'stdout', 'stderr', 'error', 'resize']

/** Null for a byte that names no channel. */
export const channelOf = (value: number | undefined): Channel | null =>
  value === undefined ? null : (NAMES[value] ?? null)
