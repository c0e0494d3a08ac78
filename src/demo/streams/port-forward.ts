import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { errorMessage } from '../../core/index.ts'
import {
  acceptWebSocket,
  chooseForwardDialect,
  defaultStreamLimits,
  type ForwardEnd,
  type ForwardListener,
  serveSpdyForward,
  serveWebSocketForward,
  TUNNEL_PROTOCOL,
  tunnelOf,
} from '../../streams/index.ts'
import type { ApiEnv } from '../api/env.ts'
import { badRequest } from '../api-error.ts'
import type { JsonObject } from '../json.ts'
import { nameOf, uidOf } from '../store/store.ts'

/** An HTTP request's head is read up to this. */
const MAX_HEAD_BYTES = 16 * 1024
const HTTP_HEAD = /^[A-Z]{3,8} \S+ HTTP\/1\.[01]\r\n/
const limits = defaultStreamLimits

/** What is to be forwarded, and to whom. */
export interface ForwardPlan {
  readonly pod: JsonObject
  readonly ports: readonly number[]
}

/**
 * Forwarded ports lead nowhere, since nothing runs: an HTTP request gets one page that says so, everything else comes back
 * as it went. The pod's end ends them.
 */
class DemoForward implements ForwardListener {
  readonly #pod: JsonObject
  readonly #connections = new Map<number, Forwarded>()
  readonly #stop: () => void
  #end: ForwardEnd | null = null

  constructor(env: ApiEnv, pod: JsonObject) {
    this.#pod = pod
    this.#stop = env.store.onChange(({ type, object }) => {
      if (type === 'DELETED' && uidOf(object) === uidOf(pod)) {
        this.#end?.finish(`pod ${nameOf(pod)} is gone`)
      }
    })
  }

  by(end: ForwardEnd): void {
    this.#end = end
  }

  opened(id: number, port: number): boolean {
    this.#connections.set(id, new Forwarded(this.#pod, port))
    return true
  }

  data(id: number, data: Buffer): boolean {
    const answer = this.#connections.get(id)?.answer(data)
    if (answer === undefined || this.#end === null) return true
    const hasRoom = answer.bytes.length === 0 || this.#end.write(id, answer.bytes)
    if (answer.last) this.#over(id)
    return hasRoom
  }

  end(id: number): void {
    this.#over(id)
  }

  fared(): void {
    // Servers tell how a connection fared, nobody tells them.
  }

  reset(id: number): void {
    this.#over(id)
  }

  drain(): void {
    this.#end?.resume()
  }

  closed(): void {
    this.#stop()
  }

  #over(id: number): void {
    if (!this.#connections.delete(id)) return
    this.#end?.tell(id, '')
    this.#end?.end(id)
  }
}

/** Serves over SPDY/3.1, once the 101 is written. */
export function servePortForward(
  env: ApiEnv,
  { pod }: ForwardPlan,
  socket: Duplex,
  head: Buffer,
): void {
  const forward = new DemoForward(env, pod)
  // Its first bytes may be there already.
  process.nextTick(() => forward.by(serveSpdyForward({ socket, head, limits }, forward)))
}

/** Serves over a WebSocket, with SPDY in it or plain. Throws ApiError when the client offers neither. */
export function servePortForwardOverWebSocket(
  env: ApiEnv,
  { pod, ports }: ForwardPlan,
  incoming: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  const header = (name: string): string | null => {
    const value = incoming.headers[name]
    return typeof value === 'string' ? value : null
  }
  const offered = (header('sec-websocket-protocol') ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  const asked = { socket, header }
  const dialect = offered.includes(TUNNEL_PROTOCOL) ? null : chooseForwardDialect(offered)
  if (dialect === null && !offered.includes(TUNNEL_PROTOCOL)) {
    throw badRequest(`no protocol of port-forward is offered: ${JSON.stringify(offered)}`)
  }
  const forward = new DemoForward(env, pod)
  try {
    if (dialect === null) {
      const link = acceptWebSocket({ ...asked, protocol: TUNNEL_PROTOCOL }, limits)
      const options = { socket: tunnelOf(link, head), head: Buffer.alloc(0), limits }
      forward.by(serveSpdyForward(options, forward))
    } else {
      forward.by(serveWebSocketForward({ ...asked, head, dialect, ports, limits }, forward))
    }
  } catch (error) {
    env.log.debug(
      { error: errorMessage(error) },
      'a port-forward of the demo cluster did not begin',
    )
    forward.closed()
    socket.destroy()
  }
}

/** One connection through a forwarded port. */
class Forwarded {
  readonly #pod: JsonObject
  readonly #port: number
  #state: 'first' | 'http' | 'echo' | 'done' = 'first'
  #head = Buffer.alloc(0)

  constructor(pod: JsonObject, port: number) {
    this.#pod = pod
    this.#port = port
  }

  answer(data: Buffer): { bytes: Buffer; last: boolean } {
    if (this.#state === 'first') {
      this.#state = HTTP_HEAD.test(data.toString('latin1')) ? 'http' : 'echo'
    }
    if (this.#state === 'echo') return { bytes: data, last: false }
    if (this.#state === 'done') return { bytes: Buffer.alloc(0), last: false }
    this.#head = Buffer.concat([this.#head, data]).subarray(0, MAX_HEAD_BYTES)
    const whole = this.#head.includes('\r\n\r\n') || this.#head.length === MAX_HEAD_BYTES
    if (!whole) return { bytes: Buffer.alloc(0), last: false }
    this.#state = 'done'
    return { bytes: this.#page(), last: true }
  }

  #page(): Buffer {
    const body = `hello from ${nameOf(this.#pod)}, port ${this.#port}\n\nThis is a demo cluster of Teleport, held in memory: nothing listens here, and this page is all there is.\n`
    return Buffer.from(
      `HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    )
  }
}
