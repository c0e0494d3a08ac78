import type { Duplex } from 'node:stream'
import { formatTerminalSize, headerOf, type TerminalSize } from '../protocol/index.ts'
import { cutShort, StreamError } from './errors.ts'
import type { StreamLimits } from './limits.ts'
import { SizeReader } from './size-reader.ts'
import { type LinkEvent, SpdyLink } from './spdy-link.ts'
import { StatusReader } from './status-reader.ts'
import { isJson, type StatusStyle, statusText } from './status-style.ts'
import type { CommandEnd, CommandListener, CommandPlan, CommandStream } from './types.ts'

type StreamType = CommandStream | 'error' | 'resize'

/** The streams that a client opens for a plan, in the order of client-go (`createStreams` in tools/remotecommand/v2.go, v3.go). */
export const wantedStreams = (plan: CommandPlan, hasResize: boolean): readonly StreamType[] => [
  'error',
  ...(plan.stdin ? (['stdin'] as const) : []),
  ...(plan.stdout ? (['stdout'] as const) : []),
  ...(plan.stderr && !plan.tty ? (['stderr'] as const) : []),
  ...(plan.tty && hasResize ? (['resize'] as const) : []),
]

const EMPTY = Buffer.alloc(0)

/** What both ends of a command over SPDY share: which stream is which. */
abstract class SpdyCommand implements CommandEnd {
  protected readonly link: SpdyLink
  protected readonly limits: StreamLimits
  protected readonly ids = new Map<StreamType, number>()
  protected listener: CommandListener | null = null
  readonly #types = new Map<number, StreamType>()

  protected constructor(link: SpdyLink, limits: StreamLimits) {
    this.link = link
    this.limits = limits
  }

  write(stream: CommandStream, data: Buffer): boolean {
    const id = this.ids.get(stream)
    return id === undefined || this.link.data(id, data)
  }

  end(stream: CommandStream): void {
    const id = this.ids.get(stream)
    if (id !== undefined) this.link.data(id, EMPTY, true)
  }

  abstract resize(size: TerminalSize): void
  abstract finish(status: string): void

  resume(): void {
    this.link.resume()
  }

  destroy(): void {
    this.link.destroy()
  }

  protected name(type: StreamType, streamId: number): void {
    this.ids.set(type, streamId)
    this.#types.set(streamId, type)
  }

  protected react(event: LinkEvent): void {
    // What came together with what ended it.
    if (this.listener === null) return
    if (event.kind === 'data') {
      const type = this.#types.get(event.streamId)
      if (type !== undefined) this.#arrived(type, event.data)
    } else if (event.kind === 'end' || event.kind === 'reset') {
      const type = this.#types.get(event.streamId)
      if (type !== undefined) this.#ended(type, event.kind === 'end')
    }
  }

  /** Words that came on the error or resize stream. */
  protected abstract words(type: 'error' | 'resize', piece: Buffer): void
  /** All of them came. */
  protected abstract wordsEnded(type: 'error' | 'resize'): void

  #arrived(type: StreamType, data: Buffer): void {
    if (type === 'error' || type === 'resize') this.words(type, data)
    else if (this.listener?.data(type, data) === false) this.link.pause()
  }

  /** A stream of words that was broken off has said nothing. */
  #ended(type: StreamType, isWhole: boolean): void {
    if (type === 'error' || type === 'resize') {
      if (isWhole) this.wordsEnded(type)
    } else this.listener?.end(type)
  }

  protected fail(error: Error): void {
    this.link.destroy()
    this.over(error)
  }

  protected over(error: Error | null): void {
    const { listener } = this
    this.listener = null
    listener?.closed(error)
  }
}

/** The versions of `X-Stream-Protocol-Version` that we speak with clients, best first; v1 is what a client without one means. */
export const SPDY_COMMAND_PROTOCOLS = [
  'v4.channel.k8s.io',
  'v3.channel.k8s.io',
  'v2.channel.k8s.io',
  'channel.k8s.io',
] as const
export type SpdyCommandProtocol = (typeof SPDY_COMMAND_PROTOCOLS)[number]

/** The end that faces a client, which opens the streams (kubelet/pkg/cri/streaming/remotecommand/httpstream.go). */
class SpdyCommandServer extends SpdyCommand {
  readonly #wanted: readonly StreamType[]
  readonly #style: StatusStyle
  readonly #sizes: SizeReader
  #finished = false

  constructor(
    socket: Duplex,
    plan: CommandPlan,
    protocol: SpdyCommandProtocol,
    limits: StreamLimits,
  ) {
    super(new SpdyLink('server', socket), limits)
    this.#sizes = new SizeReader(limits.maxSizeBytes)
    this.#style = protocol === 'v4.channel.k8s.io' ? 'json' : 'words'
    this.#wanted = wantedStreams(plan, this.#style === 'json' || protocol === 'v3.channel.k8s.io')
  }

  /** Resolves when the client has opened its streams. Rejects with StreamError when it does not. */
  open(head: Buffer, listener: CommandListener): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const timer = setTimeout(() => {
      this.link.destroy()
      reject(
        new StreamError(
          'STREAM_NOT_OPENED',
          `the client opened ${this.ids.size} of its ${this.#wanted.length} streams`,
        ),
      )
    }, this.limits.openTimeoutMs)
    let opened = false
    const settle = (error: Error | null): void => {
      clearTimeout(timer)
      opened = true
      if (error === null) resolve()
      else reject(error)
    }
    this.listener = listener
    this.link.start(head, {
      event: (event) => {
        if (event.kind === 'stream') {
          this.#named(event.streamId, headerOf(event.headers, 'streamtype'))
          if (event.fin) this.react({ kind: 'end', streamId: event.streamId })
        } else this.react(event)
        if (!opened && this.ids.size === this.#wanted.length) settle(null)
      },
      drain: () => this.listener?.drain(),
      closed: (error) => {
        if (opened) this.over(error)
        else settle(error ?? new StreamError('STREAM_NOT_OPENED', 'the client left'))
      },
    })
    return promise
  }

  resize(): void {
    // Sizes come from clients.
  }

  finish(status: string): void {
    if (this.#finished) return
    this.#finished = true
    for (const stream of ['stdout', 'stderr'] as const) this.end(stream)
    const id = this.ids.get('error')
    if (id !== undefined) this.link.data(id, statusText(this.#style, status), true)
    this.link.end(this.limits)
  }

  protected words(type: 'error' | 'resize', piece: Buffer): void {
    // Nobody hears what clients say on the error stream.
    if (type === 'error') return
    const size = this.#sizes.push(piece)
    if (size === 'too long') {
      this.fail(new StreamError('STREAM_MALFORMED', 'the size of a terminal is too long'))
    } else if (size !== null) this.listener?.resize(size)
  }

  protected wordsEnded(): void {
    // A size is told when it is there.
  }

  #named(streamId: number, name: string | null): void {
    const type = this.#wanted.find((candidate) => candidate === name?.toLowerCase())
    if (type === undefined || this.ids.has(type)) {
      this.link.refuse(streamId)
      return
    }
    this.name(type, streamId)
    this.link.accept(streamId)
  }
}

/** Serves a command's streams to a client that speaks SPDY/3.1, once the answer that switches protocols is written. */
export async function serveSpdyCommand(
  options: {
    readonly socket: Duplex
    readonly head: Buffer
    readonly plan: CommandPlan
    readonly protocol: SpdyCommandProtocol
    readonly limits: StreamLimits
  },
  listener: CommandListener,
): Promise<CommandEnd> {
  const { socket, head, plan, protocol, limits } = options
  const end = new SpdyCommandServer(socket, plan, protocol, limits)
  await end.open(head, listener)
  return end
}

/** The end that faces an API server: it opens the streams, and hears how the command ended. */
class SpdyCommandClient extends SpdyCommand {
  readonly #words: StatusReader
  #status: string | null = null

  constructor(socket: Duplex, limits: StreamLimits) {
    super(new SpdyLink('client', socket), limits)
    this.#words = new StatusReader(limits.maxStatusBytes)
  }

  open(head: Buffer, plan: CommandPlan, listener: CommandListener): void {
    this.listener = listener
    for (const type of wantedStreams(plan, true)) {
      this.name(type, this.link.open([['streamtype', type]]))
    }
    this.link.start(head, {
      event: (event) => this.react(event),
      drain: () => this.listener?.drain(),
      closed: (error) => this.over(this.#status === null ? (error ?? cutShort()) : null),
    })
  }

  resize(size: TerminalSize): void {
    const id = this.ids.get('resize')
    if (id !== undefined) this.link.data(id, Buffer.from(formatTerminalSize(size), 'utf8'))
  }

  finish(): void {
    // API servers tell how a command ended, nobody tells them.
    this.link.destroy()
  }

  protected words(type: 'error' | 'resize', piece: Buffer): void {
    // API servers say nothing on the resize stream.
    if (type === 'resize' || this.#status !== null) return
    if (!this.#words.push(piece)) {
      this.fail(new StreamError('STREAM_MALFORMED', 'the Status of a command is too long'))
      return
    }
    // Some kubelets close the connection behind their Status, and never its stream.
    if (this.#words.isWhole && isJson(this.#words.text())) this.#told()
  }

  protected wordsEnded(type: 'error' | 'resize'): void {
    if (type === 'error' && this.#status === null) this.#told()
  }

  #told(): void {
    this.#status = this.#words.text()
    this.listener?.status(this.#status === '' ? SUCCESS : this.#status)
  }
}

/** Of servers before v4 that say nothing when all went well. */
const SUCCESS = JSON.stringify({ metadata: {}, status: 'Success' })

/** Opens a command's streams on a connection that has switched to SPDY/3.1 and `v4.channel.k8s.io`. */
export function openSpdyCommand(
  options: {
    readonly socket: Duplex
    readonly head: Buffer
    readonly plan: CommandPlan
    readonly limits: StreamLimits
  },
  listener: CommandListener,
): CommandEnd {
  const end = new SpdyCommandClient(options.socket, options.limits)
  end.open(options.head, options.plan, listener)
  return end
}
