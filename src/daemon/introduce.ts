import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import type { Origin } from '../gateway/index.ts'
import { formatProxyHeader, PROXIED_ALPN } from '../protocol/index.ts'
import { BROUGHT_KEEP_ALIVE_MS } from './limits.ts'

/** Who a proxy is to our other services, in PEM. */
export interface ProxyCredentials {
  readonly certificatePem: string
  readonly privateKeyPem: string
  readonly hostCaPem: string
}

/**
 * Tells a service of ours whose connection is brought to it: mutual TLS (ALPN `teleport-proxied`), then a PROXY header, then
 * whatever is written. Rejects when who answers is not `serverName` or takes no such connections, or with the signal's reason.
 */
export async function introduce(
  below: Duplex,
  options: {
    readonly serverName: string
    readonly credentials: ProxyCredentials
    readonly origin: Origin
    readonly signal: AbortSignal
    /** Looks at who answers, before he is told anything; throws when he is not to be trusted. */
    readonly admit?: (socket: TLSSocket) => void
  },
): Promise<TLSSocket> {
  const { credentials, signal } = options
  // The TLS socket above reports it; without a listener of its own this one would end the process.
  below.on('error', () => {})
  below.allowHalfOpen = true
  if (below instanceof Socket) {
    // What is typed is not to wait until what was typed before is acknowledged.
    below.setNoDelay(true)
    below.setKeepAlive(true, BROUGHT_KEEP_ALIVE_MS)
  }
  const socket = connectTls({
    socket: below,
    servername: options.serverName,
    ca: credentials.hostCaPem,
    cert: credentials.certificatePem,
    key: credentials.privateKeyPem,
    // Said, or NODE_TLS_REJECT_UNAUTHORIZED would turn it off.
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3',
    ALPNProtocols: [PROXIED_ALPN],
  })
  const giveUp = (): void => {
    socket.destroy()
  }
  signal.addEventListener('abort', giveUp)
  if (signal.aborted) giveUp()
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve)
      socket.on('error', reject)
      socket.once('close', () =>
        reject(signal.aborted ? signal.reason : new Error('the service closed the connection')),
      )
    })
    if (socket.alpnProtocol !== PROXIED_ALPN) {
      throw new Error('what answers there takes no connections of proxies')
    }
    options.admit?.(socket)
    socket.write(formatProxyHeader(options.origin))
    return socket
  } catch (error) {
    // In this order: this may still be amid the handshake, which a TLS socket that goes after the one below it does not survive, nor the process.
    socket.destroy()
    below.destroy()
    throw error
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}
