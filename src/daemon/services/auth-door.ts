import { createServer, type Socket } from 'node:net'
import type { SecureContext } from 'node:tls'
import type { ApiListener } from '../../api/index.ts'
import type { PeerCertificateParser } from '../../ca/index.ts'
import type { Clock, Logger } from '../../core/index.ts'
import type { Undeliverable } from '../../forwarder/index.ts'
import { createGateway, type Gateway, type Origin, type Route } from '../../gateway/index.ts'
import { isKubeServerName, PROXIED_ALPN } from '../../protocol/index.ts'
import { createTlsDoor } from '../../tls/index.ts'
import { listen } from '../listen.ts'

const HANDSHAKE_TIMEOUT_MS = 10_000
/** Connections of people that proxies bring; each is one of a proxy's own. */
const MAX_PROXIED = 20_000

export interface AuthDoor {
  readonly port: number
  /** Takes no more connections. */
  stop(): void
}

/**
 * The auth service's own port. Callers of the management API come to it, and proxies of other processes, which bring
 * connections of people: for the auth service itself, and for clusters that nobody serves. Such a connection begins with a
 * PROXY header, which is believed because a proxy of this cluster says it; what follows is the person's own TLS.
 */
export async function openAuthDoor(
  stack: AsyncDisposableStack,
  options: {
    readonly host: string
    readonly port: number
    readonly serverName: string
    readonly listener: ApiListener
    readonly undeliverable: Undeliverable
    readonly secureContext: (serverName: string) => Promise<SecureContext>
    /** Judges certificates of hosts. */
    readonly peers: PeerCertificateParser
    readonly clock: Clock
    readonly log: Logger
  },
): Promise<AuthDoor> {
  const { listener, undeliverable, log } = options
  const toApi: Route = {
    kind: 'local',
    accept: (socket, origin) => listener.accept(socket, origin),
  }
  const brought = createGateway({
    router: {
      route: ({ serverName }) =>
        serverName !== null && isKubeServerName(serverName)
          ? { kind: 'local', accept: (socket, origin) => undeliverable.accept(socket, origin) }
          : toApi,
    },
    proxyProtocol: true,
    log,
  })
  const proxies = createTlsDoor({
    alpnProtocols: [PROXIED_ALPN],
    requestCertificate: true,
    minVersion: 'TLSv1.3',
    handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS,
    maxConnections: MAX_PROXIED,
    secureContext: async (name) =>
      name === options.serverName ? options.secureContext(name) : null,
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
      route: ({ alpn }) =>
        alpn.includes(PROXIED_ALPN)
          ? {
              kind: 'local',
              accept: (socket: Socket, origin: Origin) => proxies.accept(socket, origin),
            }
          : toApi,
    },
    proxyProtocol: false,
    log,
  })
  const server = createServer({ allowHalfOpen: true }, (socket) => door.handle(socket))
  const port = await listen(server, options.host, options.port)
  const stop = (): void => void server.close()
  stack.defer(async () => {
    stop()
    await Promise.all([door, brought].map((gateway: Gateway) => gateway.close(0)))
    proxies.destroy()
  })
  return { port, stop }
}
