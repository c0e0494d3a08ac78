import type { Duplex } from 'node:stream'
import { errorMessage } from '../core/index.ts'
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

/**
 * Reads a socket up to the whole ClientHello, or the preamble of a dial-back where some are expected, after a PROXY header when
 * `proxyProtocol` says that one must come. The socket is left paused. Rejects with ProtocolError, or with the signal's reason.
 */
export function readHello(
  socket: Duplex,
  options: {
    readonly proxyProtocol: boolean
    readonly dialBacks: boolean
    readonly signal: AbortSignal
  },
): Promise<Beginning> {
  return new Promise((resolve, reject) => {
    let bytes: Buffer = Buffer.alloc(0)
    let source: ProxySource | null = null
    let headerDone = !options.proxyProtocol
    const leave = (): void => {
      socket.off('readable', onReadable)
      socket.off('end', onEnd)
      socket.off('close', onEnd)
      socket.off('error', onError)
      options.signal.removeEventListener('abort', onAbort)
    }
    const fail = (error: unknown): void => {
      leave()
      reject(error instanceof Error ? error : new Error(errorMessage(error)))
    }
    const onEnd = (): void =>
      fail(new ProtocolError('HELLO_MALFORMED', 'closed before its ClientHello'))
    const onError = (error: Error): void => fail(error)
    const onAbort = (): void => fail(options.signal.reason)
    const onReadable = (): void => {
      for (;;) {
        const chunk = socket.read() as Buffer | null
        if (chunk === null) return
        bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
        if (!headerDone) {
          const parsed = parseProxyHeader(bytes)
          if (parsed.status === 'error') {
            fail(parsed.error)
            return
          }
          if (parsed.status === 'needMore') continue
          headerDone = true
          source = parsed.source
          bytes = bytes.subarray(parsed.consumed)
          if (bytes.length === 0) continue
        }
        if (options.dialBacks && bytes[0] === DIAL_BACK_BYTE) {
          const parsed = parseDialBack(bytes)
          if (parsed.status === 'error') {
            fail(parsed.error)
            return
          }
          if (parsed.status === 'needMore') continue
          leave()
          resolve({ kind: 'dialBack', ticket: parsed.ticket })
          return
        }
        const parsed = parseClientHello(bytes)
        if (parsed.status === 'error') {
          fail(parsed.error)
          return
        }
        if (parsed.status === 'needMore') continue
        leave()
        resolve({ kind: 'hello', hello: parsed.hello, bytes, source })
        return
      }
    }
    socket.on('readable', onReadable)
    socket.on('end', onEnd)
    socket.on('close', onEnd)
    socket.on('error', onError)
    options.signal.addEventListener('abort', onAbort)
    if (options.signal.aborted) onAbort()
  })
}
