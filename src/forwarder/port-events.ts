import type { GenericEvent } from '../audit/index.ts'
import type { PortFacts } from './event.ts'

/** Connections of one session that are told one by one, at once and then for each second. */
const BURST = 100
const PER_SECOND = 10
/** What is beyond is gathered for so long. */
const GATHER_MS = 10_000
/** Ports that are told apart while connections are gathered; a person may name 65,535. */
const MAX_PORTS = 64
/** Where connections to further ports are counted together; no port has this number. */
const OTHERS = 0

/** A connection of a port-forward, for its event. */
export interface PortConnection {
  readonly port: number
  readonly startedMs: number
  bytesSent: number
  bytesReceived: number
  /** The uid of its own event; null: it is gathered with others. */
  uid: string | null
}

export interface PortEventsDeps {
  /** The event of one connection, or of several. */
  readonly event: (facts: PortFacts, nowMs: number) => GenericEvent
  readonly newUid: (nowMs: number) => string
  /** Resolves with false when the session must not go on without it. */
  readonly write: (event: GenericEvent) => Promise<boolean>
  /** An event could not be written, and nothing is served without. */
  readonly onUnwritable: () => void
  readonly now: () => number
}

/**
 * The `port` events of one session. Each connection has one, written when it begins and again when it ends; who opens thousands has some
 * of his own and the rest in numbers, so that neither the disk nor memory grows with what a client does, and none goes uncounted.
 */
export class PortEvents {
  readonly #deps: PortEventsDeps
  readonly #gathered = new Map<number, PortFacts>()
  #tokens = BURST
  #filledMs: number
  #timer: NodeJS.Timeout | null = null

  constructor(deps: PortEventsDeps) {
    this.#deps = deps
    this.#filledMs = deps.now()
  }

  began(port: number): PortConnection {
    const nowMs = this.#deps.now()
    const passedMs = Math.max(0, nowMs - this.#filledMs)
    this.#tokens = Math.min(BURST, this.#tokens + (passedMs / 1000) * PER_SECOND)
    this.#filledMs = nowMs
    const isOwn = this.#tokens >= 1
    if (isOwn) this.#tokens -= 1
    const connection: PortConnection = {
      port,
      startedMs: nowMs,
      bytesSent: 0,
      bytesReceived: 0,
      uid: isOwn ? this.#deps.newUid(nowMs) : null,
    }
    if (isOwn) this.#write({ ...factsOf(connection, nowMs), outcome: 'started', error: null })
    return connection
  }

  /** `error`: why it came to nothing, or was cut. */
  ended(connection: PortConnection, error: string | null): void {
    const nowMs = this.#deps.now()
    const facts: PortFacts = {
      ...factsOf(connection, nowMs),
      outcome: error === null ? 'done' : 'failed',
      error,
    }
    if (connection.uid !== null) this.#write(facts)
    else this.#gather(facts)
  }

  /** Writes what was gathered. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    const gathered = [...this.#gathered.values()]
    this.#gathered.clear()
    for (const facts of gathered) this.#write(facts)
  }

  #gather(facts: PortFacts): void {
    const isFull = this.#gathered.size >= MAX_PORTS && !this.#gathered.has(facts.port)
    const port = isFull ? OTHERS : facts.port
    const known = this.#gathered.get(port)
    this.#gathered.set(
      port,
      known === undefined ? { ...facts, port, repeated: 1 } : added(known, facts),
    )
    this.#timer ??= setTimeout(() => this.flush(), GATHER_MS)
  }

  #write(facts: PortFacts): void {
    const nowMs = this.#deps.now()
    const event = this.#deps.event({ ...facts, uid: facts.uid ?? this.#deps.newUid(nowMs) }, nowMs)
    void this.#deps.write(event).then((written) => {
      if (!written) this.#deps.onUnwritable()
    })
  }
}

const factsOf = (
  { uid, port, startedMs, bytesSent, bytesReceived }: PortConnection,
  nowMs: number,
): Omit<PortFacts, 'outcome' | 'error'> => ({
  uid,
  port,
  startedMs,
  bytesSent,
  bytesReceived,
  durationMs: Math.max(0, nowMs - startedMs),
  repeated: null,
})

/** The words are those of the last that failed, the duration the longest. */
function added(known: PortFacts, facts: PortFacts): PortFacts {
  return {
    ...known,
    outcome: known.outcome === 'failed' ? 'failed' : facts.outcome,
    error: facts.error ?? known.error,
    bytesSent: known.bytesSent + facts.bytesSent,
    bytesReceived: known.bytesReceived + facts.bytesReceived,
    durationMs: Math.max(known.durationMs, facts.durationMs),
    repeated: (known.repeated ?? 1) + 1,
  }
}
