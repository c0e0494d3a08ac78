import { addressKey, type Clock, errorMessage, type Logger } from '../core/index.ts'
import type { AuditEvent, AuditLog } from './types.ts'

export interface UnprovenLimits {
  /** Events of one address that are written one by one, at once and then for each second. */
  readonly burstPerAddress: number
  readonly perAddressPerSecond: number
  /** The same over all addresses. */
  readonly burst: number
  readonly perSecond: number
  /** What was gathered is written this often. */
  readonly gatherMs: number
  /** Addresses that are told apart while events are gathered. */
  readonly maxAddresses: number
}

export const defaultUnprovenLimits: UnprovenLimits = {
  burstPerAddress: 60,
  perAddressPerSecond: 1,
  burst: 1000,
  perSecond: 50,
  gatherMs: 60_000,
  maxAddresses: 1000,
}

/** Every event that stands for more than itself says so in this field. */
const REPEATED = 'repeated'
/** Where further addresses are counted together. */
const OTHERS = ''

/**
 * Events about peers who proved nothing. Anybody who reaches a port can cause them, and the disk that they fill is the one
 * without which nobody is served: so beyond a rate they are gathered, the last of each address with the number of all.
 */
export class UnprovenEvents {
  readonly #audit: AuditLog
  readonly #clock: Clock
  readonly #limits: UnprovenLimits
  readonly #all: Bucket
  readonly #buckets = new Map<string, Bucket>()
  readonly #log: Logger
  #gathered = new Map<string, { event: AuditEvent; count: number }>()
  /** Why the log took nothing when it was asked last; null when it did. */
  #unwritable: { readonly cause: unknown } | null = null
  #timer: NodeJS.Timeout | null = null

  constructor(audit: AuditLog, clock: Clock, log: Logger, limits: Partial<UnprovenLimits> = {}) {
    this.#log = log
    this.#audit = audit
    this.#clock = clock
    this.#limits = { ...defaultUnprovenLimits, ...limits }
    const { burst, perSecond } = this.#limits
    this.#all = new Bucket(burst, perSecond, clock.now())
  }

  /**
   * Writes an event, or counts it; `host` is an address without its port, or who else is counted. Rejects as
   * `AuditLog.append` does: an event that is counted has not been tried, so what the log said last holds for it.
   */
  async append(event: AuditEvent, host: string): Promise<void> {
    const address = addressKey(host)
    const nowMs = this.#clock.now()
    const own = this.#bucketOf(address, nowMs)
    if (own?.has(nowMs) !== false && this.#all.take(nowMs)) {
      own?.take(nowMs)
      await this.#write(event)
      return
    }
    const full = this.#gathered.size >= this.#limits.maxAddresses
    const key = full && !this.#gathered.has(address) ? OTHERS : address
    this.#gathered.set(key, { event, count: (this.#gathered.get(key)?.count ?? 0) + 1 })
    this.#flushLater()
    if (this.#unwritable !== null) throw this.#unwritable.cause
  }

  /** Writes what was gathered. Rejects when the log does not take all; what it did not take stays gathered, and is tried again. */
  async flush(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    const gathered = [...this.#gathered]
    this.#gathered = new Map()
    const unwritten = new Map(gathered)
    try {
      for (const [key, { event, count }] of gathered) {
        await this.#write({ ...event, [REPEATED]: count })
        unwritten.delete(key)
      }
    } catch (error) {
      for (const [key, { event, count }] of unwritten) {
        const since = this.#gathered.get(key)
        this.#gathered.set(key, {
          event: since?.event ?? event,
          count: count + (since?.count ?? 0),
        })
      }
      this.#flushLater()
      throw error
    }
  }

  #flushLater(): void {
    this.#timer ??= setTimeout(() => {
      this.flush().catch((error: unknown) => {
        this.#log.error(
          { error: errorMessage(error), addresses: this.#gathered.size },
          'gathered refusals cannot be audited: they are kept and tried again',
        )
      })
    }, this.#limits.gatherMs)
    this.#timer.unref()
  }

  async #write(event: AuditEvent): Promise<void> {
    try {
      await this.#audit.append(event)
      this.#unwritable = null
    } catch (error) {
      this.#unwritable = { cause: error }
      throw error
    }
  }

  #bucketOf(address: string, nowMs: number): Bucket | null {
    const known = this.#buckets.get(address)
    if (known !== undefined) return known
    if (this.#buckets.size >= this.#limits.maxAddresses) {
      for (const [one, bucket] of this.#buckets) if (bucket.full(nowMs)) this.#buckets.delete(one)
    }
    // Too many addresses at once: nobody gets a bucket of his own, and the one for all decides.
    if (this.#buckets.size >= this.#limits.maxAddresses) return null
    const { burstPerAddress, perAddressPerSecond } = this.#limits
    const bucket = new Bucket(burstPerAddress, perAddressPerSecond, nowMs)
    this.#buckets.set(address, bucket)
    return bucket
  }
}

/** A token bucket. */
class Bucket {
  readonly #size: number
  readonly #perSecond: number
  #tokens: number
  #atMs: number

  constructor(size: number, perSecond: number, nowMs: number) {
    this.#size = size
    this.#perSecond = perSecond
    this.#tokens = size
    this.#atMs = nowMs
  }

  has(nowMs: number): boolean {
    this.#fill(nowMs)
    return this.#tokens >= 1
  }

  take(nowMs: number): boolean {
    if (!this.has(nowMs)) return false
    this.#tokens -= 1
    return true
  }

  full(nowMs: number): boolean {
    this.#fill(nowMs)
    return this.#tokens >= this.#size
  }

  #fill(nowMs: number): void {
    const passedMs = Math.max(0, nowMs - this.#atMs)
    this.#tokens = Math.min(this.#size, this.#tokens + (passedMs / 1000) * this.#perSecond)
    this.#atMs = nowMs
  }
}
