import type { SecureContext } from 'node:tls'
import type { PeerCertificateParser } from '../../ca/index.ts'
import type { Clock, Logger } from '../../core/index.ts'
import { createGateway, type Gateway, type Origin, type Router } from '../../gateway/index.ts'
import { PROXIED_ALPN } from '../../protocol/index.ts'
import { createTlsDoor } from '../../tls/index.ts'

const HANDSHAKE_TIMEOUT_MS = 10_000
/** Connections of people that proxies bring; each is one of a proxy's own. */
const MAX_PROXIED = 20_000

/**
 * A port of our own to which people come by themselves and proxies bring them. Connections of proxies (ALPN `teleport-proxied`)
 * begin with a PROXY header, which is believed because a proxy of this cluster says it, by its certificate; what follows is the
 * person's own TLS. From everybody else such a header is no ClientHello, and ends his connection.
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
}): Gateway {
  const { router, log } = options
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
      const verdict = options.peers.parse(certificate).judge(options.clock.now())
      const identity = verdict.ok && verdict.identity.kind === 'host' ? verdict.identity : null
      const isProxy = identity?.services.includes('proxy') === true
      if (isProxy && protocol === PROXIED_ALPN) {
        if (hold(identity.hostId)) brought.handle(socket)
        return
      }
      log.warn(
        { from: origin.address, reason: verdict.ok ? 'it is no proxy' : verdict.message },
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
