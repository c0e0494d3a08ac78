import { createServer } from 'node:net'
import type { SecureContext } from 'node:tls'
import type { PeerCertificateParser } from '../../ca/index.ts'
import type { Clock, Logger } from '../../core/index.ts'
import type { Address } from '../config/index.ts'
import { listen } from '../listen.ts'
import type { KubeService } from './kube.ts'
import { createProxiedDoor } from './proxied-door.ts'

export interface KubeListener {
  readonly port: number
  /** Takes no more connections; those that are there go on. */
  stop(): void
}

/** Opens the service's own port, for people, and for proxies that bring them. Closed with `stack`. */
export async function openKubeListener(
  stack: AsyncDisposableStack,
  address: Address,
  options: {
    readonly kube: Pick<KubeService, 'forwarder' | 'serves'>
    readonly secureContext: (serverName: string) => Promise<SecureContext>
    /** Judges certificates of hosts. */
    readonly peers: PeerCertificateParser
    readonly clock: Clock
    readonly log: Logger
  },
): Promise<KubeListener> {
  const { kube, secureContext } = options
  const door = createProxiedDoor({
    router: {
      route: () => ({
        kind: 'local',
        accept: (socket, origin) => kube.forwarder.accept(socket, origin),
      }),
    },
    secureContext: async (name) => (kube.serves(name) ? secureContext(name) : null),
    peers: options.peers,
    clock: options.clock,
    log: options.log,
  })
  const server = createServer({ allowHalfOpen: true }, (socket) => door.handle(socket))
  const port = await listen(server, address.host, address.port)
  const stop = (): void => void server.close()
  stack.defer(async () => {
    stop()
    await door.close(0)
  })
  return { port, stop }
}
