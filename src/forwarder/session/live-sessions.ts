import { randomUUID } from 'node:crypto'

/** A session that goes on at this service. */
export interface LiveSession {
  readonly sessionId: string
  readonly kind: 'exec' | 'attach' | 'portforward'
  readonly user: string
  readonly kubeCluster: string
  readonly namespace: string
  readonly pod: string
  readonly container: string
  /** Empty when it is not known. */
  readonly node: string
  readonly image: string
  readonly command: readonly string[]
  readonly tty: boolean
  /** What the client speaks. */
  readonly protocol: string
  /** `ip:port` of the client. */
  readonly address: string
  readonly startedMs: number
  readonly recording: boolean
}

/** Who ends a session, and what its person is told. */
export interface EndedBy {
  readonly user: string
  readonly message: string
}

/** The sessions of this service. */
export interface LiveSessions {
  list(): readonly LiveSession[]
  onChange(listener: () => void): () => void
  /** Ends one in words. False: there is none. */
  end(sessionId: string, by: EndedBy): boolean
}

/** One place among the sessions of a person, taken before there is a session. */
export interface SessionPlace {
  /** Of the session that is to begin here. */
  readonly sessionId: string
  /** Sessions that the person had when this place was taken, those that began included. */
  readonly others: number
  /** The same of all persons. */
  readonly othersOfAll: number
  /** From now on it is listed, and can be ended. */
  start(session: LiveSession, end: (by: EndedBy) => void): void
  /** Again does nothing. */
  leave(): void
}

interface Running {
  readonly session: LiveSession
  readonly end: (by: EndedBy) => void
}

export class SessionsHere implements LiveSessions {
  readonly #running = new Map<string, Running>()
  readonly #places = new Map<string, number>()
  readonly #listeners = new Set<() => void>()
  readonly #onLeave: (sessionId: string) => void
  /** Places of all persons. */
  #taken = 0

  /** `onLeave` hears of each session that is over, and of each that did not begin. */
  constructor(onLeave: (sessionId: string) => void) {
    this.#onLeave = onLeave
  }

  list(): readonly LiveSession[] {
    return [...this.#running.values()].map(({ session }) => session)
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  end(sessionId: string, by: EndedBy): boolean {
    const running = this.#running.get(sessionId)
    running?.end(by)
    return running !== undefined
  }

  enter(user: string): SessionPlace {
    const others = this.#places.get(user) ?? 0
    this.#places.set(user, others + 1)
    const othersOfAll = this.#taken
    this.#taken += 1
    const sessionId = randomUUID()
    let isOver = false
    return {
      sessionId,
      others,
      othersOfAll,
      start: (session, end) => {
        if (isOver) return
        this.#running.set(sessionId, { session, end })
        this.#changed()
      },
      leave: () => {
        if (isOver) return
        isOver = true
        this.#taken -= 1
        const left = (this.#places.get(user) ?? 1) - 1
        if (left > 0) this.#places.set(user, left)
        else this.#places.delete(user)
        this.#onLeave(sessionId)
        if (this.#running.delete(sessionId)) this.#changed()
      },
    }
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener()
  }
}
