import { createServer, type Server, type Socket } from 'node:net'
import type { ApiListener } from '../../api/index.ts'
import type { Logger } from '../../core/index.ts'
import type { Forwarder, Undeliverable } from '../../forwarder/index.ts'
import { createGateway, type Gateway, type Route } from '../../gateway/index.ts'
import { isKubeServerName } from '../../protocol/index.ts'
import { listen } from '../listen.ts'
import type { WebDoor } from '../web.ts'

export interface ProxyService {
  readonly gateways: readonly Gateway[]
  readonly webPort: number | null
  readonly kubePort: number | null
  /** Takes no more connections. */
  stopListening(): Promise<void>
}

/** The ways that lead on from the public doors, by what the ClientHello names. */
export interface Ways {
  readonly auth: { readonly serverName: string; readonly listener: ApiListener }
  /** The kubernetes service of this process. */
  readonly kube: { serves(serverName: string): boolean; readonly forwarder: Forwarder } | null
  /** Answers for clusters that nobody serves. */
  readonly undeliverable: Undeliverable
}

/** Opens the public doors; what they own is disposed with `stack`. */
export async function openProxyService(
  stack: AsyncDisposableStack,
  options: {
    readonly web: { readonly host: string; readonly port: number; readonly door: WebDoor } | null
    readonly kube: { readonly host: string; readonly port: number } | null
    readonly ways: Ways
    readonly proxyProtocol: boolean
    readonly graceMs: number
    readonly log: Logger
  },
): Promise<ProxyService> {
  const { ways, log, proxyProtocol } = options
  const servers: Server[] = []
  const gateways: Gateway[] = []

  const toKube = (serverName: string): Route | null => {
    if (!isKubeServerName(serverName)) return null
    const { kube, undeliverable } = ways
    if (kube?.serves(serverName) === true) {
      return { kind: 'local', accept: (socket, origin) => kube.forwarder.accept(socket, origin) }
    }
    return { kind: 'local', accept: (socket, origin) => undeliverable.accept(socket, origin) }
  }

  const open = async (
    address: { host: string; port: number },
    route: (serverName: string | null) => Route,
  ): Promise<number> => {
    const gateway = createGateway({
      router: { route: ({ serverName }) => route(serverName) },
      proxyProtocol,
      log,
    })
    gateways.push(gateway)
    const server = createServer({ allowHalfOpen: true }, (socket: Socket) => gateway.handle(socket))
    servers.push(server)
    return listen(server, address.host, address.port)
  }

  stack.defer(async () => {
    await Promise.all(gateways.map((gateway) => gateway.close(options.graceMs)))
  })
  const { web, kube } = options
  const webPort =
    web === null
      ? null
      : await open(web, (serverName): Route => {
          if (serverName !== null) {
            const toCluster = toKube(serverName)
            if (toCluster !== null) return toCluster
            if (serverName === ways.auth.serverName) {
              return {
                kind: 'local',
                accept: (socket, origin) => ways.auth.listener.accept(socket, origin),
              }
            }
          }
          return { kind: 'local', accept: (socket, origin) => web.door.accept(socket, origin) }
        })
  const kubePort =
    kube === null
      ? null
      : await open(kube, (serverName) =>
          serverName === null ? { kind: 'none' } : (toKube(serverName) ?? { kind: 'none' }),
        )

  const stopListening = async (): Promise<void> => {
    await Promise.all(
      servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))),
    )
  }
  stack.defer(() => {
    for (const server of servers) server.close()
  })
  return { gateways, webPort, kubePort, stopListening }
}
