import type { ClientHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { addressKey, isWithin } from '../../core/index.ts'
import type { TunnelLimits } from '../limits.ts'
import type { Unread } from '../unread.ts'
import { type Binding, canBind, FrameReader, formatFrame } from './frames.ts'
import { type Supply, type SupplyEvent, stepSupply } from './supply.ts'
import type { Tickets } from './tickets.ts'

/** How people's connections went to agents, since the start. */
export interface DialBackCounts {
  /** Through connections that agents dialled back. */
  dialBack: number
  /** As streams of tunnels. */
  stream: number
  /** Of those, the ones for which a dial-back was wanted and did not come in time, or said nothing. */
  late: number
}

export type Taken = Socket | 'silent' | null

export interface ProxyDialBacksOptions {
  /** The stream on which orders go to the agent; made when somebody comes for the first time. */
  readonly openStream: () => ClientHttp2Stream
  readonly tickets: Tickets
  readonly limits: TunnelLimits
  readonly nowMs: () => number
  readonly counts: DialBackCounts
}

/** The proxy's end of the dial-backs of one tunnel. They live no longer than the tunnel does. */
export class ProxyDialBacks {
  readonly #options: ProxyDialBacksOptions
  #state: Supply = { kind: 'unasked' }
  #stream: ClientHttp2Stream | null = null
  /** When each order was given, by the id of its ticket. */
  readonly #orders = new Map<string, number>()
  readonly #warm = new Set<DialBack>()
  readonly #waiting = new Set<Taker>()
  /** People's connections, with what counts as the address of each. */
  readonly #active = new Map<Socket, string>()
  #draining = false
  /** What may be ordered: it fills up within a second. */
  #budget: number
  #budgetMs: number

  constructor(options: ProxyDialBacksOptions) {
    this.#options = options
    this.#budget = options.limits.maxOrdersPerSecond
    this.#budgetMs = options.nowMs()
  }

  /** Connections of people. */
  get active(): number {
    return this.#active.size
  }

  get warm(): number {
    return this.#warm.size
  }

  /**
   * A connection on which the agent has already answered the hello; null: it has to go as a stream of the tunnel; silent: the agent
   * was given it and said nothing. Rejects with the signal's reason.
   */
  take(binding: Binding, signal: AbortSignal): Promise<Taken> {
    if (!canBind(binding)) return Promise.resolve(null)
    if (signal.aborted) return Promise.reject(signal.reason)
    return new Promise((resolve, reject) => {
      const taker = new Taker(binding, signal, resolve, reject)
      this.#waiting.add(taker)
      this.#dispatch({ kind: 'wanted' })
      if (!this.#waiting.has(taker)) return
      const leave = (): void => {
        this.#waiting.delete(taker)
        this.#dispatch({ kind: 'left' })
      }
      taker.onAbort = leave
      taker.within(this.#options.limits.dialBackTimeoutMs, () => {
        leave()
        this.#options.counts.late += 1
        taker.settle(null)
      })
    })
  }

  /** To be called every `lookMs`; adds what each address has left here to `unread`. */
  look(nowMs: number, unread: Unread): void {
    for (const [socket, address] of this.#active) unread.add(address, socket)
    const { dialBackTimeoutMs } = this.#options.limits
    for (const [id, orderedMs] of this.#orders) {
      if (!isWithin(dialBackTimeoutMs, orderedMs, nowMs)) this.#missed(id)
    }
    this.#dispatch({ kind: 'look' })
  }

  /** No more of them; those that carry somebody's connection go on, and hold the tunnel open. */
  drain(): void {
    this.#draining = true
    this.#dispatch({ kind: 'refused' })
    this.#endWhenIdle()
  }

  /** Ends everything at once. */
  destroy(): void {
    this.#dispatch({ kind: 'refused' })
    for (const socket of this.#active.keys()) socket.destroy(TUNNEL_GONE)
  }

  #endWhenIdle(): void {
    if (this.#draining && this.#active.size === 0) this.#stream?.end()
  }

  #ask(): void {
    const stream = this.#tryStream()
    if (stream === null) {
      this.#dispatch({ kind: 'refused' })
      return
    }
    this.#stream = stream
    const reader = new FrameReader()
    stream.on('error', ignore)
    stream.once('response', (headers) =>
      this.#dispatch({ kind: headers[':status'] === 200 ? 'offered' : 'refused' }),
    )
    stream.on('data', (chunk: Buffer) => {
      try {
        for (const frame of reader.push(chunk)) if (frame.type === 'failed') this.#missed(frame.id)
      } catch {
        stream.destroy()
      }
    })
    stream.once('close', () => this.destroy())
  }

  /** A tunnel that ends meanwhile takes no stream any more. */
  #tryStream(): ClientHttp2Stream | null {
    try {
      return this.#options.openStream()
    } catch {
      return null
    }
  }

  /** What may be ordered now. */
  #mayOrder(nowMs: number): number {
    const perSecond = this.#options.limits.maxOrdersPerSecond
    const passedMs = Math.max(0, nowMs - this.#budgetMs)
    this.#budget = Math.min(perSecond, this.#budget + (passedMs / 1000) * perSecond)
    this.#budgetMs = nowMs
    return Math.max(0, Math.floor(this.#budget))
  }

  #missed(id: string): void {
    if (!this.#orders.delete(id)) return
    this.#options.tickets.void(id)
    this.#dispatch({ kind: 'missed' })
  }

  #dispatch(event: SupplyEvent): void {
    const { limits } = this.#options
    const nowMs = this.#options.nowMs()
    const mayOrder = this.#mayOrder(nowMs)
    const { state, effects } = stepSupply(this.#state, event, { nowMs, mayOrder, limits })
    this.#state = state
    const frames: Buffer[] = []
    let unissued = 0
    for (const effect of effects) {
      switch (effect.kind) {
        case 'ask':
          this.#ask()
          break
        case 'order':
          this.#budget -= effect.count
          for (let count = 0; count < effect.count; count += 1) {
            const frame = this.#order()
            if (frame === null) unissued += 1
            else frames.push(frame)
          }
          break
        case 'bind': {
          const frame = this.#bind()
          if (frame !== null) frames.push(frame)
          break
        }
        case 'release':
          for (const taker of this.#waiting) {
            this.#waiting.delete(taker)
            taker.settle(null)
          }
          break
        case 'overflow':
          for (const taker of [...this.#waiting].slice(-effect.count)) {
            this.#waiting.delete(taker)
            taker.settle(null)
          }
          break
        case 'shed':
          for (const warm of first(this.#warm, effect.count)) {
            this.#warm.delete(warm)
            warm.socket.destroy()
          }
          break
        case 'void':
          for (const id of this.#orders.keys()) this.#options.tickets.void(id)
          this.#orders.clear()
      }
    }
    if (frames.length > 0 && this.#stream?.destroyed === false) {
      this.#stream.write(frames.length === 1 ? frames[0] : Buffer.concat(frames))
    }
    for (let count = 0; count < unissued; count += 1) this.#dispatch({ kind: 'missed' })
  }

  #order(): Buffer | null {
    const { tickets, limits, nowMs } = this.#options
    const orderedMs = nowMs()
    const ticket = tickets.issue(orderedMs + limits.dialBackTimeoutMs, (socket) => {
      this.#orders.delete(ticket?.id ?? '')
      this.#arrived(socket, ticket?.id ?? '')
    })
    if (ticket === null) return null
    this.#orders.set(ticket.id, orderedMs)
    return formatFrame({ type: 'order', ticket })
  }

  #arrived(socket: Socket, id: string): void {
    const dialBack: DialBack = new DialBack(socket, id, () => {
      if (this.#warm.delete(dialBack)) this.#dispatch({ kind: 'lost' })
    })
    this.#warm.add(dialBack)
    this.#dispatch({ kind: 'arrived' })
  }

  #bind(): Buffer | null {
    const [dialBack] = this.#warm
    const [taker] = this.#waiting
    if (dialBack === undefined || taker === undefined) return null
    this.#warm.delete(dialBack)
    this.#waiting.delete(taker)
    const { socket, id } = dialBack
    const { counts, limits } = this.#options
    this.#active.set(socket, addressKey(taker.binding.origin.address))
    socket.once('close', () => {
      this.#active.delete(socket)
      this.#endWhenIdle()
    })
    dialBack.give((answered) => {
      if (taker.settled) return
      if (answered) this.#dispatch({ kind: 'answered' })
      counts[answered ? 'dialBack' : 'late'] += 1
      taker.settle(answered ? socket : null)
    })
    taker.onAbort = () => socket.destroy()
    taker.within(limits.openTimeoutMs, () => {
      counts.late += 1
      taker.settle('silent')
      socket.destroy()
      this.#dispatch({ kind: 'silent' })
    })
    return formatFrame({ type: 'bind', id, binding: taker.binding })
  }
}

/** Somebody's connection on its way to an agent, until it is there or goes another way. */
class Taker {
  readonly binding: Binding
  /** What is left to do when he goes. */
  onAbort: () => void = ignore
  settled = false
  readonly #signal: AbortSignal
  readonly #resolve: (taken: Taken) => void
  readonly #reject: (reason: unknown) => void
  #timer: NodeJS.Timeout | undefined

  constructor(
    binding: Binding,
    signal: AbortSignal,
    resolve: (taken: Taken) => void,
    reject: (reason: unknown) => void,
  ) {
    this.binding = binding
    this.#signal = signal
    this.#resolve = resolve
    this.#reject = reject
    signal.addEventListener('abort', this.#aborted)
  }

  within(ms: number, onLate: () => void): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(onLate, ms)
  }

  settle(taken: Taken): void {
    if (this.settled) return
    this.#end()
    this.#resolve(taken)
  }

  readonly #aborted = (): void => {
    this.#end()
    this.onAbort()
    this.#reject(this.#signal.reason)
  }

  #end(): void {
    this.settled = true
    clearTimeout(this.#timer)
    this.#signal.removeEventListener('abort', this.#aborted)
  }
}

/** A connection that an agent has dialled back, until it is given away. */
class DialBack {
  readonly socket: Socket
  readonly id: string
  #onSaid: ((answered: boolean) => void) | null = null
  readonly #onLost: () => void

  constructor(socket: Socket, id: string, onLost: () => void) {
    this.socket = socket
    this.id = id
    this.#onLost = onLost
    socket.on('error', ignore)
    socket.on('readable', this.#readable)
    socket.on('end', this.#ended)
    socket.on('close', this.#ended)
  }

  /** `onSaid` hears whether the other end has answered, or was gone before. */
  give(onSaid: (answered: boolean) => void): void {
    this.#onSaid = onSaid
  }

  readonly #readable = (): void => {
    const { socket } = this
    if (socket.readableLength === 0) {
      // An end is told to those alone who read it.
      socket.read()
    } else if (this.#onSaid === null) {
      // Whoever speaks before he is spoken to is not who was ordered.
      socket.destroy()
    } else {
      this.#leave()
      this.#onSaid(true)
    }
  }

  readonly #ended = (): void => {
    this.#leave()
    this.socket.destroy()
    if (this.#onSaid === null) this.#onLost()
    else this.#onSaid(false)
  }

  #leave(): void {
    const { socket } = this
    socket.off('readable', this.#readable)
    socket.off('end', this.#ended)
    socket.off('close', this.#ended)
  }
}

function first<T>(of: ReadonlySet<T>, count: number): T[] {
  const taken: T[] = []
  for (const one of of) {
    if (taken.length === count) break
    taken.push(one)
  }
  return taken
}

/** Made once: what it says is said, and a stack for each connection would cost more than the rest. */
const TUNNEL_GONE = new Error('the tunnel of the agent has ended')

const ignore = (): void => {}
