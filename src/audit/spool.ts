import { closeSync, fsyncSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { chmod, mkdir, readdir, readFile, rename, stat, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Clock, errorCode, errorMessage, type Logger } from '../core/index.ts'
import { pause } from '../waits/index.ts'
import { decodeEvent, encodeEvent } from './encode-event.ts'
import { AuditError } from './errors.ts'
import {
  CURSOR_EVERY_MS,
  defaultSpoolLimits,
  MAX_EVENT_BYTES,
  SHIP_GATHER_MS,
  SHIP_RETRY_FIRST_MS,
  SHIP_RETRY_LAST_MS,
  type SpoolLimits,
} from './limits.ts'
import { decodeRecords, RECORD_HEADER_BYTES, writeRecord } from './record.ts'
import type { AuditEvent, AuditSink, EncodedAuditLog, EncodedEvent } from './types.ts'

/** What the spool holds back, for metrics and readiness. */
export interface SpoolStats {
  readonly pendingEvents: number
  readonly pendingBytes: number
  /** Since when the oldest event waits, in milliseconds; 0 when none does. */
  readonly oldestPendingMs: number
  readonly lastError: string | null
  /** Events since the start that could not be written: under `best_effort` the audit log lacks them. */
  readonly refusedEvents: number
  /**
   * The last event was refused, a moment ago: nobody can be served who needs one. Only the next event can tell whether there
   * is room again, so after REFUSING_MS this is false until it has.
   */
  readonly refusing: boolean
}

/** Longer than probes of readiness are apart. */
const REFUSING_MS = 30_000

export interface Spool extends EncodedAuditLog, AsyncDisposable {
  /** Delivers events until the signal aborts, at least once and in order. Call it once. */
  ship(sink: AuditSink, signal: AbortSignal): Promise<void>
  stats(): SpoolStats
}

/** A segment file: records in it, and how many of them the sink has. */
interface Segment {
  readonly path: string
  readonly sequence: number
  bytes: number
  records: number
  stored: number
}

/** The events of one turn of the loop: one write(2), and one fate. */
interface Group {
  readonly events: EncodedEvent[]
  bytes: number
  readonly written: Promise<void>
  resolve(): void
  reject(error: Error): void
}

/** Of the buffer that groups are put together in; larger groups get one of their own. */
const SCRATCH_BYTES = 256 * 1024

const SEGMENT_NAME = /^(\d{12})\.spool$/
const CURSOR_FILE = 'cursor.json'

/**
 * Opens the spool in a directory (0700, files 0600), with what an earlier process left in it. A torn last record is cut
 * off: its `append` was never acknowledged.
 */
export async function openSpool(options: {
  readonly directory: string
  readonly clock: Clock
  readonly log: Logger
  readonly limits?: Partial<SpoolLimits>
}): Promise<Spool> {
  const { directory, clock, log } = options
  const limits = { ...defaultSpoolLimits, ...options.limits }
  await mkdir(directory, { recursive: true, mode: 0o700 })
  await chmod(directory, 0o700)
  const cursor = await readCursor(directory)
  const segments: Segment[] = []
  const names = (await readdir(directory)).filter((name) => SEGMENT_NAME.test(name)).sort()
  for (const name of names) {
    const path = join(directory, name)
    const sequence = Number(SEGMENT_NAME.exec(name)?.[1])
    const bytes = await readFile(path)
    const { payloads, goodBytes, torn } = decodeRecords(bytes)
    if (torn) {
      log.warn(
        { file: name, bytes: bytes.length - goodBytes },
        'the audit spool ends in a torn record',
      )
      await keepBroken(path, bytes.subarray(goodBytes))
    }
    const stored =
      sequence < cursor.sequence
        ? payloads.length
        : sequence === cursor.sequence
          ? cursor.records
          : 0
    if (stored >= payloads.length) {
      await unlink(path)
      continue
    }
    segments.push({ path, sequence, bytes: goodBytes, records: payloads.length, stored })
  }
  const last = Math.max(cursor.sequence, segments.at(-1)?.sequence ?? 0)
  const spool = new FileSpool({ directory, clock, log, limits, segments, nextSequence: last + 1 })
  const waiting = spool.stats().pendingEvents
  if (waiting > 0)
    log.info({ events: waiting }, 'events of an earlier process are still to be delivered')
  return spool
}

/** Bytes that cannot be read as a record are kept beside, for whoever wants to look at them. */
async function keepBroken(path: string, bytes: Buffer): Promise<void> {
  await writeFile(`${path}.torn`, bytes, { mode: 0o600 })
  const file = openSync(path, 'r+')
  try {
    const { size } = await stat(path)
    ftruncateSync(file, size - bytes.length)
  } finally {
    closeSync(file)
  }
}

interface Cursor {
  readonly sequence: number
  readonly records: number
}

async function readCursor(directory: string): Promise<Cursor> {
  // Without a cursor everything is delivered again; the store takes each uid once.
  const none = { sequence: 0, records: 0 }
  try {
    const value: unknown = JSON.parse(await readFile(join(directory, CURSOR_FILE), 'utf8'))
    return isCursor(value) ? value : none
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || error instanceof SyntaxError) return none
    throw error
  }
}

const isCursor = (value: unknown): value is Cursor =>
  typeof value === 'object' &&
  value !== null &&
  ['sequence', 'records'].every((name) => {
    const number = (value as Record<string, unknown>)[name]
    return Number.isSafeInteger(number) && Number(number) >= 0
  })

class FileSpool implements Spool {
  readonly #directory: string
  readonly #clock: Clock
  readonly #log: Logger
  readonly #limits: SpoolLimits
  readonly #segments: Segment[]
  readonly #scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)
  #group: Group | null = null
  /** Written and not yet stored events of the newest segments, oldest first; shorter than what is on disk after a restart. */
  #memory: { event: EncodedEvent; atMs: number }[] = []
  #memoryComplete: boolean
  #nextSequence: number
  #file: number | null = null
  #current: Segment | null = null
  #pendingBytes: number
  #pendingEvents: number
  #oldestOnDiskMs: number
  #wake: (() => void) | null = null
  #lastError: string | null = null
  #refusedEvents = 0
  #refusedMs: number | null = null
  #cursorWrittenMs = 0
  #closed = false

  constructor(options: {
    directory: string
    clock: Clock
    log: Logger
    limits: SpoolLimits
    segments: Segment[]
    nextSequence: number
  }) {
    this.#directory = options.directory
    this.#clock = options.clock
    this.#log = options.log
    this.#limits = options.limits
    this.#segments = options.segments
    this.#nextSequence = options.nextSequence
    this.#pendingBytes = options.segments.reduce((sum, { bytes }) => sum + bytes, 0)
    this.#pendingEvents = options.segments.reduce((sum, s) => sum + s.records - s.stored, 0)
    this.#memoryComplete = this.#pendingEvents === 0
    this.#oldestOnDiskMs = this.#pendingEvents === 0 ? 0 : options.clock.now()
  }

  append(event: AuditEvent): Promise<void> {
    return this.appendEncoded(encodeEvent(event))
  }

  appendEncoded(event: EncodedEvent): Promise<void> {
    if (this.#closed)
      return Promise.reject(new AuditError('SPOOL_CLOSED', 'the audit spool is closed'))
    const { length } = event.json
    if (length > MAX_EVENT_BYTES) {
      this.#refusedEvents += 1
      return Promise.reject(new AuditError('EVENT_TOO_LARGE', `an event of ${length} bytes`))
    }
    this.#group ??= this.#begin()
    this.#group.events.push(event)
    this.#group.bytes += RECORD_HEADER_BYTES + length
    return this.#group.written
  }

  /** Written after the events of this turn of the loop: one write for all that came in together. */
  #begin(): Group {
    setImmediate(() => this.#flush())
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    return { events: [], bytes: 0, written: promise, resolve, reject }
  }

  stats(): SpoolStats {
    const oldest = this.#memoryComplete ? (this.#memory[0]?.atMs ?? 0) : this.#oldestOnDiskMs
    return {
      pendingEvents: this.#pendingEvents,
      pendingBytes: this.#pendingBytes,
      oldestPendingMs: this.#pendingEvents === 0 || oldest === 0 ? 0 : this.#clock.now() - oldest,
      lastError: this.#lastError,
      refusedEvents: this.#refusedEvents,
      refusing: this.#refusedMs !== null && this.#clock.now() - this.#refusedMs < REFUSING_MS,
    }
  }

  async ship(sink: AuditSink, signal: AbortSignal): Promise<void> {
    let failures = 0
    for (;;) {
      const batch = await this.#nextBatch()
      if (batch === null) {
        if (signal.aborted) return
        await this.#untilAppended(signal)
        continue
      }
      try {
        await sink.store(collapse(batch.events))
        failures = 0
        this.#lastError = null
        await this.#stored(batch)
        if (batch.events.length < this.#limits.batchEvents) await pause(SHIP_GATHER_MS, signal)
      } catch (error) {
        this.#lastError = errorMessage(error)
        if (signal.aborted) return
        failures += 1
        if (failures === 1)
          this.#log.warn({ error: this.#lastError }, 'audit events wait: they cannot be delivered')
        const ceiling = Math.min(SHIP_RETRY_LAST_MS, SHIP_RETRY_FIRST_MS * 2 ** (failures - 1))
        await pause(ceiling / 2 + (Math.random() * ceiling) / 2, signal)
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#flush()
    this.#closed = true
    this.#wake?.()
    this.#closeSegment()
    await this.#writeCursor()
  }

  /** Writes what is queued with one write(2), and tells everybody who waits. */
  #flush(): void {
    const group = this.#group
    if (group === null) return
    this.#group = null
    const { events, bytes } = group
    if (this.#pendingBytes + bytes > this.#limits.totalBytes) {
      const words = `${this.#pendingEvents} audit events wait for delivery and fill the spool`
      this.#refuse(group, new AuditError('SPOOL_FULL', words))
      return
    }
    try {
      this.#write(this.#recordsOf(group), events.length)
    } catch (error) {
      this.#lastError = errorMessage(error)
      const words = `the audit spool in ${this.#directory} cannot be written: ${errorMessage(error)}`
      this.#refuse(group, new AuditError('SPOOL_UNWRITABLE', words, { cause: error }))
      return
    }
    const atMs = this.#clock.now()
    if (this.#memoryComplete) {
      for (const event of events) this.#memory.push({ event, atMs })
      if (this.#memory.length > this.#limits.memoryEvents) {
        // The sink is far behind: from here on the files are the queue.
        this.#oldestOnDiskMs = this.#memory[0]?.atMs ?? atMs
        this.#memory = []
        this.#memoryComplete = false
      }
    }
    this.#pendingBytes += bytes
    this.#pendingEvents += events.length
    this.#refusedMs = null
    group.resolve()
    this.#wake?.()
  }

  #recordsOf({ events, bytes }: Group): Buffer {
    const target = bytes <= SCRATCH_BYTES ? this.#scratch : Buffer.allocUnsafeSlow(bytes)
    let at = 0
    for (const { json } of events) at = writeRecord(target, at, json)
    return target.subarray(0, at)
  }

  #refuse(group: Group, error: AuditError): void {
    this.#refusedEvents += group.events.length
    this.#refusedMs = this.#clock.now()
    group.reject(error)
  }

  #write(bytes: Buffer, records: number): void {
    const segment = this.#segmentFor(bytes.length)
    const file = this.#file
    if (file === null) throw new TypeError('no segment is open')
    let written = 0
    try {
      while (written < bytes.length) {
        written += writeSync(file, bytes, written, bytes.length - written, segment.bytes + written)
      }
    } catch (error) {
      // Half a record would hide those that come after it.
      try {
        ftruncateSync(file, segment.bytes)
      } catch {
        this.#closeSegment()
      }
      throw error
    }
    segment.bytes += bytes.length
    segment.records += records
  }

  #segmentFor(bytes: number): Segment {
    const current = this.#current
    if (
      current !== null &&
      (current.bytes === 0 || current.bytes + bytes <= this.#limits.segmentBytes)
    )
      return current
    this.#closeSegment()
    const sequence = this.#nextSequence
    const path = join(this.#directory, `${String(sequence).padStart(12, '0')}.spool`)
    this.#file = openSync(path, 'wx', 0o600)
    this.#nextSequence = sequence + 1
    const segment: Segment = { path, sequence, bytes: 0, records: 0, stored: 0 }
    this.#current = segment
    this.#segments.push(segment)
    return segment
  }

  #closeSegment(): void {
    const file = this.#file
    this.#file = null
    this.#current = null
    if (file === null) return
    try {
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
  }

  /** The next undelivered events: from memory, or from the oldest file when memory does not reach back so far. */
  async #nextBatch(): Promise<{ events: EncodedEvent[]; fromMemory: boolean } | null> {
    if (this.#pendingEvents === 0) return null
    if (this.#memoryComplete) {
      const events = this.#memory.slice(0, this.#limits.batchEvents).map(({ event }) => event)
      return events.length === 0 ? null : { events, fromMemory: true }
    }
    const segment = this.#segments.find(({ stored, records }) => stored < records)
    if (segment === undefined) return null
    const { payloads } = decodeRecords(await readFile(segment.path))
    const slice = payloads.slice(segment.stored, segment.stored + this.#limits.batchEvents)
    return { events: slice.map(decodeEvent), fromMemory: false }
  }

  async #stored({
    events,
    fromMemory,
  }: {
    events: readonly EncodedEvent[]
    fromMemory: boolean
  }): Promise<void> {
    if (fromMemory) this.#memory.splice(0, events.length)
    this.#pendingEvents -= events.length
    let rest = events.length
    let removed = false
    for (const segment of this.#segments) {
      if (rest === 0) break
      const take = Math.min(rest, segment.records - segment.stored)
      segment.stored += take
      rest -= take
    }
    while (
      this.#segments[0] !== undefined &&
      this.#segments[0].stored === this.#segments[0].records
    ) {
      const [done] = this.#segments
      if (done === this.#current) {
        // Given back when it is large; a small one is kept, so that light load does not make a file an event.
        if (done.bytes < this.#limits.segmentBytes / 4) break
        this.#closeSegment()
      }
      this.#segments.shift()
      this.#pendingBytes -= done.bytes
      await this.#writeCursor(done)
      await unlink(done.path).catch((error: unknown) => {
        this.#log.warn(
          { error: errorMessage(error) },
          'cannot remove a delivered part of the audit spool',
        )
      })
      removed = true
    }
    if (this.#pendingEvents === 0 && !this.#memoryComplete) this.#memoryComplete = true
    if (!removed && this.#clock.now() - this.#cursorWrittenMs >= CURSOR_EVERY_MS)
      await this.#writeCursor()
  }

  /** Where delivery stands; written beside and renamed. Behind the truth at worst: then some events go twice. */
  async #writeCursor(removed?: Segment): Promise<void> {
    const partial = this.#segments.find(({ stored, records }) => stored > 0 && stored <= records)
    const cursor: Cursor =
      partial !== undefined
        ? { sequence: partial.sequence, records: partial.stored }
        : {
            sequence: (removed ?? { sequence: this.#lastDelivered() }).sequence,
            records: Number.MAX_SAFE_INTEGER,
          }
    this.#cursorWrittenMs = this.#clock.now()
    const path = join(this.#directory, CURSOR_FILE)
    try {
      await writeFile(`${path}.new`, JSON.stringify(cursor), { mode: 0o600 })
      await rename(`${path}.new`, path)
    } catch (error) {
      this.#log.warn(
        { error: errorMessage(error) },
        'cannot note how far the audit spool was delivered',
      )
    }
  }

  #lastDelivered(): number {
    const [first] = this.#segments
    return first === undefined ? this.#nextSequence - 1 : first.sequence - 1
  }

  #untilAppended(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#wake = null
        signal.removeEventListener('abort', wake)
        resolve()
      }
      this.#wake = wake
      signal.addEventListener('abort', wake)
      if (this.#pendingEvents > 0 || signal.aborted || this.#closed) wake()
    })
  }
}

/** Of several events with one uid the last is enough: it replaces the others in the store. */
export function collapse<Event extends { readonly uid: string }>(
  events: readonly Event[],
): readonly Event[] {
  const byUid = new Map<string, Event>()
  for (const event of events) byUid.set(event.uid, event)
  return byUid.size === events.length ? events : [...byUid.values()]
}
