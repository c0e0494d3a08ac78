import type { Duplex } from 'node:stream'
import {
  type Channel,
  type ChannelMessage,
  channelOf,
  channels,
  formatChannelClose,
  formatTerminalSize,
  parseTerminalSize,
  type TerminalSize,
} from '../protocol/index.ts'
import { acceptWebSocket } from './accept-websocket.ts'
import { cutShort, StreamError } from './errors.ts'
import { GrowingBytes } from './growing-bytes.ts'
import type { StreamLimits } from './limits.ts'
import { StatusReader } from './status-reader.ts'
import { isJson, statusText } from './status-style.ts'
import type { CommandEnd, CommandListener, CommandPlan, CommandStream } from './types.ts'
import { readMessage, type WebSocketDialect, writeText } from './websocket-dialect.ts'
import { CLOSE_NORMAL, CLOSE_UNACCEPTABLE, WebSocketLink } from './websocket-link.ts'

const EMPTY = Buffer.alloc(0)

/** What a binary message begins with. */
const PREFIXES: Readonly<Record<Channel, Buffer>> = {
  stdin: Buffer.from([channels.stdin]),
  stdout: Buffer.from([channels.stdout]),
  stderr: Buffer.from([channels.stderr]),
  error: Buffer.from([channels.error]),
  resize: Buffer.from([channels.resize]),
}

/** A command's streams over a WebSocket; which side it faces decides what comes from there. */
class WebSocketCommand implements CommandEnd {
  readonly #link: WebSocketLink
  readonly #faces: 'client' | 'server'
  readonly #dialect: WebSocketDialect
  readonly #limits: StreamLimits
  #listener: CommandListener | null
  /** Whose bytes the message is that comes. */
  #stream: CommandStream | null = null
  /** Of another message, until it is whole. */
  readonly #words = new GrowingBytes()
  readonly #status: StatusReader
  /** Streams on which nothing more comes. */
  readonly #ended = new Set<CommandStream>()
  #isStatusTold = false
  #isOver = false

  constructor(
    parts: {
      readonly link: WebSocketLink
      readonly faces: 'client' | 'server'
      readonly dialect: WebSocketDialect
      readonly limits: StreamLimits
    },
    listener: CommandListener,
  ) {
    this.#link = parts.link
    this.#faces = parts.faces
    this.#dialect = parts.dialect
    this.#limits = parts.limits
    this.#status = new StatusReader(parts.limits.maxStatusBytes)
    this.#listener = listener
  }

  start(head: Buffer): void {
    this.#link.start(head, {
      piece: (data, isFirst, isLast) => this.#piece(data, isFirst, isLast),
      // API servers do not look at the kind (wsstream/conn.go), and Kubernetes' client for Python sends words as text.
      text: this.#dialect.base64
        ? (message) => {
            if (message.length > 0) this.#message(readMessage(this.#dialect, message, false))
          }
        : null,
      drain: () => this.#listener?.drain(),
      closed: (code, error) => this.#close(error ?? this.#judge(code)),
    })
  }

  write(stream: CommandStream, data: Buffer): boolean {
    return this.#send(stream, data)
  }

  end(stream: CommandStream): void {
    // Towards a client, only the end of the session ends a stream.
    if (this.#faces === 'server' && this.#dialect.canClose) {
      this.#link.send(formatChannelClose(stream), EMPTY)
    }
  }

  resize(size: TerminalSize): void {
    if (this.#faces === 'server') {
      this.#send('resize', Buffer.from(formatTerminalSize(size), 'utf8'))
    }
  }

  /** The first message: client-go waits for it to know that the session stands; kube-apiserver sends it on the lowest channel. */
  greet(plan: CommandPlan): void {
    this.#send(plan.stdout ? 'stdout' : plan.stderr ? 'stderr' : 'error', EMPTY)
  }

  finish(status: string): void {
    if (this.#faces === 'server' || this.#isOver) return
    this.#isOver = true
    const words = statusText(this.#dialect.style, status)
    if (words.length > 0) this.#send('error', words)
    this.#link.close(CLOSE_NORMAL)
  }

  resume(): void {
    this.#link.resume()
  }

  destroy(): void {
    this.#link.destroy()
  }

  #send(channel: Channel, data: Buffer): boolean {
    return this.#dialect.base64
      ? this.#link.sendText(writeText(channel, data))
      : this.#link.send(PREFIXES[channel], data)
  }

  /** What is in a stream goes on as it comes; words are kept until they are whole. */
  #piece(data: Buffer, isFirst: boolean, isLast: boolean): void {
    if (this.#dialect.base64) {
      this.#refuse()
      return
    }
    // Nothing is said, and API servers pass over it.
    if (isFirst && data.length === 0) return
    let rest = data
    if (isFirst) {
      this.#stream = this.#streamOf(data[0])
      if (this.#stream !== null) rest = data.subarray(1)
    }
    if (this.#stream !== null) {
      if (rest.length > 0) this.#data(this.#stream, rest)
      return
    }
    this.#words.push(rest)
    if (this.#words.length > this.#limits.maxStatusBytes + 1) this.#tooLong()
    else if (isLast) this.#message(readMessage(this.#dialect, this.#words.take(), true))
  }

  #streamOf(first: number | undefined): CommandStream | null {
    const channel = channelOf(first)
    if (channel === null || channel === 'error' || channel === 'resize') return null
    return this.#isExpected(channel) ? channel : null
  }

  #message(message: ChannelMessage | null): void {
    if (message === null || !this.#isExpected(message.channel)) {
      this.#refuse()
      return
    }
    const { channel } = message
    if (message.kind === 'close') {
      if (channel !== 'error' && channel !== 'resize') this.#end(channel)
    } else if (channel === 'error') this.#told(message.data)
    else if (channel === 'resize') {
      const size = parseTerminalSize(message.data.toString('utf8'))
      if (size !== null) this.#listener?.resize(size)
    } else if (message.data.length > 0) this.#data(channel, message.data)
  }

  /** Once: nobody holds back who says it over and over. */
  #end(stream: CommandStream): void {
    if (this.#ended.has(stream)) return
    this.#ended.add(stream)
    this.#listener?.end(stream)
  }

  #data(stream: CommandStream, data: Buffer): void {
    if (this.#ended.has(stream)) return
    if (this.#listener?.data(stream, data) === false) this.#link.pause()
  }

  #refuse(): void {
    this.#link.close(CLOSE_UNACCEPTABLE, 'not a message of the protocol')
    this.#close(new StreamError('STREAM_MALFORMED', 'a message that is none of the protocol'))
  }

  #isExpected(channel: Channel): boolean {
    return this.#faces === 'client'
      ? channel === 'stdin' || channel === 'resize'
      : channel === 'stdout' || channel === 'stderr' || channel === 'error'
  }

  /** API servers send the Status in one message; the empty one says that the session stands. */
  #told(data: Buffer): void {
    if (data.length === 0 || this.#isStatusTold) return
    if (!this.#status.push(data)) {
      this.#tooLong()
      return
    }
    if (!this.#status.isWhole || !isJson(this.#status.text())) return
    this.#isStatusTold = true
    this.#listener?.status(this.#status.text())
  }

  #tooLong(): void {
    this.#link.destroy()
    this.#close(new StreamError('STREAM_MALFORMED', 'the Status of a command is too long'))
  }

  #judge(code: number): Error | null {
    if (this.#faces === 'server') return this.#isStatusTold ? null : cutShort()
    return this.#isOver || code === CLOSE_NORMAL
      ? null
      : new StreamError('STREAM_BROKEN', `the client left (${code})`)
  }

  #close(error: Error | null): void {
    const listener = this.#listener
    this.#listener = null
    listener?.closed(error)
  }
}

/**
 * Serves a command's streams to a client that asked for a WebSocket: writes the answer that switches protocols. `header` gives the
 * client's own. Rejects with StreamError for a handshake that is none; the client has been told by then.
 */
export async function serveWebSocketCommand(
  options: {
    readonly socket: Duplex
    readonly head: Buffer
    readonly header: (name: string) => string | null
    readonly dialect: WebSocketDialect
    readonly plan: CommandPlan
    readonly limits: StreamLimits
  },
  listener: CommandListener,
): Promise<CommandEnd> {
  const { socket, head, header, dialect, plan, limits } = options
  // Who names no subprotocol must not be given one (RFC 6455, 4.1).
  const isNamed = (header('sec-websocket-protocol') ?? '').trim() !== ''
  const protocol = isNamed ? dialect.protocol : null
  const link = acceptWebSocket({ socket, header, protocol }, limits)
  const end = new WebSocketCommand({ link, faces: 'client', dialect, limits }, listener)
  end.greet(plan)
  end.start(head)
  return end
}

/** Opens a command's streams on a connection that has switched to a WebSocket (the API server took `v5.channel.k8s.io`). */
export function openWebSocketCommand(
  options: {
    readonly socket: Duplex
    readonly head: Buffer
    readonly dialect: WebSocketDialect
    readonly limits: StreamLimits
  },
  listener: CommandListener,
): CommandEnd {
  const { socket, head, dialect, limits } = options
  const link = new WebSocketLink('client', socket, limits)
  const end = new WebSocketCommand({ link, faces: 'server', dialect, limits }, listener)
  link.pause()
  end.start(head)
  return end
}
