import type { StatsSnapshot } from '../../contract/index.ts'
import { MAX_NAMED_USERS, MAX_TRACKED_USERS, RECENT_WINDOW_MS } from './limits.ts'

/** What one user sent. */
interface UserCounts {
  requests: number
  errors: number
  refused: number
  bytesSent: number
  bytesReceived: number
  live: number
  /** Requests in `window`, and in the one before it. */
  inWindow: number
  inLastWindow: number
  window: number
}

/**
 * Users by name, as many as fit: when the table is full, users without anything underway who sent nothing lately are summed
 * up; when nobody is idle, newcomers are. So memory is bounded whoever sends, and no request is forgotten.
 */
export class UserTable {
  readonly #users = new Map<string, UserCounts>()
  readonly #others = newCounts(0)
  readonly #maxUsers: number
  #summedUp = 0
  #lookedInWindow = -1

  constructor(maxUsers = MAX_TRACKED_USERS) {
    this.#maxUsers = maxUsers
  }

  started(user: string, nowMs: number): void {
    this.#of(user, nowMs).live += 1
  }

  ended(
    user: string,
    nowMs: number,
    status: number,
    bytesSent: number,
    bytesReceived: number,
  ): void {
    const counts = this.#of(user, nowMs)
    // Begun while there was no place for this user, and counted with the others.
    if (counts.live > 0) counts.live -= 1
    else this.#others.live = Math.max(0, this.#others.live - 1)
    counts.bytesSent += bytesSent
    counts.bytesReceived += bytesReceived
    if (status >= 500) counts.errors += 1
    this.#request(counts, nowMs)
  }

  refused(user: string, nowMs: number): void {
    const counts = this.#of(user, nowMs)
    counts.refused += 1
    this.#request(counts, nowMs)
  }

  snapshot(
    nowMs: number,
    maxNamed = MAX_NAMED_USERS,
  ): Pick<StatsSnapshot, 'users' | 'users_other'> {
    const ranked = [...this.#users].sort(
      ([nameA, a], [nameB, b]) =>
        recent(b, nowMs) - recent(a, nowMs) ||
        b.live - a.live ||
        b.requests - a.requests ||
        (nameA < nameB ? -1 : 1),
    )
    const rest = newCounts(0)
    add(rest, this.#others)
    for (const [, counts] of ranked.slice(maxNamed)) add(rest, counts)
    return {
      users: ranked.slice(0, maxNamed).map(([name, counts]) => ({ name, ...fieldsOf(counts) })),
      users_other: {
        users: this.#summedUp + Math.max(0, ranked.length - maxNamed),
        ...fieldsOf(rest),
      },
    }
  }

  #request(counts: UserCounts, nowMs: number): void {
    counts.requests += 1
    const window = windowOf(nowMs)
    if (counts.window !== window) {
      counts.inLastWindow = counts.window === window - 1 ? counts.inWindow : 0
      counts.inWindow = 0
      counts.window = window
    }
    counts.inWindow += 1
  }

  #of(user: string, nowMs: number): UserCounts {
    const known = this.#users.get(user)
    if (known !== undefined) return known
    if (this.#users.size >= this.#maxUsers) this.#sumUpIdle(nowMs)
    if (this.#users.size >= this.#maxUsers) return this.#others
    const counts = newCounts(windowOf(nowMs))
    this.#users.set(user, counts)
    return counts
  }

  /** At most once a window: with nobody idle, each newcomer would look at everybody. */
  #sumUpIdle(nowMs: number): void {
    const window = windowOf(nowMs)
    if (this.#lookedInWindow === window) return
    this.#lookedInWindow = window
    for (const [name, counts] of this.#users) {
      if (counts.live > 0 || counts.window >= window - 1) continue
      this.#users.delete(name)
      add(this.#others, counts)
      this.#summedUp += 1
    }
  }
}

const windowOf = (nowMs: number): number => Math.floor(nowMs / RECENT_WINDOW_MS)

function recent({ window, inWindow, inLastWindow }: UserCounts, nowMs: number): number {
  const now = windowOf(nowMs)
  if (window === now) return inWindow + inLastWindow
  return window === now - 1 ? inWindow : 0
}

const newCounts = (window: number): UserCounts => ({
  requests: 0,
  errors: 0,
  refused: 0,
  bytesSent: 0,
  bytesReceived: 0,
  live: 0,
  inWindow: 0,
  inLastWindow: 0,
  window,
})

function add(sum: UserCounts, counts: UserCounts): void {
  sum.requests += counts.requests
  sum.errors += counts.errors
  sum.refused += counts.refused
  sum.bytesSent += counts.bytesSent
  sum.bytesReceived += counts.bytesReceived
  sum.live += counts.live
}

const fieldsOf = (counts: UserCounts): Omit<StatsSnapshot['users_other'], 'users'> => ({
  requests: counts.requests,
  errors: counts.errors,
  refused: counts.refused,
  bytes_sent: counts.bytesSent,
  bytes_received: counts.bytesReceived,
  live: counts.live,
})
