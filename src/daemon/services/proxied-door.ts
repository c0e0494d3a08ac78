import type { SecureContext } from 'node:tls'
import type { PeerCertificateParser } from '../../ca/index.ts'
import type { Clock, Logger } from '../../core/index.ts'
import { createGateway, type Gateway, type Origin, type Router } from '../../gateway/index.ts'
import { PROXIED_ALPN } from '../../protocol/index.ts'
import { createTlsDoor } from '../../tls/index.ts'
import { HostConnections } from './host-connections.ts'

const HANDSHAKE_TIMEOUT_MS = 10_000
/** Connections of people that proxies bring; each is one of a proxy's own. */
const MAX_PROXIED = 20_000

/**
 * A port of our own to which people come by themselves and proxies bring them. Connections of proxies (ALPN `teleport-proxied`)
 * begin with a PROXY header, which is believed because a proxy of this cluster says it, by its certificate; what follows is the
 * person's own TLS; all of it is cut when the proxy is locked out or removed. From everybody else such a header is no ClientHello, and ends his connection.
 */
export function createProxiedDoor(options: {
  /** Where people's connections go, whoever brought them. */
  readonly router: Router
  /** For proxies that dial a name of ours; null for names that are not. */
  readonly secureContext: (serverName: string) => Promise<SecureContext | null>
  /** Judges certificates of hosts. */
  readonly peers: PeerCertificateParser
  readonly clock: Clock
  readonly log: Logger
  /** For tests. */
  readonly lookMs?: number
}): Gateway {
  const { router, peers, log } = options
  const ofProxies = new HostConnections({
    ...options,
    service: 'proxy',
    words: 'a connection that a proxy brought is cut',
  })
  const brought = createGateway({ router, proxyProtocol: true, log })
  const proxies = createTlsDoor({
    alpnProtocols: [PROXIED_ALPN],
    requestCertificate: true,
    minVersion: 'TLSv1.3',
    handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS,
    maxConnections: MAX_PROXIED,
    secureContext: options.secureContext,
    limits: { maxConnectionsPerHolder: MAX_PROXIED },
    log,
    onSecured({ socket, certificate, origin, protocol, hold }) {
      const verdict = ofProxies.take(socket, peers.parse(certificate))
      if (verdict.ok && protocol === PROXIED_ALPN) {
        if (hold(verdict.hostId)) brought.handle(socket)
        return
      }
      log.warn(
        { from: origin.address, reason: verdict.ok ? 'it brings nobody' : verdict.message },
        'a connection that claims to bring people was refused',
      )
      socket.destroy()
    },
  })
  const door = createGateway({
    router: {
      route: (request) =>
        request.alpn.includes(PROXIED_ALPN)
          ? {
              kind: 'local',
              accept: (socket, origin: Origin) => proxies.accept(socket, origin),
            }
          : router.route(request),
    },
    proxyProtocol: false,
    log,
  })
  return {
    handle: (stream, from) => door.handle(stream, from),
    stats: () => door.stats(),
    async close(graceMs) {
      await Promise.all([door.close(graceMs), brought.close(graceMs)])
      proxies.destroy()
    },
  }
}
