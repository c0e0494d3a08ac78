import type { Logger } from '../core/index.ts'

/** A name that an agent may not serve. */
export interface RefusedName {
  readonly serverName: string
  readonly reason: string
}

/** Names are told one by one, up to so many of an announcement, and of all those of a tunnel. */
const TOLD_AT_ONCE = 10
const TOLD_AT_ALL = 100

/**
 * Tells which names an agent may not serve: each once while it is announced again and again, as with each change of health, and no
 * more than some, since an agent that means harm finds ever new ones.
 */
export class RefusedNames {
  readonly #log: Logger
  #before: ReadonlySet<string> = new Set()
  #told = 0

  /** `log` names the agent. */
  constructor(log: Logger) {
    this.#log = log
  }

  /** All that were refused of one announcement. */
  tell(refused: readonly RefusedName[]): void {
    const fresh = refused.filter(({ serverName }) => !this.#before.has(serverName))
    this.#before = new Set(refused.map(({ serverName }) => serverName))
    if (fresh.length === 0 || this.#told >= TOLD_AT_ALL) return
    const shown = fresh.slice(0, TOLD_AT_ONCE)
    this.#told += shown.length
    for (const { serverName, reason } of shown) {
      this.#log.warn(
        { server_name: serverName, reason },
        'an agent announced a name that it may not serve',
      )
    }
    const others = fresh.length - shown.length
    if (others > 0) this.#log.warn({ names: others }, 'and further ones, likewise')
    if (this.#told >= TOLD_AT_ALL) {
      this.#log.warn({}, 'of names that this agent may not serve no more are told')
    }
  }
}
