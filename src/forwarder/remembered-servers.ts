import { createHash } from 'node:crypto'
import type { Principals } from '../authz/index.ts'

/** API servers are upgraded now and then. */
const KEEP_MS = 10 * 60_000
const MAX_REMEMBERED = 10_000

/**
 * For whom an API server spoke SPDY after it had refused WebSocket. Kept by impersonated identity as well: a server's 403 may have meant that user or
 * his groups, and the session of another must not be slower for it, nor refused (servers judge the two by different verbs).
 */
export class RememberedServers {
  readonly #until = new Map<string, number>()

  /** True: do not ask for a WebSocket again. */
  speaksSpdy(cluster: string, as: Principals, nowMs: number): boolean {
    return (this.#until.get(keyOf(cluster, as)) ?? 0) > nowMs
  }

  remember(cluster: string, as: Principals, nowMs: number): void {
    const key = keyOf(cluster, as)
    this.#until.delete(key)
    this.#until.set(key, nowMs + KEEP_MS)
    const [oldest] = this.#until.keys()
    if (this.#until.size > MAX_REMEMBERED && oldest !== undefined) this.#until.delete(oldest)
  }
}

/** A hash: groups may be hundreds. */
const keyOf = (cluster: string, { user, groups }: Principals): string =>
  createHash('sha256')
    .update(JSON.stringify([cluster, user, groups]))
    .digest('base64')
