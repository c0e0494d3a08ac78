import type { Duplex } from 'node:stream'
import { forwardHeaders } from './forward-headers.ts'
import type { ForwardEnd, ForwardListener } from './forward-types.ts'
import type { StreamLimits } from './limits.ts'
import { spdyForwardLimits } from './spdy-forward-server.ts'
import { type LinkEvent, SpdyLink } from './spdy-link.ts'

const EMPTY = Buffer.alloc(0)

interface Opened {
  readonly id: number
  readonly data: number
  readonly error: number
  /** What came on the error stream so far. */
  words: Buffer
  /** Until the API server accepts it; after a reset, until it says how it fared. */
  timer: NodeJS.Timeout | null
  isDataOver: boolean
}

/** The end of a port-forward that faces an API server, over SPDY (client-go/tools/portforward). */
class SpdyForwardClient implements ForwardEnd {
  readonly #link: SpdyLink
  readonly #limits: StreamLimits
  readonly #byId = new Map<number, Opened>()
  readonly #byStream = new Map<number, Opened>()
  #listener: ForwardListener | null
  #isLeaving = false

  constructor(socket: Duplex, head: Buffer, limits: StreamLimits, listener: ForwardListener) {
    this.#limits = limits
    this.#listener = listener
    this.#link = new SpdyLink('client', socket, spdyForwardLimits(limits))
    this.#link.start(head, {
      event: (event) => this.#react(event),
      drain: () => this.#listener?.drain(),
      closed: (error) => this.#close(error),
    })
  }

  open(id: number, port: number): boolean {
    // Those that a client broke off count until the API server has let go of them, too.
    if (this.#isLeaving || this.#byId.size >= this.#limits.maxConnections) {
      this.#listener?.reset(id)
      return !this.#link.isFull
    }
    const error = this.#link.open(forwardHeaders('error', port, id))
    // Nothing is said on it in this direction.
    this.#link.data(error, EMPTY, true)
    const data = this.#link.open(forwardHeaders('data', port, id))
    const opened: Opened = { id, data, error, words: EMPTY, timer: null, isDataOver: false }
    this.#wait(opened, this.#limits.openTimeoutMs, () => {
      this.#link.reset(data, 'cancel')
      this.#forget(opened)
      this.#listener?.fared(id, `the API server did not open a connection to port ${port} in time`)
      this.#listener?.end(id)
    })
    this.#byId.set(id, opened)
    this.#byStream.set(data, opened)
    this.#byStream.set(error, opened)
    return !this.#link.isFull
  }

  write(id: number, data: Buffer): boolean {
    const opened = this.#byId.get(id)
    return opened === undefined || this.#link.data(opened.data, data)
  }

  end(id: number): void {
    const opened = this.#byId.get(id)
    if (opened !== undefined) this.#link.data(opened.data, EMPTY, true)
  }

  tell(): void {
    // API servers tell how a connection fared, nobody tells them.
  }

  reset(id: number): void {
    const opened = this.#byId.get(id)
    if (opened === undefined) return
    this.#link.reset(opened.data, 'cancel')
    opened.isDataOver = true
    this.#wait(opened, this.#limits.lingerMs, () => {
      this.#link.reset(opened.error, 'cancel')
      this.#fared(opened, '')
    })
  }

  finish(): void {
    this.#link.destroy()
  }

  resume(): void {
    this.#link.resume()
  }

  destroy(): void {
    this.#link.destroy()
  }

  #react(event: LinkEvent): void {
    if (event.kind === 'goAway') this.#isLeaving = true
    if (event.kind === 'goAway' || event.kind === 'stream') {
      // Nobody opens streams towards us.
      if (event.kind === 'stream') this.#link.refuse(event.streamId)
      return
    }
    const opened = this.#byStream.get(event.streamId)
    if (opened === undefined) return
    const isData = event.streamId === opened.data
    switch (event.kind) {
      case 'accepted':
        if (isData && !opened.isDataOver) this.#stopTimer(opened)
        return
      case 'data':
        if (!isData) this.#said(opened, event.data)
        else if (this.#listener?.data(opened.id, event.data) === false) this.#link.pause()
        return
      case 'end':
        if (isData) this.#ended(opened)
        else this.#fared(opened, opened.words.toString('utf8'))
        return
      case 'reset':
        if (isData) {
          this.#link.reset(opened.error, 'cancel')
          this.#forget(opened)
          this.#listener?.reset(opened.id)
        } else this.#fared(opened, '')
    }
  }

  #said(opened: Opened, data: Buffer): void {
    const words = Buffer.concat([opened.words, data])
    opened.words = Buffer.from(words.subarray(0, this.#limits.maxErrorBytes))
  }

  #ended(opened: Opened): void {
    opened.isDataOver = true
    this.#byStream.delete(opened.data)
    this.#listener?.end(opened.id)
    if (!this.#byStream.has(opened.error)) this.#forget(opened)
  }

  #fared(opened: Opened, words: string): void {
    this.#byStream.delete(opened.error)
    this.#listener?.fared(opened.id, words)
    if (opened.isDataOver) this.#forget(opened)
  }

  /** Ends what is open of it towards the server. */
  #forget(opened: Opened): void {
    this.#stopTimer(opened)
    this.#byId.delete(opened.id)
    this.#byStream.delete(opened.data)
    this.#byStream.delete(opened.error)
    this.#link.data(opened.data, EMPTY, true)
  }

  #wait(opened: Opened, ms: number, after: () => void): void {
    this.#stopTimer(opened)
    opened.timer = setTimeout(after, ms)
  }

  #stopTimer(opened: Opened): void {
    if (opened.timer !== null) clearTimeout(opened.timer)
    opened.timer = null
  }

  #close(error: Error | null): void {
    for (const opened of this.#byId.values()) this.#stopTimer(opened)
    this.#byId.clear()
    this.#byStream.clear()
    const listener = this.#listener
    this.#listener = null
    listener?.closed(error)
  }
}

/** Opens connections on a connection to an API server that has switched to SPDY/3.1 and `portforward.k8s.io`. */
export const openSpdyForward = (
  options: {
    readonly socket: Duplex
    readonly head: Buffer
    readonly limits: StreamLimits
  },
  listener: ForwardListener,
): ForwardEnd => new SpdyForwardClient(options.socket, options.head, options.limits, listener)
