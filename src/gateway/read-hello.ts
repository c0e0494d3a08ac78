import type { Duplex } from 'node:stream'
import {
  type ClientHello,
  DIAL_BACK_BYTE,
  type DialBackTicket,
  ProtocolError,
  type ProxySource,
  parseClientHello,
  parseDialBack,
  parseProxyHeader,
} from '../protocol/index.ts'

/** What the beginning of a connection said, and its bytes from the ClientHello on, as they came. */
export type Beginning =
  | {
      readonly kind: 'hello'
      readonly hello: ClientHello
      readonly bytes: Buffer
      /** From the PROXY header; null when there was none, or when it speaks of the balancer itself. */
      readonly source: ProxySource | null
    }
  /** An agent dials back. */
  | { readonly kind: 'dialBack'; readonly ticket: DialBackTicket }

/** Hears how it ended, once, and never while the socket tells of its bytes: it may be given away. */
export type HelloRead = (outcome: Beginning | Error) => void

/**
 * Reads a socket up to the whole ClientHello, or the preamble of a dial-back where some are expected, after a PROXY header when
 * `proxyProtocol` says that one must come. The socket is left paused. `onRead` gets a ProtocolError for what is none of these, or the
 * reason with which the function that is returned gave up. No promises and signals: there are thousands of these a second.
 */
export function readHello(
  socket: Duplex,
  options: { readonly proxyProtocol: boolean; readonly dialBacks: boolean },
  onRead: HelloRead,
): (reason: Error) => void {
  let bytes: Buffer = NOTHING
  let source: ProxySource | null = null
  let headerDone = !options.proxyProtocol
  let isOver = false
  const end = (outcome: Beginning | Error): void => {
    if (isOver) return
    isOver = true
    socket.off('readable', onReadable)
    socket.off('end', onEnd)
    socket.off('close', onEnd)
    socket.off('error', end)
    queueMicrotask(() => onRead(outcome))
  }
  const onEnd = (): void =>
    end(new ProtocolError('HELLO_MALFORMED', 'closed before its ClientHello'))
  const onReadable = (): void => {
    while (!isOver) {
      const chunk = socket.read() as Buffer | null
      if (chunk === null) return
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
      if (!headerDone) {
        const parsed = parseProxyHeader(bytes)
        if (parsed.status === 'error') {
          end(parsed.error)
          return
        }
        if (parsed.status === 'needMore') continue
        headerDone = true
        source = parsed.source
        bytes = bytes.subarray(parsed.consumed)
        if (bytes.length === 0) continue
      }
      const outcome = begin(bytes, source, options.dialBacks)
      if (outcome !== null) end(outcome)
    }
  }
  socket.on('readable', onReadable)
  socket.on('end', onEnd)
  socket.on('close', onEnd)
  socket.on('error', end)
  return end
}

/** Null: more must come. */
function begin(
  bytes: Buffer,
  source: ProxySource | null,
  dialBacks: boolean,
): Beginning | Error | null {
  if (dialBacks && bytes[0] === DIAL_BACK_BYTE) {
    const parsed = parseDialBack(bytes)
    if (parsed.status === 'needMore') return null
    return parsed.status === 'error' ? parsed.error : { kind: 'dialBack', ticket: parsed.ticket }
  }
  const parsed = parseClientHello(bytes)
  if (parsed.status === 'needMore') return null
  return parsed.status === 'error'
    ? parsed.error
    : { kind: 'hello', hello: parsed.hello, bytes, source }
}

const NOTHING = Buffer.alloc(0)
