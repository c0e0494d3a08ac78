import { FrameDecoder } from './decode.ts'
import { dataHead, encodeFrame } from './encode.ts'
import { SpdyError } from './errors.ts'
import type { Frame, GoAwayStatus, HeaderBlock, ResetStatus } from './frame.ts'
import { HeaderEncoder } from './headers.ts'
import { defaultSpdyLimits, type SpdyLimits } from './limits.ts'

/** Which directions of a stream are still open. A stream that is open in none is forgotten. */
type StreamState = 'open' | 'localClosed' | 'remoteClosed'

/** What came, after the rules of the protocol were kept. */
export type SessionEvent =
  /** The peer opened a stream; `accept` or `reset` it. */
  | {
      readonly kind: 'stream'
      readonly streamId: number
      readonly headers: HeaderBlock
      readonly fin: boolean
    }
  /** The peer accepted a stream of ours. */
  | { readonly kind: 'accepted'; readonly streamId: number }
  | { readonly kind: 'data'; readonly streamId: number; readonly data: Buffer }
  /** Nothing more comes on it. */
  | { readonly kind: 'end'; readonly streamId: number }
  /** The peer broke it off. */
  | { readonly kind: 'reset'; readonly streamId: number; readonly status: ResetStatus | number }
  /** The peer takes no new streams. */
  | { readonly kind: 'goAway'; readonly status: GoAwayStatus | number }
  /** Bytes that must go out: answers to pings, refusals. */
  | { readonly kind: 'send'; readonly bytes: Buffer }

/**
 * One end of a SPDY/3.1 connection as values: bytes in, events out; orders in, bytes out. Bytes that an order gives are to be
 * written in the order of the orders.
 *
 * There is no flow control of ours: moby/spdystream, which every Kubernetes client and server uses, neither sends nor heeds
 * WINDOW_UPDATE. Back-pressure is the connection's own.
 */
export class SpdySession {
  readonly #role: 'client' | 'server'
  readonly #limits: SpdyLimits
  readonly #decoder: FrameDecoder
  readonly #headers = new HeaderEncoder()
  readonly #streams = new Map<number, StreamState>()
  #nextId: number
  #lastPeerId = 0
  #leaving = false

  constructor(role: 'client' | 'server', limits: SpdyLimits = defaultSpdyLimits) {
    this.#role = role
    this.#limits = limits
    this.#decoder = new FrameDecoder(limits)
    // Clients open odd streams, servers even ones.
    this.#nextId = role === 'client' ? 1 : 2
  }

  /** Streams that are open in either direction. */
  get streams(): number {
    return this.#streams.size
  }

  /** Throws SpdyError when the connection cannot be understood any more: send `goAway` and end it. */
  receive(chunk: Buffer): SessionEvent[] {
    return this.#decoder.push(chunk).flatMap((frame) => this.#react(frame))
  }

  /** Opens a stream. */
  open(headers: HeaderBlock): { readonly streamId: number; readonly bytes: Buffer } {
    const streamId = this.#nextId
    this.#nextId += 2
    this.#streams.set(streamId, 'open')
    this.#decoder.streamOpened()
    const frame = {
      type: 'synStream',
      streamId,
      associatedStreamId: 0,
      priority: 0,
      fin: false,
      unidirectional: false,
      headers,
    } as const
    return { streamId, bytes: this.#encode(frame) }
  }

  /** Says yes to a stream of the peer. */
  accept(streamId: number): Buffer {
    return this.#encode({ type: 'synReply', streamId, fin: false, headers: [] })
  }

  /** Data of a stream; empty when it is closed on our side already. `fin`: the last. */
  data(streamId: number, data: Buffer, fin = false): Buffer {
    const state = this.#streams.get(streamId)
    if (state === undefined || state === 'localClosed') return Buffer.alloc(0)
    const frames: Buffer[] = []
    const most = this.#limits.maxDataBytes
    for (let at = 0; at === 0 || at < data.length; at += most) {
      const piece = data.subarray(at, at + most)
      const last = fin && at + most >= data.length
      frames.push(this.#encode({ type: 'data', streamId, fin: last, data: piece }))
    }
    if (fin) this.#close(streamId, 'localClosed')
    const [only] = frames
    return only !== undefined && frames.length === 1 ? only : Buffer.concat(frames)
  }

  /**
   * The head of a DATA frame, for who has its bytes elsewhere and sends them behind it. Null when the stream is closed on our side already.
   */
  dataHead(streamId: number, bytes: number, fin = false): Buffer | null {
    const state = this.#streams.get(streamId)
    if (state === undefined || state === 'localClosed') return null
    if (fin) this.#close(streamId, 'localClosed')
    return dataHead(streamId, fin, bytes)
  }

  /** Breaks a stream off; empty when it is over in both directions. */
  reset(streamId: number, status: ResetStatus): Buffer {
    if (!this.#streams.delete(streamId)) return Buffer.alloc(0)
    return this.#encode({ type: 'rstStream', streamId, status })
  }

  /** Says that no new streams are taken. */
  goAway(status: GoAwayStatus): Buffer {
    this.#leaving = true
    return this.#encode({ type: 'goAway', lastStreamId: this.#lastPeerId, status })
  }

  /** Asks the peer for a sign of life. */
  ping(id: number): Buffer {
    return this.#encode({ type: 'ping', id })
  }

  #react(frame: Frame): SessionEvent[] {
    switch (frame.type) {
      case 'synStream':
        return this.#opened(frame)
      case 'synReply': {
        if (!this.#streams.has(frame.streamId)) return this.#refuse(frame.streamId, 'invalidStream')
        const accepted = { kind: 'accepted', streamId: frame.streamId } as const
        return frame.fin ? [accepted, ...this.#ended(frame.streamId)] : [accepted]
      }
      case 'data':
        return this.#arrived(frame.streamId, frame.data, frame.fin)
      case 'headers':
        return frame.fin ? this.#ended(frame.streamId) : []
      case 'rstStream':
        if (!this.#streams.delete(frame.streamId)) return []
        return [{ kind: 'reset', streamId: frame.streamId, status: frame.status }]
      case 'ping': {
        // A ping of ours comes back with our kind of number: it needs no answer.
        const ours = frame.id % 2 === (this.#role === 'client' ? 1 : 0)
        return ours ? [] : [{ kind: 'send', bytes: this.ping(frame.id) }]
      }
      case 'goAway':
        return [{ kind: 'goAway', status: frame.status }]
      case 'settings':
      case 'windowUpdate':
        return []
    }
  }

  #opened({ streamId, headers, fin }: Extract<Frame, { type: 'synStream' }>): SessionEvent[] {
    if (!this.#isTheirs(streamId) || streamId <= this.#lastPeerId) {
      const message = `stream ${streamId} is not one that the peer can open now`
      throw new SpdyError('SPDY_STREAM_REFUSED', message, { facts: { streamId } })
    }
    this.#lastPeerId = streamId
    if (this.#leaving || this.#streams.size >= this.#limits.maxStreams) {
      return this.#refuse(streamId, 'refusedStream')
    }
    this.#streams.set(streamId, fin ? 'remoteClosed' : 'open')
    return [{ kind: 'stream', streamId, headers, fin }]
  }

  #arrived(streamId: number, data: Buffer, fin: boolean): SessionEvent[] {
    const state = this.#streams.get(streamId)
    if (state === undefined || state === 'remoteClosed') {
      // What was underway when the stream ended is no mistake of the peer; what never was one is.
      return this.#wasOpen(streamId) ? [] : this.#refuse(streamId, 'invalidStream')
    }
    const arrived = data.length === 0 ? [] : ([{ kind: 'data', streamId, data }] as const)
    return fin ? [...arrived, ...this.#ended(streamId)] : [...arrived]
  }

  #isTheirs(streamId: number): boolean {
    return streamId % 2 === (this.#role === 'client' ? 0 : 1)
  }

  #wasOpen(streamId: number): boolean {
    return this.#isTheirs(streamId) ? streamId <= this.#lastPeerId : streamId < this.#nextId
  }

  #ended(streamId: number): SessionEvent[] {
    const state = this.#streams.get(streamId)
    if (state === undefined || state === 'remoteClosed') return []
    this.#close(streamId, 'remoteClosed')
    return [{ kind: 'end', streamId }]
  }

  #close(streamId: number, closed: 'localClosed' | 'remoteClosed'): void {
    const state = this.#streams.get(streamId)
    if (state === 'open') this.#streams.set(streamId, closed)
    else if (state !== closed) this.#streams.delete(streamId)
  }

  #refuse(streamId: number, status: ResetStatus): SessionEvent[] {
    return [{ kind: 'send', bytes: this.#encode({ type: 'rstStream', streamId, status }) }]
  }

  #encode(frame: Frame): Buffer {
    return encodeFrame(frame, this.#headers)
  }
}
