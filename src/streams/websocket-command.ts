import type { Duplex } from 'node:stream'
import { WebSocket } from 'ws'
import { BufferPool } from '../core/index.ts'
import {
  type Channel,
  formatChannelClose,
  formatTerminalSize,
  parseTerminalSize,
  type TerminalSize,
  writeChannelMessage,
} from '../protocol/index.ts'
import { acceptWebSocket } from './accept-websocket.ts'
import { closeLater } from './close-later.ts'
import { broken, cutShort, StreamError } from './errors.ts'
import type { StreamLimits } from './limits.ts'
import { StatusReader } from './status-reader.ts'
import { isJson, statusText } from './status-style.ts'
import type { CommandEnd, CommandListener, CommandPlan, CommandStream } from './types.ts'
import { readMessage, type WebSocketDialect, writeMessage } from './websocket-dialect.ts'

const EMPTY = Buffer.alloc(0)
/** Messages are put together in these: containers and clients write 32 KiB at a time. */
const pieces = new BufferPool(64 * 1024, 64)
/** Less is not worth a piece that a client who does not read may hold for hours. */
const MIN_PIECE_BYTES = 16 * 1024

/** RFC 6455, 7.4.1. */
const CLOSE_NORMAL = 1000
const CLOSE_UNACCEPTABLE = 1003
const CLOSE_LOST = 1006

/** A command's streams over a WebSocket; which side it faces decides what comes from there. */
class WebSocketCommand implements CommandEnd {
  readonly #socket: WebSocket
  readonly #connection: Duplex
  readonly #faces: 'client' | 'server'
  readonly #dialect: WebSocketDialect
  readonly #limits: StreamLimits
  #listener: CommandListener | null
  readonly #status: StatusReader
  #isStatusTold = false
  #isOver = false

  constructor(
    parts: {
      readonly socket: WebSocket
      /** What the WebSocket runs on: it knows when there is room. */
      readonly connection: Duplex
      readonly faces: 'client' | 'server'
      readonly dialect: WebSocketDialect
      readonly limits: StreamLimits
    },
    listener: CommandListener,
  ) {
    this.#socket = parts.socket
    this.#connection = parts.connection
    this.#faces = parts.faces
    this.#dialect = parts.dialect
    this.#limits = parts.limits
    this.#status = new StatusReader(parts.limits.maxStatusBytes)
    this.#listener = listener
    let failure: Error | null = null
    this.#socket.on('message', (data: Buffer, isBinary) => this.#receive(data, isBinary))
    this.#socket.on('error', (error) => {
      failure = broken(error)
    })
    this.#socket.once('close', (code) => this.#close(failure ?? this.#judge(code)))
    this.#connection.on('drain', () => this.#listener?.drain())
    // It may have gone while its user was not ready yet.
    if (this.#socket.readyState === WebSocket.CLOSED) {
      setImmediate(() => this.#close(this.#judge(CLOSE_LOST)))
    }
  }

  write(stream: CommandStream, data: Buffer): boolean {
    return this.#send(stream, data)
  }

  end(stream: CommandStream): void {
    // Towards a client, only the end of the session ends a stream.
    if (this.#faces === 'server' && this.#dialect.canClose && this.#isOpen) {
      this.#socket.send(formatChannelClose(stream), () => {})
    }
  }

  resize(size: TerminalSize): void {
    if (this.#faces === 'server') {
      this.#send('resize', Buffer.from(formatTerminalSize(size), 'utf8'))
    }
  }

  finish(status: string): void {
    if (this.#faces === 'server' || this.#isOver) return
    this.#isOver = true
    const words = statusText(this.#dialect.style, status)
    if (words.length > 0) this.#send('error', words)
    this.#socket.resume()
    this.#socket.close(CLOSE_NORMAL)
    closeLater(this.#connection, this.#limits, () => this.#socket.terminate())
  }

  resume(): void {
    this.#socket.resume()
  }

  destroy(): void {
    this.#socket.terminate()
  }

  get #isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN
  }

  #send(channel: Channel, data: Buffer): boolean {
    if (!this.#isOpen) return true
    const isLarge = data.length >= MIN_PIECE_BYTES && data.length < pieces.pieceBytes
    if (isLarge && !this.#dialect.base64) this.#sendPiece(channel, data)
    else this.#socket.send(writeMessage(this.#dialect, channel, data), () => {})
    return !this.#connection.writableNeedDrain
  }

  #sendPiece(channel: Channel, data: Buffer): void {
    const piece = pieces.take()
    const message = piece.subarray(0, writeChannelMessage(piece, channel, data))
    this.#socket.send(message, { binary: true }, (error) => {
      // Of a connection that broke, something may still be on its way.
      if (error === undefined || error === null) pieces.give(piece)
    })
  }

  #receive(data: Buffer, isBinary: boolean): void {
    const message = readMessage(this.#dialect, data, isBinary)
    if (message === null || !this.#isExpected(message.channel)) {
      this.#socket.close(CLOSE_UNACCEPTABLE, 'not a message of the protocol')
      this.#close(new StreamError('STREAM_MALFORMED', 'a message that is none of the protocol'))
      return
    }
    const { channel } = message
    if (message.kind === 'close') {
      if (channel !== 'error' && channel !== 'resize') this.#listener?.end(channel)
    } else if (channel === 'error') this.#told(message.data)
    else if (channel === 'resize') {
      const size = parseTerminalSize(message.data.toString('utf8'))
      if (size !== null) this.#listener?.resize(size)
    } else if (message.data.length > 0 && this.#listener?.data(channel, message.data) === false) {
      this.#socket.pause()
    }
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
      this.#socket.terminate()
      this.#close(new StreamError('STREAM_MALFORMED', 'the Status of a command is too long'))
      return
    }
    if (!this.#status.isWhole || !isJson(this.#status.text())) return
    this.#isStatusTold = true
    this.#listener?.status(this.#status.text())
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
  const client = await acceptWebSocket({ socket, head, header, protocol: dialect.protocol }, limits)
  const end = new WebSocketCommand(
    { socket: client, connection: socket, faces: 'client', dialect, limits },
    listener,
  )
  // client-go waits for a first message to know that the session stands; kube-apiserver sends it on the lowest channel.
  const first = plan.stdout ? 'stdout' : plan.stderr ? 'stderr' : 'error'
  client.send(writeMessage(dialect, first, EMPTY), () => {})
  return end
}

/** Opens a command's streams on a WebSocket that stands (the API server took `v5.channel.k8s.io`). */
export function openWebSocketCommand(
  options: {
    readonly socket: WebSocket
    readonly connection: Duplex
    readonly dialect: WebSocketDialect
    readonly limits: StreamLimits
  },
  listener: CommandListener,
): CommandEnd {
  return new WebSocketCommand({ ...options, faces: 'server' }, listener)
}
