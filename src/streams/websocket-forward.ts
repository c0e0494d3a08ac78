import { type AskedWebSocket, acceptWebSocket } from './accept-websocket.ts'
import { StreamError } from './errors.ts'
import type { ForwardEnd, ForwardListener } from './forward-types.ts'
import type { StreamLimits } from './limits.ts'
import { unpackBase64 } from './websocket-dialect.ts'
import { CLOSE_NORMAL, CLOSE_UNACCEPTABLE, type WebSocketLink } from './websocket-link.ts'

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
  readonly #link: WebSocketLink
  readonly #dialect: ForwardDialect
  readonly #ports: readonly Port[]
  #listener: ForwardListener | null
  #isOver = false
  /** Of the message that comes. */
  #channel = 0

  constructor(
    parts: {
      readonly link: WebSocketLink
      readonly dialect: ForwardDialect
      readonly ports: readonly number[]
    },
    listener: ForwardListener,
  ) {
    this.#link = parts.link
    this.#dialect = parts.dialect
    this.#ports = parts.ports.map((port) => ({ port, isEnded: false, isTold: false }))
    this.#listener = listener
  }

  /** Says which channel is which port, and opens all of them. */
  start(head: Buffer): void {
    for (const [index, { port }] of this.#ports.entries()) {
      const bytes = Buffer.alloc(2)
      bytes.writeUInt16LE(port)
      this.#send(index * 2, bytes)
      this.#send(index * 2 + 1, bytes)
      this.#listener?.opened(index + 1, port)
    }
    this.#link.start(head, {
      piece: (data, isFirst) => {
        if (this.#dialect.base64) this.#refuse()
        else this.#piece(data, isFirst)
      },
      // As for commands: API servers do not look at the kind.
      text: this.#dialect.base64
        ? (message) => {
            const unpacked = message.length === 0 ? message : unpackBase64(message)
            if (unpacked === null) this.#refuse()
            else this.#piece(unpacked, true)
          }
        : null,
      drain: () => this.#listener?.drain(),
      closed: (_code, error) => this.#close(error),
    })
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
    this.#link.resume()
  }

  destroy(): void {
    this.#link.destroy()
  }

  #send(channel: number, data: Buffer): boolean {
    return this.#dialect.base64
      ? this.#link.sendText(`${channel}${data.toString('base64')}`)
      : this.#link.send(Buffer.from([channel]), data)
  }

  #piece(data: Buffer, isFirst: boolean): void {
    const [first] = data
    if (isFirst) {
      // Nothing is said, and API servers pass over it.
      if (first === undefined) return
      if (this.#ports[first >> 1] === undefined) {
        this.#refuse()
        return
      }
      this.#channel = first
    }
    const rest = isFirst ? data.subarray(1) : data
    // What is said on an error channel is heard by nobody, as in kubelet.
    if (this.#channel % 2 === 1 || rest.length === 0) return
    if (this.#listener?.data((this.#channel >> 1) + 1, rest) === false) this.#link.pause()
  }

  #refuse(): void {
    this.#link.close(CLOSE_UNACCEPTABLE, 'not a message of the protocol')
    this.#close(new StreamError('STREAM_MALFORMED', 'a message that is none of the protocol'))
  }

  /** With the last of its connections the session is over. */
  #look(): void {
    if (this.#ports.every(({ isEnded, isTold }) => isEnded && isTold)) this.#end()
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#link.close(CLOSE_NORMAL)
  }

  #close(error: Error | null): void {
    const listener = this.#listener
    this.#listener = null
    listener?.closed(error)
  }
}

/**
 * Serves a port-forward to a client that asked for a plain WebSocket: writes the answer that switches protocols. Throws StreamError for
 * a handshake that is none; the client has been told by then.
 */
export function serveWebSocketForward(
  options: Omit<AskedWebSocket, 'protocol'> & {
    readonly head: Buffer
    readonly dialect: ForwardDialect
    /** What the client named, 1 to 65535; of each one there is one connection. */
    readonly ports: readonly number[]
    readonly limits: StreamLimits
  },
  listener: ForwardListener,
): ForwardEnd {
  const { head, dialect, ports, limits, ...asked } = options
  const link = acceptWebSocket({ ...asked, protocol: dialect.protocol }, limits)
  const forward = new WebSocketForward({ link, dialect, ports }, listener)
  // The caller has it before the first of its connections.
  process.nextTick(() => forward.start(head))
  return forward
}
