import type { Duplex } from 'node:stream'
import { defaultSpdyLimits, type HeaderBlock } from '../protocol/index.ts'
import { type ForwardStream, forwardStreamOf } from './forward-headers.ts'
import type { ForwardEnd, ForwardListener } from './forward-types.ts'
import type { StreamLimits } from './limits.ts'
import { type LinkEvent, SpdyLink } from './spdy-link.ts'

const EMPTY = Buffer.alloc(0)

/** `X-Stream-Protocol-Version` of a port-forward; there is no other. */
export const SPDY_FORWARD_PROTOCOL = 'portforward.k8s.io'

/** A connection: its data stream and its error stream, in whichever order they come. */
interface Pair {
  readonly id: number
  readonly port: number
  readonly key: string
  data: number | null
  error: number | null
  /** Words that wait for the error stream. */
  words: string | null
  /** The client sends nothing more. */
  isHeard: boolean
  /** Nothing more goes to the client. */
  isEnded: boolean
  /** It was said how it fared. */
  isTold: boolean
  /** Until the other half comes, and at the end until the client lets go. */
  timer: NodeJS.Timeout | null
}

/** The end of a port-forward that faces a client over SPDY (kubelet/pkg/cri/streaming/portforward/httpstream.go). */
class SpdyForwardServer implements ForwardEnd {
  readonly #link: SpdyLink
  readonly #limits: StreamLimits
  readonly #pairs = new Map<string, Pair>()
  readonly #byId = new Map<number, Pair>()
  readonly #byStream = new Map<number, Pair>()
  #listener: ForwardListener | null
  #lastId = 0

  constructor(socket: Duplex, head: Buffer, limits: StreamLimits, listener: ForwardListener) {
    this.#limits = limits
    this.#listener = listener
    this.#link = new SpdyLink('server', socket, spdyForwardLimits(limits))
    this.#link.start(head, {
      event: (event) => this.#react(event),
      drain: () => this.#listener?.drain(),
      closed: (error) => this.#close(error),
    })
  }

  open(): boolean {
    // Connections come from clients.
    return true
  }

  write(id: number, data: Buffer): boolean {
    const pair = this.#byId.get(id)
    if (pair === undefined || pair.data === null || pair.isEnded) return true
    return this.#link.data(pair.data, data)
  }

  end(id: number): void {
    const pair = this.#byId.get(id)
    if (pair === undefined || pair.data === null || pair.isEnded) return
    pair.isEnded = true
    this.#link.data(pair.data, EMPTY, true)
    this.#look(pair)
  }

  tell(id: number, words: string): void {
    const pair = this.#byId.get(id)
    if (pair === undefined || pair.isTold) return
    pair.isTold = true
    pair.words = words
    this.#say(pair)
    this.#look(pair)
  }

  reset(id: number): void {
    const pair = this.#byId.get(id)
    if (pair !== undefined) this.#drop(pair)
  }

  finish(words: string): void {
    for (const { id } of [...this.#pairs.values()]) {
      this.tell(id, words)
      this.end(id)
    }
    this.#link.end(this.#limits)
  }

  resume(): void {
    this.#link.resume()
  }

  destroy(): void {
    this.#link.destroy()
  }

  #react(event: LinkEvent): void {
    if (event.kind === 'stream') this.#opened(event.streamId, event.headers, event.fin)
    else if (event.kind === 'data' || event.kind === 'end' || event.kind === 'reset') {
      const pair = this.#byStream.get(event.streamId)
      if (pair === undefined) return
      if (pair.data !== event.streamId) {
        // Nothing is sent on an error stream; who breaks it off wants to hear nothing.
        if (event.kind === 'reset') this.#deaf(pair)
      } else if (event.kind === 'data') {
        if (this.#listener?.data(pair.id, event.data) === false) this.#link.pause()
      } else if (event.kind === 'end') this.#heard(pair)
      else this.#brokenOff(pair)
    }
  }

  #opened(streamId: number, headers: HeaderBlock, fin: boolean): void {
    const stream = forwardStreamOf(streamId, headers)
    const pair = stream === null ? null : this.#pairOf(stream)
    if (stream === null || pair === null) {
      this.#link.refuse(streamId)
      return
    }
    pair[stream.type] = streamId
    this.#byStream.set(streamId, pair)
    this.#link.accept(streamId)
    if (stream.type === 'error') this.#say(pair)
    if (pair.data !== null && pair.error !== null) this.#stopTimer(pair)
    if (stream.type !== 'data') return
    if (this.#listener?.opened(pair.id, pair.port) === false) this.#link.pause()
    if (fin) this.#heard(pair)
  }

  /** The connection that a stream belongs to, a new one when it is the first; null when it has no place. */
  #pairOf({ key, port, type }: ForwardStream): Pair | null {
    const known = this.#pairs.get(key)
    if (known !== undefined) return known[type] === null && known.port === port ? known : null
    // Refused as a stream and not in words: kubectl ends all connections of a port-forward when one of them has an error.
    if (this.#pairs.size >= this.#limits.maxConnections) return null
    this.#lastId += 1
    const pair: Pair = {
      id: this.#lastId,
      port,
      key,
      data: null,
      error: null,
      words: null,
      isHeard: false,
      isEnded: false,
      isTold: false,
      timer: null,
    }
    pair.timer = setTimeout(() => this.#incomplete(pair), this.#limits.openTimeoutMs)
    this.#pairs.set(key, pair)
    this.#byId.set(pair.id, pair)
    return pair
  }

  #incomplete(pair: Pair): void {
    if (pair.data !== null) this.#listener?.reset(pair.id)
    else {
      pair.words = 'timed out waiting for streams'
      this.#say(pair)
    }
    this.#drop(pair)
  }

  /** Says how it fared, once there is a stream for it. */
  #say(pair: Pair): void {
    if (pair.error === null || pair.words === null) return
    this.#link.data(pair.error, Buffer.from(pair.words, 'utf8'), true)
    pair.words = null
  }

  #heard(pair: Pair): void {
    if (pair.isHeard) return
    pair.isHeard = true
    this.#listener?.end(pair.id)
    this.#look(pair)
  }

  /** As kubectl does when it has everything. How it fared can still be told. */
  #brokenOff(pair: Pair): void {
    const isOver = pair.isEnded && pair.isHeard
    pair.isHeard = true
    pair.isEnded = true
    if (!isOver) this.#listener?.reset(pair.id)
    this.#look(pair)
  }

  #deaf(pair: Pair): void {
    pair.isTold = true
    pair.words = null
    this.#look(pair)
  }

  /** Lets go of a connection that is over; of one whose client sends on to nobody, after a while. */
  #look(pair: Pair): void {
    if (!pair.isEnded || !pair.isTold) return
    if (pair.isHeard && pair.words === null) this.#drop(pair)
    else pair.timer ??= setTimeout(() => this.#drop(pair), this.#limits.lingerMs)
  }

  /** Ends what is still open of it. */
  #drop(pair: Pair): void {
    this.#stopTimer(pair)
    this.#pairs.delete(pair.key)
    this.#byId.delete(pair.id)
    for (const streamId of [pair.data, pair.error]) {
      if (streamId !== null) this.#byStream.delete(streamId)
    }
    if (pair.data !== null && !(pair.isEnded && pair.isHeard)) this.#link.reset(pair.data, 'cancel')
    if (pair.error !== null) this.#link.data(pair.error, EMPTY, true)
  }

  #stopTimer(pair: Pair): void {
    if (pair.timer !== null) clearTimeout(pair.timer)
    pair.timer = null
  }

  #close(error: Error | null): void {
    for (const pair of this.#pairs.values()) this.#stopTimer(pair)
    this.#pairs.clear()
    this.#byId.clear()
    this.#byStream.clear()
    const listener = this.#listener
    this.#listener = null
    listener?.closed(error)
  }
}

/** Two streams for each connection, and some that are about to end. */
export const spdyForwardLimits = (limits: StreamLimits): typeof defaultSpdyLimits => ({
  ...defaultSpdyLimits,
  maxStreams: limits.maxConnections * 2 + 64,
})

/** Serves a port-forward to a client that speaks SPDY/3.1, once the answer that switches protocols is written. */
export const serveSpdyForward = (
  options: {
    readonly socket: Duplex
    readonly head: Buffer
    readonly limits: StreamLimits
  },
  listener: ForwardListener,
): ForwardEnd => new SpdyForwardServer(options.socket, options.head, options.limits, listener)
