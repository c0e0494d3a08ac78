import { createServer } from 'node:net'
import type { SecureContext } from 'node:tls'
import type { ApiListener } from '../../api/index.ts'
import type { PeerCertificateParser } from '../../ca/index.ts'
import type { Clock, Logger } from '../../core/index.ts'
import type { Undeliverable } from '../../forwarder/index.ts'
import { isKubeServerName } from '../../protocol/index.ts'
import { listen } from '../listen.ts'
import { createProxiedDoor } from './proxied-door.ts'

export interface AuthDoor {
  readonly port: number
  /** Takes no more connections. */
  stop(): void
}

/**
 * The auth service's own port. Callers of the management API come to it, and proxies of other processes, which bring
 * connections of people: for the auth service itself, and for clusters that nobody serves.
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
  const { listener, undeliverable } = options
  const door = createProxiedDoor({
    router: {
      route: ({ serverName }) => ({
        kind: 'local',
        accept: (socket, origin) =>
          serverName !== null && isKubeServerName(serverName)
            ? undeliverable.accept(socket, origin)
            : listener.accept(socket, origin),
      }),
    },
    secureContext: async (name) =>
      name === options.serverName ? options.secureContext(name) : null,
    peers: options.peers,
    clock: options.clock,
    log: options.log,
  })
  const server = createServer({ allowHalfOpen: true }, (socket) => door.handle(socket))
  const port = await listen(server, options.host, options.port)
  const stop = (): void => void server.close()
  stack.defer(async () => {
    stop()
    await door.close(0)
  })
  return { port, stop }
}
