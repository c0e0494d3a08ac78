import type { Duplex } from 'node:stream'
import type { Logger } from '../../core/index.ts'
import { headerOf } from '../../protocol/index.ts'
import type { JsonObject } from '../json.ts'
import { nameOf } from '../store/store.ts'
import { SpdyConnection } from './spdy.ts'

/** An HTTP request's head is read up to this. */
const MAX_HEAD_BYTES = 16 * 1024
const HTTP_HEAD = /^[A-Z]{3,8} \S+ HTTP\/1\.[01]\r\n/

/**
 * Forwarded ports lead nowhere, since nothing runs: an HTTP request gets one page that says so, everything else comes back
 * as it went.
 */
export function servePortForward(pod: JsonObject, socket: Duplex, head: Buffer, log: Logger): void {
  const streams = new Map<number, Forwarded>()
  const connection = new SpdyConnection(socket, head, log, (event) => {
    switch (event.kind) {
      case 'stream': {
        connection.accept(event.streamId)
        const port = Number(headerOf(event.headers, 'port') ?? '0')
        if (headerOf(event.headers, 'streamtype') === 'data') {
          streams.set(event.streamId, new Forwarded(pod, port))
        }
        return
      }
      case 'data': {
        const forwarded = streams.get(event.streamId)
        if (forwarded === undefined) return
        const { bytes, last } = forwarded.answer(event.data)
        if (bytes.length > 0 || last) void connection.data(event.streamId, bytes, last)
        return
      }
      case 'end':
      case 'reset':
        if (streams.delete(event.streamId))
          void connection.data(event.streamId, Buffer.alloc(0), true)
        return
      default:
    }
  })
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
