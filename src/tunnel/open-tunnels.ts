import { type Clock, formatAddress, type Logger } from '../core/index.ts'
import {
  AgentLink,
  type LinkDeps,
  type ProxyAddress,
  type TunnelIdentity,
  type TunnelStatus,
} from './agent-link.ts'
import { type AnnouncedName, formatAnnouncement } from './announcement.ts'
import { defaultTunnelLimits, type TunnelLimits } from './limits.ts'

/** The agent's end of all its tunnels. */
export interface Tunnels {
  status(): readonly TunnelStatus[]
  /** Tells proxies to take other agents, lets connections end, and cuts what is left after `graceMs`. */
  close(graceMs: number): Promise<void>
}

export interface TunnelsOptions extends Pick<LinkDeps, 'identity' | 'dial' | 'onConnection'> {
  readonly identity: TunnelIdentity
  readonly version: string
  /** The proxies of now; a tunnel to each of them is kept. */
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
  readonly #links = new Map<string, AgentLink>()
  /** Of proxies that are no longer there, until their last connection has ended. */
  readonly #leaving = new Set<AgentLink>()
  readonly #stops: readonly (() => void)[]
  readonly #looking: NodeJS.Timeout
  #served: ReadonlySet<string> = new Set()

  constructor(options: TunnelsOptions) {
    this.#options = options
    this.#limits = { ...defaultTunnelLimits, ...options.limits }
    this.#looking = setInterval(() => this.#look(), this.#limits.lookMs).unref()
    this.#stops = [
      options.onProxiesChange(() => this.#follow()),
      options.onNamesChange(() => this.#announce()),
      options.identity.onChange(() => {
        for (const link of this.#links.values()) link.renew()
      }),
    ]
    this.#announce()
    this.#follow()
  }

  status(): readonly TunnelStatus[] {
    return [...this.#links.values()].map((link) => link.status())
  }

  async close(graceMs: number): Promise<void> {
    for (const stop of this.#stops) stop()
    const links = [...this.#links.values(), ...this.#leaving]
    for (const link of links) link.stop()
    const deadline = AbortSignal.timeout(graceMs)
    while (links.some(({ sessions }) => sessions > 0) && !deadline.aborted) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_LOOK_MS))
    }
    for (const link of links) link.destroy()
    clearInterval(this.#looking)
  }

  #announce(): void {
    this.#served = new Set(this.#options.names().map(({ serverName }) => serverName))
    for (const link of this.#links.values()) link.announce()
  }

  #follow(): void {
    const wanted = new Map<string, ProxyAddress>()
    for (const address of this.#options.proxies().slice(0, this.#limits.maxProxies)) {
      wanted.set(formatAddress(address.host, address.port), address)
    }
    for (const [name, link] of this.#links) {
      if (wanted.has(name)) continue
      this.#links.delete(name)
      this.#leaving.add(link)
      link.stop()
    }
    for (const [name, address] of wanted) {
      if (this.#links.has(name)) continue
      const link = new AgentLink(address, {
        identity: this.#options.identity,
        dial: this.#options.dial,
        onConnection: this.#options.onConnection,
        announcement: () =>
          formatAnnouncement({ version: this.#options.version, names: this.#options.names() }),
        serves: (serverName) => this.#served.has(serverName),
        clock: this.#options.clock,
        random: this.#options.random ?? Math.random,
        limits: this.#limits,
        log: this.#options.log,
      })
      this.#links.set(name, link)
      link.start()
    }
  }

  #look(): void {
    const nowMs = this.#options.clock.now()
    for (const link of this.#links.values()) link.look(nowMs)
    for (const link of this.#leaving) {
      if (link.sessions === 0) this.#leaving.delete(link)
      else link.look(nowMs)
    }
  }
}
