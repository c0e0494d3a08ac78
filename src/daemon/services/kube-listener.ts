import { createServer } from 'node:net'
import type { Address } from '../config/index.ts'
import { listen } from '../listen.ts'
import type { KubeService } from './kube.ts'

export interface KubeListener {
  readonly port: number
  /** Takes no more connections; those that are there go on. */
  stop(): void
}

/** Opens the service's own port, for proxies of other machines. Closed with `stack`. */
export async function openKubeListener(
  stack: AsyncDisposableStack,
  address: Address,
  kube: Pick<KubeService, 'forwarder'>,
): Promise<KubeListener> {
  const server = createServer({ allowHalfOpen: true }, (socket) =>
    kube.forwarder.accept(socket, {
      address: socket.remoteAddress ?? '',
      port: socket.remotePort ?? 0,
    }),
  )
  const port = await listen(server, address.host, address.port)
  const stop = (): void => void server.close()
  stack.defer(stop)
  return { port, stop }
}
