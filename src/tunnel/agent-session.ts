import {
  constants,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { AgentDialBacks, type DialBackAddress } from './dial-back/agent-end.ts'
import type { TunnelLimits } from './limits.ts'
import { ORIGIN_HEADER, parseOrigin, type TunnelOrigin } from './origin.ts'
import { DIAL_BACKS_PATH, NAMES_PATH } from './proxy-tunnel.ts'
import { TunnelSession } from './session.ts'

const { HTTP2_HEADER_AUTHORITY, HTTP2_HEADER_METHOD, HTTP2_HEADER_PATH } = constants

/** A person's connection as it arrives at the agent: bytes from its ClientHello on, and where it came from. */
export interface TunnelledConnection {
  readonly serverName: string
  readonly origin: TunnelOrigin
}

export interface AgentSessionOptions {
  readonly socket: TLSSocket
  readonly limits: TunnelLimits
  readonly nowMs: number
  /** The line that says what is served, as of now. */
  readonly announcement: () => string
  readonly serves: (serverName: string) => boolean
  readonly onConnection: (stream: Duplex, connection: TunnelledConnection) => void
  /** Where to dial back when the proxy asks for it; null: it may not ask. */
  readonly dialBack: DialBackAddress | null
  /** The proxy has taken the tunnel. */
  readonly onTaken: () => void
  /** The proxy takes no more through it; `words` say why, when it gives a reason. */
  readonly onLeaving: (words: string) => void
  readonly onClosed: (error: Error | null) => void
}

const MAX_WORDS = 500

/** The agent's end of one tunnel: an HTTP/2 server on the connection that it made to a proxy. */
export class AgentSession {
  readonly #options: AgentSessionOptions
  readonly #http2: ServerHttp2Session
  readonly #session: TunnelSession
  #control: ServerHttp2Stream | null = null
  #dialBacks: AgentDialBacks | null = null
  /** An announcement waits until the proxy has read the one before. */
  #isBehind = false
  #error: Error | null = null

  constructor(options: AgentSessionOptions) {
    const { socket, limits } = options
    this.#options = options
    this.#http2 = performServerHandshake(socket, {
      maxSessionMemory: limits.sessionMemoryMib,
      streamResetBurst: limits.streamResetBurst,
      streamResetRate: limits.streamResetRate,
      maxSessionInvalidFrames: limits.sessionMisfits,
      maxSessionRejectedStreams: limits.sessionMisfits,
      settings: {
        enablePush: false,
        initialWindowSize: limits.streamWindowBytes,
        // One more is the control stream, one that of dial-backs.
        maxConcurrentStreams: limits.maxStreams + 2,
      },
    })
    this.#http2.setLocalWindowSize(limits.tunnelWindowBytes)
    this.#session = new TunnelSession(this.#http2, socket, limits, options.nowMs)
    this.#http2.on('stream', (stream, headers) => this.#arrived(stream, headers))
    this.#http2.on('error', (error) => {
      this.#error ??= error
    })
    this.#http2.once('goaway', (_code, _last, words?: NodeJS.ArrayBufferView) => {
      options.onLeaving(wordsOf(words))
    })
    this.#http2.once('close', () => options.onClosed(this.#error))
  }

  get streams(): number {
    return this.#session.streams.size + (this.#dialBacks?.active ?? 0)
  }

  announce(): void {
    const control = this.#control
    if (control === null) return
    if (!control.writableNeedDrain) {
      control.write(this.#options.announcement())
    } else if (!this.#isBehind) {
      // Only the last word counts: a proxy that does not read must not fill our memory with those before.
      this.#isBehind = true
      control.once('drain', () => {
        this.#isBehind = false
        this.announce()
      })
    }
  }

  look(nowMs: number): void {
    this.#session.look(nowMs)
  }

  drain(): void {
    // As long as it is open, the session is.
    this.#control?.end()
    this.#control = null
    this.#session.drain()
  }

  destroy(): void {
    this.#session.destroy()
  }

  #arrived(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    stream.on('error', ignore)
    // Who takes back what he has just asked for may be heard first, and on such a stream an answer throws.
    if (stream.destroyed || stream.closed) return
    const method = headers[HTTP2_HEADER_METHOD]
    if (method === 'GET' && headers[HTTP2_HEADER_PATH] === NAMES_PATH && this.#control === null) {
      this.#control = stream
      stream.once('close', () => {
        if (this.#control !== stream) return
        this.#control = null
        this.#isBehind = false
      })
      stream.respond({ ':status': 200, 'content-type': 'application/x-ndjson' })
      this.announce()
      this.#options.onTaken()
      return
    }
    if (method === 'POST' && headers[HTTP2_HEADER_PATH] === DIAL_BACKS_PATH) {
      this.#takeOrders(stream)
      return
    }
    const serverName = String(headers[HTTP2_HEADER_AUTHORITY] ?? '')
    const origin = parseOrigin(headers[ORIGIN_HEADER])
    if (method !== 'CONNECT' || origin === null) {
      stream.respond({ ':status': 400 }, { endStream: true })
      return
    }
    if (!this.#options.serves(serverName)) {
      stream.respond({ ':status': 404 }, { endStream: true })
      return
    }
    this.#session.enter(stream)
    stream.respond({ ':status': 200 })
    this.#options.onConnection(stream, { serverName, origin })
  }

  #takeOrders(stream: ServerHttp2Stream): void {
    const { dialBack, limits, serves, onConnection } = this.#options
    if (dialBack === null || this.#dialBacks !== null) {
      stream.respond({ ':status': 404 }, { endStream: true })
      return
    }
    stream.respond({ ':status': 200 })
    this.#dialBacks = new AgentDialBacks({
      stream,
      address: dialBack,
      limits,
      serves,
      onConnection: (socket, { serverName, origin }) =>
        onConnection(socket, { serverName, origin }),
    })
  }
}

/** What a proxy says goes to our log: short, and on one line. */
function wordsOf(words: NodeJS.ArrayBufferView | undefined): string {
  if (words === undefined) return ''
  const { buffer, byteOffset, byteLength } = words
  return Buffer.from(buffer, byteOffset, Math.min(byteLength, MAX_WORDS))
    .toString('utf8')
    .replace(/\p{C}/gu, ' ')
}

const ignore = (): void => {}
