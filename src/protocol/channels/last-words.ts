/** Where a Status tells how a command ended (apimachinery/pkg/util/remotecommand: StreamErr). */
const ERROR_CHANNEL = 3
const FINAL_BINARY = 0x82
/** CLOSE with the code 1000: whoever reads the Status need not hear of a broken connection besides. */
const CLOSE_NORMALLY = Buffer.from([0x88, 0x02, 0x03, 0xe8])

/** Whether a subprotocol of a WebSocket has a channel for a Status: `v4.channel.k8s.io` and `v5.channel.k8s.io`. */
export const hasErrorChannel = (subprotocol: string | null): boolean =>
  subprotocol !== null && /^v[45]\.channel\.k8s\.io$/.test(subprotocol)

/**
 * What a server says last on exec and attach over a WebSocket: the Status of the command, and that it is over. To be sent
 * between two messages only.
 */
export function channelLastWords(status: string): Buffer {
  const payload = Buffer.concat([Buffer.from([ERROR_CHANNEL]), Buffer.from(status, 'utf8')])
  return Buffer.concat([
    Buffer.from([FINAL_BINARY, ...lengthBytes(payload.length)]),
    payload,
    CLOSE_NORMALLY,
  ])
}

/** RFC 6455, 5.2: a Status fits into 16 bits by far. */
function lengthBytes(length: number): readonly number[] {
  if (length > 0xffff) throw new TypeError('a Status of more than 65535 bytes')
  return length < 126 ? [length] : [126, length >> 8, length & 0xff]
}
