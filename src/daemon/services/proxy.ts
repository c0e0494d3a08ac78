import { createServer, type Server, type Socket } from 'node:net'
import type { Logger } from '../../core/index.ts'
import type { Forwarder } from '../../forwarder/index.ts'
import { createGateway, type Gateway, type Route, type RouteRequest } from '../../gateway/index.ts'
import { isKubeServerName, TUNNEL_ALPN } from '../../protocol/index.ts'
import type { TunnelServer, TunnelStats } from '../../tunnel/index.ts'
import { listen } from '../listen.ts'
import type { WebDoor } from '../web.ts'
import type { DirectWays } from './direct.ts'

export interface ProxyService {
  readonly gateways: readonly Gateway[]
  tunnelStats(): TunnelStats
  readonly webPort: number | null
  readonly kubePort: number | null
  readonly tunnelPort: number | null
  /** Takes no more connections, sends agents elsewhere, lets what runs end, and cuts what is left after `graceMs`. */
  close(graceMs: number): Promise<void>
}

/** The ways that lead on from the public doors, by what the ClientHello names. */
export interface Ways {
  /** To the auth service, here or far away. */
  readonly auth: { serves(serverName: string): boolean; readonly route: Route }
  /** The kubernetes service of this process. */
  readonly kube: { serves(serverName: string): boolean; readonly forwarder: Forwarder } | null
  /** Agents that have dialled in. */
  readonly tunnels: TunnelServer
  /** Kubernetes services with an address of their own; asked when no tunnel leads to a cluster. */
  readonly direct: DirectWays
  /** To whoever answers for clusters that nobody serves. */
  readonly undeliverable: Route
}

/** Opens the public doors; what they own is disposed with `stack`. */
export async function openProxyService(
  stack: AsyncDisposableStack,
  options: {
    readonly web: { readonly host: string; readonly port: number; readonly door: WebDoor } | null
    readonly kube: { readonly host: string; readonly port: number } | null
    /** A port for agents alone; they may come to the web port as well. */
    readonly tunnel: { readonly host: string; readonly port: number } | null
    readonly ways: Ways
    readonly proxyProtocol: boolean
    readonly log: Logger
  },
): Promise<ProxyService> {
  const { ways, log, proxyProtocol } = options
  const servers: Server[] = []
  const gateways: Gateway[] = []

  const toKube = (serverName: string): Route | null => {
    if (!isKubeServerName(serverName)) return null
    const { kube, tunnels, direct, undeliverable } = ways
    if (kube?.serves(serverName) === true) {
      return { kind: 'local', accept: (socket, origin) => kube.forwarder.accept(socket, origin) }
    }
    const dialled: Route = direct.serves(serverName)
      ? {
          kind: 'pipe',
          dial: (origin, signal) => direct.dial(serverName, origin, signal),
          otherwise: undeliverable,
        }
      : undeliverable
    if (!tunnels.serves(serverName)) return dialled
    return {
      kind: 'pipe',
      dial: (origin, signal, hello, client) =>
        tunnels.dial(serverName, origin, signal, hello, client),
      sendsHello: true,
      otherwise: dialled,
    }
  }
  const toTunnels: Route = {
    kind: 'local',
    accept: (socket, origin) => ways.tunnels.accept(socket, origin),
  }

  const gatewayFor = (
    route: (request: RouteRequest) => Route,
    { isCarried = false, takesAgents = false } = {},
  ): Gateway => {
    // Whose a carried connection is was said where it was carried.
    const gateway = createGateway({
      router: { route },
      proxyProtocol: proxyProtocol && !isCarried,
      ...(takesAgents ? { dialBacks: ways.tunnels } : {}),
      log,
    })
    gateways.push(gateway)
    return gateway
  }
  const open = async (
    address: { host: string; port: number },
    route: (request: RouteRequest) => Route,
    { takesAgents = false } = {},
  ): Promise<number> => {
    const gateway = gatewayFor(route, { takesAgents })
    const server = createServer({ allowHalfOpen: true }, (socket: Socket) => gateway.handle(socket))
    servers.push(server)
    return listen(server, address.host, address.port)
  }

  const close = async (graceMs: number): Promise<void> => {
    for (const server of servers) server.close()
    await Promise.all([...gateways, ways.tunnels].map((part) => part.close(graceMs)))
  }
  stack.defer(() => close(0))
  const { web, kube, tunnel } = options
  /** Everything but the pages: what the web port leads to by a ClientHello. */
  const byHello = ({ serverName, alpn }: RouteRequest): Route | null => {
    if (alpn.includes(TUNNEL_ALPN)) return toTunnels
    if (serverName === null) return null
    return toKube(serverName) ?? (ways.auth.serves(serverName) ? ways.auth.route : null)
  }
  const webPort =
    web === null
      ? null
      : await open(
          web,
          (request) =>
            byHello(request) ?? {
              kind: 'local',
              accept: (socket, origin) => web.door.accept(socket, origin),
            },
          { takesAgents: true },
        )
  if (web !== null) {
    const carried = gatewayFor((request) => byHello(request) ?? { kind: 'none' }, {
      isCarried: true,
    })
    web.door.carryTo((stream, origin) => carried.handle(stream, origin))
  }
  const kubePort =
    kube === null
      ? null
      : await open(kube, ({ serverName }) =>
          serverName === null ? { kind: 'none' } : (toKube(serverName) ?? { kind: 'none' }),
        )

  const tunnelPort =
    tunnel === null
      ? null
      : await open(
          tunnel,
          ({ alpn }) => (alpn.includes(TUNNEL_ALPN) ? toTunnels : { kind: 'none' }),
          { takesAgents: true },
        )

  const tunnelStats = (): TunnelStats => ways.tunnels.stats()
  return { gateways, tunnelStats, webPort, kubePort, tunnelPort, close }
}
