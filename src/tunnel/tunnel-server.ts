import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { SecureContext } from 'node:tls'
import { addressKey, type Clock, errorMessage, type Logger } from '../core/index.ts'
import { type DialBackTicket, proxyServerName, TUNNEL_ALPN } from '../protocol/index.ts'
import { createTlsDoor, type SecuredConnection, type TlsDoor } from '../tls/index.ts'
import { orderAgents } from './choose-agent.ts'
import type { DialBackCounts } from './dial-back/proxy-end.ts'
import { Tickets } from './dial-back/tickets.ts'
import { TunnelError } from './errors.ts'
import { defaultTunnelLimits, type TunnelLimits } from './limits.ts'
import type { TunnelOrigin } from './origin.ts'
import { judgeHost, type PeerJudges } from './peers.ts'
import { ProxyTunnel, refuseTunnel } from './proxy-tunnel.ts'
import { Unread } from './unread.ts'

/** An agent whose tunnel is open, for inventories and health. */
export interface TunnelAgent {
  readonly hostId: string
  readonly address: string
  readonly version: string
  readonly sinceMs: number
  /** TLS server names that it serves. */
  readonly names: readonly string[]
  /** Connections of people that it holds through this proxy. */
  readonly streams: number
}

/** How people's connections reached agents, since the start, and what waits for them now. */
export interface TunnelStats extends Readonly<DialBackCounts> {
  /** Dial-backs that are nobody's yet. */
  readonly warm: number
  /** Dial-backs on order. */
  readonly ordered: number
}

/** The proxy's end of all tunnels. */
export interface TunnelServer {
  /** Takes a connection at its ClientHello. */
  accept(socket: Duplex, origin: TunnelOrigin): void
  /** Takes a connection that an agent has dialled back; false: its ticket is none of ours, now or any more. */
  acceptDialBack(socket: Socket, ticket: DialBackTicket): boolean
  /** Whether an agent would take a connection for this name now. */
  serves(serverName: string): boolean
  /**
   * A connection to an agent that serves the name: a healthy one first, and the next when one does not answer. Rejects
   * with TunnelError TUNNEL_NO_AGENT, TUNNEL_ADDRESS_BUSY or TUNNEL_CONNECT_FAILED, or with the signal's reason. With a hello,
   * what came of the connection so far, the agent has been given it, and may have dialled back for it. `person` is the socket that
   * it will be joined to: what waits there counts as well in what his address may leave unread.
   */
  dial(
    serverName: string,
    origin: TunnelOrigin,
    signal: AbortSignal,
    hello?: Buffer,
    person?: Duplex,
  ): Promise<Duplex>
  stats(): TunnelStats
  agents(): readonly TunnelAgent[]
  /** Tells agents to go elsewhere, lets connections end, and cuts what is left after `graceMs`. */
  close(graceMs: number): Promise<void>
}

export interface TunnelServerOptions {
  readonly teleportCluster: string
  /** For the one name of all proxies of this cluster. */
  readonly secureContext: (serverName: string) => Promise<SecureContext>
  /** Judges certificates of hosts. */
  readonly peers: PeerJudges
  /** Whether agents may be asked to dial back (default: yes). */
  readonly dialBack?: boolean
  readonly clock: Clock
  readonly log: Logger
  readonly limits?: Partial<TunnelLimits>
}

export function createTunnelServer(options: TunnelServerOptions): TunnelServer {
  return new AgentTunnels(options)
}

const BROKEN_OFF = 'the agent broke off the connection at once'

/** How often a drain looks whether everything has ended. */
const DRAIN_LOOK_MS = 20

class AgentTunnels implements TunnelServer {
  readonly #options: TunnelServerOptions
  readonly #limits: TunnelLimits
  readonly #door: TlsDoor
  readonly #tunnels = new Set<ProxyTunnel>()
  readonly #byName = new Map<string, Set<ProxyTunnel>>()
  /** By `addressKey`. */
  readonly #streamsOfAddress = new Map<string, number>()
  /** People's sockets, by the connections to agents that they are joined to. */
  readonly #people = new WeakMap<Duplex, Duplex>()
  readonly #tickets: Tickets
  readonly #counts: DialBackCounts = { dialBack: 0, stream: 0, late: 0 }
  readonly #looking: NodeJS.Timeout
  #closing = false

  constructor(options: TunnelServerOptions) {
    this.#options = options
    this.#limits = { ...defaultTunnelLimits, ...options.limits }
    this.#tickets = new Tickets(this.#limits.maxTickets)
    const name = proxyServerName(options.teleportCluster)
    this.#door = createTlsDoor({
      alpnProtocols: [TUNNEL_ALPN],
      requestCertificate: true,
      minVersion: 'TLSv1.3',
      handshakeTimeoutMs: this.#limits.handshakeTimeoutMs,
      maxConnections: this.#limits.maxTunnels,
      secureContext: async (asked) => (asked === name ? options.secureContext(name) : null),
      limits: { maxConnectionsPerHolder: this.#limits.maxTunnelsPerHost },
      log: options.log,
      onSecured: (connection) => this.#secured(connection),
    })
    this.#looking = setInterval(() => this.#look(), this.#limits.lookMs).unref()
  }

  accept(socket: Duplex, origin: TunnelOrigin): void {
    if (this.#closing) socket.destroy()
    else this.#door.accept(socket, origin)
  }

  acceptDialBack(socket: Socket, ticket: DialBackTicket): boolean {
    return this.#tickets.redeem(socket, ticket, this.#options.clock.now())
  }

  stats(): TunnelStats {
    let warm = 0
    for (const tunnel of this.#tunnels) warm += tunnel.warm
    return { ...this.#counts, warm, ordered: this.#tickets.size }
  }

  serves(serverName: string): boolean {
    for (const tunnel of this.#byName.get(serverName) ?? []) {
      if (tunnel.serves(serverName)) return true
    }
    return false
  }

  async dial(
    serverName: string,
    origin: TunnelOrigin,
    signal: AbortSignal,
    hello: Buffer | null = null,
    person: Duplex | null = null,
  ): Promise<Duplex> {
    const giveBack = this.#takePlace(addressKey(origin.address))
    try {
      const stream = await this.#dialOneOf(serverName, origin, hello, signal)
      // One that has closed meanwhile would not say so again, and its place would be taken for ever.
      if (stream.destroyed) throw new TunnelError('TUNNEL_CONNECT_FAILED', BROKEN_OFF)
      stream.once('close', giveBack)
      if (person !== null) this.#people.set(stream, person)
      return stream
    } catch (error) {
      giveBack()
      throw error
    }
  }

  agents(): readonly TunnelAgent[] {
    return [...this.#tunnels].map((tunnel) => ({
      hostId: tunnel.hostId,
      address: tunnel.origin.address,
      version: tunnel.version,
      sinceMs: tunnel.sinceMs,
      names: tunnel.names,
      streams: tunnel.streams,
    }))
  }

  async close(graceMs: number): Promise<void> {
    this.#closing = true
    for (const tunnel of this.#tunnels) tunnel.drain()
    const deadline = AbortSignal.timeout(graceMs)
    while (this.#tunnels.size > 0 && !deadline.aborted) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_LOOK_MS))
    }
    for (const tunnel of this.#tunnels) tunnel.destroy()
    clearInterval(this.#looking)
    this.#door.destroy()
  }

  async #dialOneOf(
    serverName: string,
    origin: TunnelOrigin,
    hello: Buffer | null,
    signal: AbortSignal,
  ): Promise<Duplex> {
    const candidates = [...(this.#byName.get(serverName) ?? [])]
      .filter((tunnel) => tunnel.serves(serverName))
      .map((tunnel) => ({
        tunnel,
        healthy: tunnel.healthy(serverName),
        doubtful: tunnel.doubtful,
        streams: tunnel.streams,
      }))
    let failure: Error | null = null
    let mayDialBack = true
    const asked = orderAgents(candidates).slice(0, this.#limits.maxAttempts)
    for (const candidate of asked) {
      const { tunnel } = candidate
      try {
        const stream = await tunnel.open(serverName, origin, hello, signal, mayDialBack)
        if (stream !== null) return stream
        // Either the agent is silent or the plain way to it: the others are asked by the way that is surer, and in the end it as well.
        mayDialBack = false
        asked.push(candidate)
      } catch (error) {
        signal.throwIfAborted()
        failure = error instanceof Error ? error : new Error(errorMessage(error))
        this.#options.log.info(
          { host_id: tunnel.hostId, error: errorMessage(error) },
          'an agent did not take a connection: the next one is asked',
        )
      }
    }
    throw failure ?? new TunnelError('TUNNEL_NO_AGENT', 'no agent serves this name')
  }

  /** Throws TunnelError TUNNEL_ADDRESS_BUSY. */
  #takePlace(address: string): () => void {
    const taken = this.#streamsOfAddress.get(address) ?? 0
    if (taken >= this.#limits.maxStreamsPerAddress) {
      throw new TunnelError(
        'TUNNEL_ADDRESS_BUSY',
        `one address has ${taken} connections through tunnels: no more of them`,
      )
    }
    this.#streamsOfAddress.set(address, taken + 1)
    return () => {
      const rest = (this.#streamsOfAddress.get(address) ?? 1) - 1
      if (rest === 0) this.#streamsOfAddress.delete(address)
      else this.#streamsOfAddress.set(address, rest)
    }
  }

  #secured(connection: SecuredConnection): void {
    const { peers, clock, log } = this.#options
    const refuse = (reason: string): void => {
      log.warn({ from: connection.origin.address, reason }, 'a tunnel was refused')
      refuseTunnel(connection, this.#limits, reason)
    }
    const peer = peers.parse(connection.certificate)
    const verdict = judgeHost(peer, 'kube', clock.now())
    if (!verdict.ok) {
      if (connection.hold(null)) refuse(verdict.message)
      return
    }
    const { hostId } = verdict.identity
    if (!connection.hold(hostId)) return
    if (connection.protocol !== TUNNEL_ALPN) {
      refuse(`the connection does not speak ${TUNNEL_ALPN}`)
      return
    }
    const tunnel: ProxyTunnel = new ProxyTunnel({
      connection,
      peer,
      hostId,
      peers,
      limits: this.#limits,
      nowMs: () => clock.now(),
      tickets: this.#options.dialBack === false ? null : this.#tickets,
      counts: this.#counts,
      log,
      onNames: (of, gone, now) => this.#index(of, gone, now),
      onClosed: (of) => this.#tunnels.delete(of),
    })
    this.#tunnels.add(tunnel)
    if (this.#closing) tunnel.drain()
  }

  #index(tunnel: ProxyTunnel, gone: readonly string[], now: readonly string[]): void {
    for (const name of gone) {
      const tunnels = this.#byName.get(name)
      tunnels?.delete(tunnel)
      if (tunnels?.size === 0) this.#byName.delete(name)
    }
    for (const name of now) {
      const tunnels = this.#byName.get(name) ?? new Set()
      tunnels.add(tunnel)
      this.#byName.set(name, tunnels)
    }
  }

  /** Dead agents, windows, and addresses whose readers left more with us than they may. */
  #look(): void {
    const unread = new Unread(this.#people)
    const nowMs = this.#options.clock.now()
    for (const tunnel of this.#tunnels) tunnel.look(nowMs, unread)
    for (const { address, connections } of unread.cut(this.#limits.addressMemoryBytes)) {
      this.#options.log.warn(
        { from: address, connections },
        'readers of one address left too much unread: the fullest connections are cut',
      )
    }
  }
}
