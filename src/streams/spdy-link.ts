import type { Duplex } from 'node:stream'
import { errorMessage, freeBytes } from '../core/index.ts'
import {
  type HeaderBlock,
  type ResetStatus,
  type SessionEvent,
  SpdyError,
  type SpdyLimits,
  SpdySession,
} from '../protocol/index.ts'
import { closeLater, closeSoon } from './close-later.ts'
import { broken, StreamError } from './errors.ts'
import { gatherTinyPieces } from './gather-tiny.ts'
import { GrowingBytes } from './growing-bytes.ts'
import { hearOut } from './hear-out.ts'
import { lastBytes } from './last-bytes.ts'
import { defaultStreamLimits, type StreamLimits } from './limits.ts'
import { MOST_AT_ONCE, Outbox } from './outbox.ts'
import { Reading } from './reading.ts'

/** Events of a SPDY connection but for the bytes that it answers by itself. */
export type LinkEvent = Exclude<SessionEvent, { kind: 'send' }>

/** Of all streams that the peer has not accepted yet; above it a sender waits. */
const MAX_EARLY_BYTES = 1024 * 1024

/** Of one DATA frame: with its head it fits into what is sent at once. */
const MAX_SENT_BYTES = MOST_AT_ONCE - 8

/** What is to be sent on a stream as soon as the peer has accepted it. */
interface Early {
  readonly bytes: GrowingBytes
  fin: boolean
}

/**
 * A SPDY session over a connection: moves its bytes, keeps back-pressure in both directions, and ends once. Nothing is read before `start`.
 * On a stream of ours nothing is sent before the peer has accepted it: moby/spdystream throws away what comes earlier, without a word.
 */
export class SpdyLink {
  readonly #socket: Duplex
  readonly #session: SpdySession
  readonly #early = new Map<number, Early>()
  #earlyBytes = 0
  #onEvent: (event: LinkEvent) => void = () => {}
  #onDrain: () => void = () => {}
  #onClosed: (error: Error | null) => void = () => {}
  readonly #out: Outbox
  readonly #reading: Reading
  #error: Error | null = null
  #closed = false
  #ending = false
  #isDropped = false

  constructor(
    role: 'client' | 'server',
    socket: Duplex,
    limits?: SpdyLimits,
    probeMs = defaultStreamLimits.probeMs,
  ) {
    this.#socket = socket
    const id = role === 'client' ? 1 : 2
    this.#reading = new Reading(socket, () => this.#ping(id), probeMs)
    this.#session = new SpdySession(role, limits)
    if (role === 'client') hearOut(socket)
    this.#out = new Outbox(socket)
  }

  /** `head` came with the answer that switched protocols. */
  start(
    head: Buffer,
    on: {
      readonly event: (event: LinkEvent) => void
      readonly drain: () => void
      /** The connection is over; the last call. */
      readonly closed: (error: Error | null) => void
    },
  ): void {
    const socket = this.#socket
    this.#onEvent = on.event
    this.#onDrain = on.drain
    this.#onClosed = on.closed
    socket.on('drain', () => {
      this.#reading.drained()
      this.#onDrain()
    })
    const gathered = gatherTinyPieces(socket)
    const over = (): void => this.#over(gathered)
    socket.once('error', (error) => {
      this.#error ??= broken(error)
    })
    socket.once('close', over)
    // It may have gone while its user was not ready yet.
    if (socket.destroyed) setImmediate(over)
    // Go's clients end their half when they have read everything.
    socket.once('end', () => this.#out.end())
    if (head.length > 0) this.#receive(head)
    socket.on('data', (chunk: Buffer) => {
      this.#receive(chunk)
      freeBytes(chunk)
    })
  }

  get isClosed(): boolean {
    return this.#closed
  }

  open(headers: HeaderBlock): number {
    const { streamId, bytes } = this.#session.open(headers)
    this.#early.set(streamId, { bytes: new GrowingBytes(), fin: false })
    this.#write(bytes)
    return streamId
  }

  /** What was written waits for the peer to read. */
  get isFull(): boolean {
    return this.#out.isFull
  }

  accept(streamId: number): void {
    this.#answer(this.#session.accept(streamId))
  }

  refuse(streamId: number): void {
    this.reset(streamId, 'refusedStream')
  }

  /** Breaks a stream off; one that is over already is left alone. */
  reset(streamId: number, status: ResetStatus): void {
    this.#forget(streamId)
    this.#answer(this.#session.reset(streamId, status))
  }

  /** False: wait for `drain`. */
  data(streamId: number, data: Buffer, fin = false): boolean {
    const early = this.#early.get(streamId)
    if (early === undefined) return this.#send(streamId, data, fin)
    early.bytes.push(data)
    early.fin ||= fin
    this.#earlyBytes += data.length
    return this.#earlyBytes <= MAX_EARLY_BYTES
  }

  pause(): void {
    this.#reading.pause()
  }

  resume(): void {
    this.#reading.resume()
  }

  /** Says goodbye, and closes when the other side did, or is not there any more. */
  end(limits: Pick<StreamLimits, 'stallMs' | 'closeMs'>): void {
    if (this.#ending || this.#closed) return
    this.#ending = true
    const socket = this.#socket
    this.#out.end(this.#session.goAway('ok'))
    socket.resume()
    closeLater(socket, limits, () => socket.destroy())
  }

  destroy(): void {
    this.#isDropped = true
    this.#socket.destroy()
  }

  #receive(chunk: Buffer): void {
    if (this.#closed) return
    try {
      for (const event of this.#session.receive(chunk)) {
        if (event.kind === 'send') this.#answer(event.bytes)
        else {
          if (event.kind === 'accepted') this.#sendEarly(event.streamId)
          else if (event.kind === 'reset') this.#forget(event.streamId)
          this.#onEvent(event)
        }
      }
    } catch (error) {
      const status = error instanceof SpdyError ? error.goAwayStatus : 'internalError'
      this.#out.end(this.#session.goAway(status))
      closeSoon(this.#socket, defaultStreamLimits, () => this.#socket.destroy())
      this.#close(
        new StreamError('STREAM_MALFORMED', `not SPDY as it should be: ${errorMessage(error)}`, {
          cause: error,
        }),
      )
    }
  }

  #sendEarly(streamId: number): void {
    const early = this.#early.get(streamId)
    if (early === undefined) return
    this.#early.delete(streamId)
    this.#earlyBytes -= early.bytes.length
    const bytes = early.bytes.take()
    const hasRoom = (bytes.length === 0 && !early.fin) || this.data(streamId, bytes, early.fin)
    if (hasRoom) this.#onDrain()
  }

  /** The bytes that waited for a stream go with it. */
  #forget(streamId: number): void {
    const early = this.#early.get(streamId)
    if (early === undefined) return
    this.#early.delete(streamId)
    this.#earlyBytes -= early.bytes.length
    this.#onDrain()
  }

  /** What the peer makes us say: who does not read it, and asks for more, is heard no more before he has. */
  #answer(bytes: Buffer): void {
    if (this.#write(bytes) || this.#ending) return
    this.#reading.choke()
  }

  #ping(id: number): void {
    if (!this.#ending && !this.#out.isFull) this.#write(this.#session.ping(id))
  }

  #write(bytes: Buffer): boolean {
    return this.#out.write(bytes)
  }

  #send(streamId: number, data: Buffer, fin: boolean): boolean {
    let hasRoom = true
    for (let at = 0; at === 0 || at < data.length; at += MAX_SENT_BYTES) {
      const piece = data.subarray(at, at + MAX_SENT_BYTES)
      const head = this.#session.dataHead(
        streamId,
        piece.length,
        fin && at + piece.length === data.length,
      )
      if (head === null) return true
      hasRoom = this.#out.add(head.length + piece.length, (frame) => {
        head.copy(frame)
        piece.copy(frame, head.length)
      })
    }
    return hasRoom
  }

  #over(gathered: () => Buffer | null): void {
    this.#reading.over()
    if (!this.#isDropped) {
      for (const piece of lastBytes(this.#socket, gathered)) this.#receive(piece)
    }
    this.#close(this.#error)
  }

  #close(error: Error | null): void {
    if (this.#closed) return
    this.#closed = true
    this.#onClosed(error)
  }
}
