import { createServer } from 'node:net'
import type { Address } from '../config/index.ts'
import { listen } from '../listen.ts'
import type { KubeService } from './kube.ts'

/** The service's own port, for proxies of other machines; resolves to its number. Closed with `stack`. */
export async function openKubeListener(
  stack: AsyncDisposableStack,
  address: Address,
  kube: Pick<KubeService, 'forwarder'>,
): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) =>
    kube.forwarder.accept(socket, {
      address: socket.remoteAddress ?? '',
      port: socket.remotePort ?? 0,
    }),
  )
  const port = await listen(server, address.host, address.port)
  stack.defer(() => void server.close())
  return port
}
