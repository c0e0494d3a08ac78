import { type Clock, formatAddress, type Logger } from '../core/index.ts'
import { AgentLink, type LinkDeps, type TunnelIdentity, type TunnelStatus } from './agent-link.ts'
import { type AnnouncedName, formatAnnouncement } from './announcement.ts'
import { defaultTunnelLimits, type TunnelLimits } from './limits.ts'
import { type Destination, destinationsOf, type ProxyAddress, ProxyClaims } from './proxy-claims.ts'

/** The agent's end of all its tunnels. */
export interface Tunnels {
  status(): readonly TunnelStatus[]
  /** Tells proxies to take other agents, lets connections end, and cuts what is left after `graceMs`. */
  close(graceMs: number): Promise<void>
}

export interface TunnelsOptions
  extends Pick<LinkDeps, 'identity' | 'dial' | 'onConnection' | 'hostBar'> {
  readonly identity: TunnelIdentity
  /** Whether a proxy may ask for plain connections to its address (default: no): nothing else stands on the way there. */
  readonly mayDialBack?: (address: ProxyAddress) => boolean
  readonly version: string
  /** Addresses of the proxies of now; a tunnel to each proxy is kept, however many addresses it has. */
  readonly proxies: () => readonly ProxyAddress[]
  readonly onProxiesChange: (listener: () => void) => () => void
  /** What this agent serves now, each name with its proof. */
  readonly names: () => readonly AnnouncedName[]
  readonly onNamesChange: (listener: () => void) => () => void
  readonly clock: Clock
  /** In [0, 1). */
  readonly random?: () => number
  readonly log: Logger
  readonly limits?: Partial<TunnelLimits>
}

/** How often a drain looks whether everything has ended. */
const DRAIN_LOOK_MS = 20

/** Opens tunnels to all proxies, and keeps them open. */
export function openTunnels(options: TunnelsOptions): Tunnels {
  return new ProxyLinks(options)
}

class ProxyLinks implements Tunnels {
  readonly #options: TunnelsOptions
  readonly #limits: TunnelLimits
  /** By address: as many as there are proxies behind it. */
  readonly #links = new Map<string, AgentLink[]>()
  readonly #claims: ProxyClaims
  #destinations: ReadonlyMap<string, Destination> = new Map()
  /** Of proxies that are no longer there, until their last connection has ended. */
  readonly #leaving = new Set<AgentLink>()
  readonly #stops: readonly (() => void)[]
  readonly #looking: NodeJS.Timeout
  #served: ReadonlySet<string> = new Set()

  constructor(options: TunnelsOptions) {
    this.#options = options
    this.#limits = { ...defaultTunnelLimits, ...options.limits }
    this.#claims = new ProxyClaims(() => this.#reconsider())
    this.#looking = setInterval(() => this.#look(), this.#limits.lookMs).unref()
    this.#stops = [
      options.onProxiesChange(() => this.#follow()),
      options.onNamesChange(() => this.#announce()),
      options.identity.onChange(() => {
        for (const link of this.#all()) link.renew()
      }),
    ]
    this.#announce()
    this.#follow()
  }

  status(): readonly TunnelStatus[] {
    return this.#all().map((link) => link.status())
  }

  async close(graceMs: number): Promise<void> {
    for (const stop of this.#stops) stop()
    const links = [...this.#all(), ...this.#leaving]
    for (const link of links) link.stop()
    const deadline = AbortSignal.timeout(graceMs)
    while (links.some(({ sessions }) => sessions > 0) && !deadline.aborted) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_LOOK_MS))
    }
    for (const link of links) link.destroy()
    clearInterval(this.#looking)
  }

  #all(): AgentLink[] {
    return [...this.#links.values()].flat()
  }

  /** Spare links look whether they are needed now. */
  #reconsider(): void {
    for (const link of this.#all()) link.reconsider()
  }

  #announce(): void {
    this.#served = new Set(this.#options.names().map(({ serverName }) => serverName))
    for (const link of this.#all()) link.announce()
  }

  #follow(): void {
    this.#destinations = destinationsOf(this.#options.proxies(), keyOf)
    let left = this.#limits.maxProxies
    const wanted = new Map<string, number>()
    for (const [key, { hostIds }] of this.#destinations) {
      const count = Math.min(left, Math.max(1, hostIds.size))
      left -= count
      wanted.set(key, count)
    }
    for (const [key, links] of this.#links) {
      const count = wanted.get(key) ?? 0
      // Those that have a tunnel stay.
      const kept = links.toSorted((one, other) => Number(other.isUp) - Number(one.isUp))
      for (const link of kept.splice(count)) {
        this.#leaving.add(link)
        link.stop()
      }
      if (kept.length > 0) this.#links.set(key, kept)
      else this.#links.delete(key)
    }
    for (const [key, count] of wanted) {
      const links = this.#links.get(key) ?? []
      const { address } = this.#destinations.get(key) ?? { address: null }
      if (address === null || links.length >= count) continue
      const made = Array.from({ length: count - links.length }, () => this.#link(address))
      this.#links.set(key, [...links, ...made])
      for (const link of made) link.start()
    }
    this.#reconsider()
  }

  #link(address: ProxyAddress): AgentLink {
    return new AgentLink(address, {
      identity: this.#options.identity,
      dial: this.#options.dial,
      mayDialBack: this.#options.mayDialBack ?? (() => false),
      onConnection: this.#options.onConnection,
      ...(this.#options.hostBar === undefined ? {} : { hostBar: this.#options.hostBar }),
      announcement: () =>
        formatAnnouncement({ version: this.#options.version, names: this.#options.names() }),
      serves: (serverName) => this.#served.has(serverName),
      claims: this.#claims,
      behind: (of) => this.#destinations.get(keyOf(of))?.hostIds ?? new Set(),
      clock: this.#options.clock,
      random: this.#options.random ?? Math.random,
      limits: this.#limits,
      log: this.#options.log,
    })
  }

  #look(): void {
    const nowMs = this.#options.clock.now()
    for (const link of this.#all()) link.look(nowMs)
    for (const link of this.#leaving) {
      if (link.sessions === 0) this.#leaving.delete(link)
      else link.look(nowMs)
    }
  }
}

const keyOf = ({ host, port }: ProxyAddress): string => formatAddress(host, port)
