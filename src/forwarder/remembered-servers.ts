/** API servers are upgraded now and then. */
const KEEP_MS = 10 * 60_000
const MAX_REMEMBERED = 10_000

/**
 * For whom an API server spoke SPDY after it had refused WebSocket. Kept by person as well: a server's 403 may have meant the person, and another's
 * session must not be slower for it.
 */
export class RememberedServers {
  readonly #until = new Map<string, number>()

  /** True: do not ask for a WebSocket again. */
  speaksSpdy(cluster: string, user: string, nowMs: number): boolean {
    return (this.#until.get(keyOf(cluster, user)) ?? 0) > nowMs
  }

  remember(cluster: string, user: string, nowMs: number): void {
    const key = keyOf(cluster, user)
    this.#until.delete(key)
    this.#until.set(key, nowMs + KEEP_MS)
    const [oldest] = this.#until.keys()
    if (this.#until.size > MAX_REMEMBERED && oldest !== undefined) this.#until.delete(oldest)
  }
}

const keyOf = (cluster: string, user: string): string => JSON.stringify([cluster, user])
