import type { AddressInfo, Server } from 'node:net'
import { errorCode, errorMessage } from '../core/index.ts'
import { DaemonError } from './errors.ts'

/** Listens, and resolves to the port. Rejects with LISTEN_FAILED, naming the address and the next step. */
export function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      const hint: Record<string, string> = {
        EADDRINUSE: 'another process listens there: stop it, or change the port in teleport.yaml',
        EACCES:
          'this user may not listen there: take a port above 1023, or give CAP_NET_BIND_SERVICE',
        EADDRNOTAVAIL: 'no network interface of this machine has that address',
      }
      reject(
        new DaemonError(
          'LISTEN_FAILED',
          `cannot listen on ${host}:${port}: ${hint[errorCode(error) ?? ''] ?? errorMessage(error)}`,
          { cause: error, facts: { host, port } },
        ),
      )
    }
    server.once('error', fail)
    server.listen({ host, port }, () => {
      server.off('error', fail)
      resolve((server.address() as AddressInfo).port)
    })
  })
}
