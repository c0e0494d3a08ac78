export interface ProxyAddress {
  readonly host: string
  readonly port: number
  /** Who answers there, where it is known; a load balancer's address is that of several. */
  readonly hostId?: string
}

/**
 * Which link has the tunnel to which proxy, by the host id that the proxy proved. Addresses say little: one proxy has several (its
 * web port, its port for tunnels), and one address leads to several proxies when it is a load balancer's.
 */
export class ProxyClaims {
  readonly #holders = new Map<string, object>()
  readonly #onReleased: () => void

  /** `onReleased` hears when a proxy has no tunnel any more. */
  constructor(onReleased: () => void) {
    this.#onReleased = onReleased
  }

  /** False when another link has it. */
  take(hostId: string, link: object): boolean {
    const holder = this.#holders.get(hostId)
    if (holder !== undefined) return holder === link
    this.#holders.set(hostId, link)
    return true
  }

  /** Gives back what a link has, but for one proxy. */
  release(link: object, except: string | null = null): void {
    let released = false
    for (const [hostId, holder] of this.#holders) {
      if (holder !== link || hostId === except) continue
      this.#holders.delete(hostId)
      released = true
    }
    if (released) this.#onReleased()
  }

  isHeld(hostId: string): boolean {
    return this.#holders.has(hostId)
  }
}

/** An address, and the proxies behind it as far as they are known. */
export interface Destination {
  readonly address: ProxyAddress
  readonly hostIds: ReadonlySet<string>
}

/** Addresses, each once, with the host ids that are said of it; the first of each proxy before the second of any. */
export function destinationsOf(
  proxies: readonly ProxyAddress[],
  keyOf: (address: ProxyAddress) => string,
): ReadonlyMap<string, Destination> {
  const destinations = new Map<string, Destination>()
  for (const { hostId, ...address } of inTurn(proxies)) {
    const key = keyOf(address)
    const known = destinations.get(key)?.hostIds ?? []
    const hostIds = new Set(hostId === undefined ? known : [...known, hostId])
    destinations.set(key, { address, hostIds })
  }
  return destinations
}

/** A proxy names as many addresses as it likes, and agents keep to so many: the others must come in as well. */
function inTurn(proxies: readonly ProxyAddress[]): readonly ProxyAddress[] {
  const named = new Map<string, number>()
  return proxies
    .map((address) => {
      const { hostId } = address
      const turn = hostId === undefined ? 0 : (named.get(hostId) ?? 0)
      if (hostId !== undefined) named.set(hostId, turn + 1)
      return { address, turn }
    })
    .toSorted((one, other) => one.turn - other.turn)
    .map(({ address }) => address)
}
