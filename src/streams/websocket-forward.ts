import type { Duplex } from 'node:stream'
import { WebSocket } from 'ws'
import { type AskedWebSocket, acceptWebSocket } from './accept-websocket.ts'
import { closeLater } from './close-later.ts'
import { broken, StreamError } from './errors.ts'
import type { ForwardEnd, ForwardListener } from './forward-types.ts'
import type { StreamLimits } from './limits.ts'
import { unpackBase64 } from './websocket-dialect.ts'

/** RFC 6455, 7.4.1. */
const CLOSE_NORMAL = 1000
const CLOSE_UNACCEPTABLE = 1003

/** How a port-forward is spoken over a plain WebSocket (kubelet/pkg/cri/streaming/portforward/websocket.go). */
export interface ForwardDialect {
  /** Null: the client named none, and gets what the first means. */
  readonly protocol: 'v4.channel.k8s.io' | 'v4.base64.channel.k8s.io' | null
  /** Messages are text: a digit for the channel, then base64. */
  readonly base64: boolean
  /** Each has two channels, whose number is one byte, or one digit. */
  readonly maxPorts: number
}

const BINARY: ForwardDialect = { protocol: 'v4.channel.k8s.io', base64: false, maxPorts: 64 }
const BASE64: ForwardDialect = { protocol: 'v4.base64.channel.k8s.io', base64: true, maxPorts: 5 }

/** The dialect that a client gets of those that it offers; null when none is ours. */
export function chooseForwardDialect(offered: readonly string[]): ForwardDialect | null {
  if (offered.length === 0) return { ...BINARY, protocol: null }
  return (
    [BINARY, BASE64].find(({ protocol }) => protocol !== null && offered.includes(protocol)) ?? null
  )
}

interface Port {
  readonly port: number
  /** Nothing more goes to the client. */
  isEnded: boolean
  isTold: boolean
}

/** One connection for each port that the client named, numbered from 1, all of them from the beginning; the client can end none of them. */
export class WebSocketForward implements ForwardEnd {
  readonly #socket: WebSocket
  readonly #connection: Duplex
  readonly #dialect: ForwardDialect
  readonly #limits: StreamLimits
  readonly #ports: readonly Port[]
  #listener: ForwardListener | null
  #isOver = false

  constructor(
    parts: {
      readonly socket: WebSocket
      /** What the WebSocket runs on: it knows when there is room. */
      readonly connection: Duplex
      readonly dialect: ForwardDialect
      readonly ports: readonly number[]
      readonly limits: StreamLimits
    },
    listener: ForwardListener,
  ) {
    this.#socket = parts.socket
    this.#connection = parts.connection
    this.#dialect = parts.dialect
    this.#limits = parts.limits
    this.#ports = parts.ports.map((port) => ({ port, isEnded: false, isTold: false }))
    this.#listener = listener
    let failure: Error | null = null
    this.#socket.on('message', (data: Buffer, isBinary) => this.#receive(data, isBinary))
    this.#socket.on('error', (error) => {
      failure = broken(error)
    })
    this.#socket.once('close', () => this.#close(failure))
    this.#connection.on('drain', () => this.#listener?.drain())
  }

  /** Says which channel is which port, and opens all of them. */
  start(): void {
    for (const [index, { port }] of this.#ports.entries()) {
      const bytes = Buffer.alloc(2)
      bytes.writeUInt16LE(port)
      this.#send(index * 2, bytes)
      this.#send(index * 2 + 1, bytes)
      this.#listener?.opened(index + 1, port)
    }
  }

  open(): boolean {
    // Connections come from clients.
    return true
  }

  write(id: number, data: Buffer): boolean {
    const port = this.#ports[id - 1]
    return port === undefined || port.isEnded || this.#send((id - 1) * 2, data)
  }

  end(id: number): void {
    const port = this.#ports[id - 1]
    if (port !== undefined) port.isEnded = true
    this.#look()
  }

  tell(id: number, words: string): void {
    const port = this.#ports[id - 1]
    if (port === undefined || port.isTold) return
    port.isTold = true
    if (words !== '') this.#send((id - 1) * 2 + 1, Buffer.from(words, 'utf8'))
    this.#look()
  }

  reset(id: number): void {
    const port = this.#ports[id - 1]
    if (port === undefined) return
    port.isTold = true
    this.end(id)
  }

  finish(words: string): void {
    for (const id of this.#ports.keys()) this.tell(id + 1, words)
    this.#end()
  }

  resume(): void {
    this.#socket.resume()
  }

  destroy(): void {
    this.#socket.terminate()
  }

  #send(channel: number, data: Buffer): boolean {
    if (this.#socket.readyState !== WebSocket.OPEN) return true
    const message = this.#dialect.base64
      ? `${channel}${data.toString('base64')}`
      : Buffer.concat([Buffer.from([channel]), data])
    this.#socket.send(message, () => {})
    return !this.#connection.writableNeedDrain
  }

  #receive(data: Buffer, isBinary: boolean): void {
    const message =
      isBinary === this.#dialect.base64 ? null : this.#dialect.base64 ? unpackBase64(data) : data
    const channel = message?.[0]
    const port = channel === undefined ? undefined : this.#ports[channel >> 1]
    if (message === null || channel === undefined || port === undefined) {
      this.#socket.close(CLOSE_UNACCEPTABLE, 'not a message of the protocol')
      this.#close(new StreamError('STREAM_MALFORMED', 'a message that is none of the protocol'))
      return
    }
    // What is said on an error channel is heard by nobody, as in kubelet.
    if (channel % 2 === 1 || message.length === 1) return
    if (this.#listener?.data((channel >> 1) + 1, message.subarray(1)) === false)
      this.#socket.pause()
  }

  /** With the last of its connections the session is over. */
  #look(): void {
    if (this.#ports.every(({ isEnded, isTold }) => isEnded && isTold)) this.#end()
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#socket.resume()
    this.#socket.close(CLOSE_NORMAL)
    closeLater(this.#connection, this.#limits, () => this.#socket.terminate())
  }

  #close(error: Error | null): void {
    const listener = this.#listener
    this.#listener = null
    listener?.closed(error)
  }
}

/**
 * Serves a port-forward to a client that asked for a plain WebSocket: writes the answer that switches protocols. Rejects with
 * StreamError for a handshake that is none; the client has been told by then.
 */
export async function serveWebSocketForward(
  options: Omit<AskedWebSocket, 'protocol'> & {
    readonly dialect: ForwardDialect
    /** What the client named, 1 to 65535; of each one there is one connection. */
    readonly ports: readonly number[]
    readonly limits: StreamLimits
  },
  listener: ForwardListener,
): Promise<ForwardEnd> {
  const { dialect, ports, limits, ...asked } = options
  const socket = await acceptWebSocket({ ...asked, protocol: dialect.protocol }, limits)
  const parts = { socket, connection: options.socket, dialect, ports, limits }
  const forward = new WebSocketForward(parts, listener)
  // The caller has it before the first of its connections.
  process.nextTick(() => forward.start())
  return forward
}
