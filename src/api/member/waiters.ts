import { MAX_STATE_WAITERS_PER_MEMBER } from '../limits.ts'

/** Calls of members that wait for news. One member has few of them: of more, the oldest is answered. */
export class Waiters {
  readonly #waiters = new Map<string, Set<() => void>>()
  #closed = false

  /** Resolves when there are news, or after `waitMs`. */
  async wait(member: string, waitMs: number): Promise<void> {
    if (this.#closed) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const release = (): void => resolve()
    const own = this.#waiters.get(member) ?? new Set()
    this.#waiters.set(member, own.add(release))
    if (own.size > MAX_STATE_WAITERS_PER_MEMBER) own.values().next().value?.()
    const timer = setTimeout(release, waitMs)
    try {
      await promise
    } finally {
      clearTimeout(timer)
      own.delete(release)
      if (own.size === 0) this.#waiters.delete(member)
    }
  }

  /** There are news: for one member, or for all. */
  tell(member?: string): void {
    const told = member === undefined ? [...this.#waiters.values()] : this.#of(member)
    for (const own of told) for (const release of own) release()
  }

  #of(member: string): readonly ReadonlySet<() => void>[] {
    const own = this.#waiters.get(member)
    return own === undefined ? [] : [own]
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Answers whoever waits, and lets nobody wait any more. */
  close(): void {
    this.#closed = true
    this.tell()
  }
}
