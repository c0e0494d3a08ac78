import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { resetConnection } from '../../core/index.ts'
import { formatDialBack } from '../../protocol/index.ts'
import type { TunnelLimits } from '../limits.ts'
import { type Binding, FrameReader, formatFrame } from './frames.ts'

/** Where the proxy's end of a tunnel is: the same process answers there, whatever names lead to it. */
export interface DialBackAddress {
  readonly host: string
  readonly port: number
}

export interface AgentDialBacksOptions {
  /** On which orders come. */
  readonly stream: Duplex
  readonly address: DialBackAddress
  readonly limits: TunnelLimits
  readonly serves: (serverName: string) => boolean
  readonly onConnection: (socket: Socket, binding: Binding) => void
}

/**
 * The agent's end of the dial-backs of one tunnel: it dials where the tunnel goes, and nowhere else, and takes from such a
 * connection nothing but what belongs to a hello that the tunnel has brought.
 */
export class AgentDialBacks {
  readonly #options: AgentDialBacksOptions
  /** Ordered and not given to anybody, by the ids of their tickets. */
  readonly #idle = new Map<string, Socket>()
  readonly #active = new Set<Socket>()
  #ended = false

  constructor(options: AgentDialBacksOptions) {
    this.#options = options
    const { stream } = options
    const reader = new FrameReader()
    stream.on('data', (chunk: Buffer) => {
      try {
        for (const frame of reader.push(chunk)) {
          if (frame.type === 'order') this.#dial(frame.ticket.id, formatDialBack(frame.ticket))
          else if (frame.type === 'bind') this.#bind(frame.id, frame.binding)
        }
      } catch {
        stream.destroy()
      }
    })
    stream.once('end', () => {
      this.#ended = true
      for (const socket of this.#idle.values()) resetConnection(socket)
      this.#endWhenIdle()
    })
    stream.once('close', () => {
      for (const socket of this.#idle.values()) resetConnection(socket)
      for (const socket of this.#active) socket.destroy(TUNNEL_GONE)
    })
  }

  /** Connections of people. */
  get active(): number {
    return this.#active.size
  }

  #dial(id: string, preamble: Buffer): void {
    const { address, limits, stream } = this.#options
    if (this.#idle.size >= limits.maxOrdered + limits.maxWarm || this.#idle.has(id)) {
      this.#say(id)
      return
    }
    const socket = connect({
      ...address,
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: limits.dialBackKeepAliveMs,
    })
    this.#idle.set(id, socket)
    socket.on('error', ignore)
    const timer = setTimeout(() => socket.destroy(), limits.dialBackTimeoutMs)
    socket.once('connect', () => clearTimeout(timer))
    socket.once('close', () => {
      clearTimeout(timer)
      this.#active.delete(socket)
      if (this.#idle.get(id) === socket) {
        this.#idle.delete(id)
        if (!stream.destroyed) this.#say(id)
      }
      this.#endWhenIdle()
    })
    // An end is told to those alone who read; what comes before its hello waits in the socket.
    socket.on('readable', watch)
    socket.once('end', gone)
    socket.write(preamble)
  }

  #bind(id: string, binding: Binding): void {
    const { limits, serves, onConnection } = this.#options
    const socket = this.#idle.get(id)
    if (socket === undefined) return
    this.#idle.delete(id)
    const mayEnter = serves(binding.serverName) && this.#active.size < limits.maxStreams
    if (!mayEnter || socket.destroyed || socket.connecting || socket.readableEnded) {
      // Nothing was said on it that could be lost: a reset keeps no port, as it would for a minute where the agent closes first.
      resetConnection(socket)
      return
    }
    this.#active.add(socket)
    socket.off('readable', watch)
    socket.off('end', gone)
    socket.unshift(binding.hello)
    onConnection(socket, binding)
  }

  #say(id: string): void {
    const { stream } = this.#options
    if (stream.writableEnded || stream.destroyed) return
    stream.write(formatFrame({ type: 'failed', id }))
    // A proxy that orders on and on, and reads nothing of it, must not fill our memory.
    if (stream.writableLength > MAX_UNREAD_BYTES) stream.destroy()
  }

  #endWhenIdle(): void {
    if (this.#ended && this.#active.size === 0) this.#options.stream.end()
  }
}

/** Some thousand refusals; all that may be on order at once are 64. */
const MAX_UNREAD_BYTES = 64 * 1024

function watch(this: Socket): void {
  if (this.readableLength === 0) this.read()
}

function gone(this: Socket): void {
  this.destroy()
}

const TUNNEL_GONE = new Error('the tunnel to the proxy has ended')

const ignore = (): void => {}
