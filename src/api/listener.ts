import type { Duplex } from 'node:stream'
import type { SecureContext } from 'node:tls'
import type { PeerCertificate, PeerCertificateParser } from '../ca/index.ts'
import { type Clock, formatAddress, type Logger } from '../core/index.ts'
import { type ConnectionOrigin, createTlsDoor } from '../tls/index.ts'
import { DOOR_LIMITS, defaultServerLimits, type ServerLimits } from './limits.ts'
import type { ApiServer } from './server.ts'
import { keepUnreadAnswers } from './unread-answers.ts'

/** Ends the TLS of API callers. Sockets come from a listener of its own or from the gateway. */
export interface ApiListener {
  accept(socket: Duplex, origin: ConnectionOrigin): void
  /** Lets running requests end, then cuts what is left after `graceMs`. */
  close(graceMs: number): Promise<void>
}

/** TLS 1.3 only, which hides the caller's certificate from whoever moves the bytes. */
export function createApiListener(options: {
  readonly server: Pick<ApiServer, 'http' | 'peers' | 'stopWaiting'>
  readonly secureContext: (serverName: string) => Promise<SecureContext | null>
  readonly peers: PeerCertificateParser
  readonly clock: Clock
  readonly log: Logger
  readonly limits?: Partial<ServerLimits>
}): ApiListener {
  const limits: ServerLimits = { ...defaultServerLimits, ...options.limits }
  const { peers, clock, log, secureContext } = options
  const { http } = options.server
  keepUnreadAnswers(http)
  const door = createTlsDoor({
    alpnProtocols: ['http/1.1'],
    requestCertificate: true,
    minVersion: 'TLSv1.3',
    handshakeTimeoutMs: limits.handshakeTimeoutMs,
    maxConnections: limits.maxConnections,
    secureContext,
    log,
    limits: DOOR_LIMITS,
    onSecured: ({ socket, certificate, origin, hold }) => {
      const peer = peers.parse(certificate)
      const holder = holderOf(peer, clock.now())
      if (!hold(holder)) return
      options.server.peers.set(socket, {
        certificate: peer,
        address: formatAddress(origin.address, origin.port),
        proven: holder !== null,
      })
      http.emit('connection', socket)
    },
  })
  return {
    accept: (socket, origin) => door.accept(socket, origin),
    async close(graceMs) {
      const deadline = AbortSignal.timeout(graceMs)
      options.server.stopWaiting()
      http.closeIdleConnections()
      while (door.connections > 0 && !deadline.aborted) {
        await new Promise((resolve) => setTimeout(resolve, 20))
        http.closeIdleConnections()
      }
      door.destroy()
    },
  }
}

function holderOf(peer: PeerCertificate, nowMs: number): string | null {
  const verdict = peer.judge(nowMs)
  if (!verdict.ok) return null
  const { identity } = verdict
  return identity.kind === 'user' ? identity.user : `@${identity.kind} ${identity.hostId}`
}
