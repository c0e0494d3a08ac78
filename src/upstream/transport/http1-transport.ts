import type { Dispatcher } from 'undici'
import { errorCode, errorMessage } from '../../core/index.ts'
import { isUpstreamFailure, upstreamFailure } from '../errors.ts'
import type { UpstreamLimits } from '../limits.ts'
import type { UpstreamFailure } from '../types.ts'
import { Admission, type Place } from './admission.ts'
import { ClientPool, type PooledClient } from './client-pool.ts'
import { describeBroken } from './describe-broken.ts'
import { detachedBody } from './detached-body.ts'
import type { Carrier, Exchange } from './exchange.ts'
import type { Dial } from './transport.ts'

export interface Http1Options {
  readonly origin: string
  readonly cluster: string
  readonly dial: Dial
  readonly limits: UpstreamLimits
  readonly maxActive: number
}

/** Requests over pooled HTTP/1.1 connections, one at a time on each. */
export class Http1Transport implements AsyncDisposable {
  readonly #pool: ClientPool
  readonly #admission: Admission
  readonly #cluster: string
  readonly #closing = new AbortController()

  constructor({ origin, cluster, dial, limits, maxActive }: Http1Options) {
    this.#cluster = cluster
    this.#admission = new Admission({
      maxActive,
      maxOpen: limits.maxOpenRequests,
      maxWaiting: limits.maxQueuedRequests,
      userShare: limits.userShare,
    })
    // The admission bounds the connections: a queue behind it could not be left again.
    this.#pool = new ClientPool({
      origin,
      connect: (reads) => dial(['http/1.1'], this.#closing.signal, reads),
      client: {
        pipelining: 1,
        allowH2: false,
        // Watches are silent for hours and a LIST of a large cluster may take a minute to begin.
        headersTimeout: 0,
        bodyTimeout: 0,
        keepAliveTimeout: limits.keepAliveMs,
        keepAliveMaxTimeout: limits.keepAliveMs,
        maxHeaderSize: limits.maxResponseHeaderBytes,
      },
    })
  }

  send(exchange: Exchange, path: string, headers: string[]): void {
    const request = new PooledRequest(this.#pool, this.#cluster, exchange, path, headers)
    if (request.enter(this.#admission)) return
    const words = `too many requests wait for the API server of cluster ${this.#cluster}`
    exchange.fail(upstreamFailure('UPSTREAM_BUSY', words))
  }

  /** Takes no new requests; resolves when those underway have ended. */
  async drain(): Promise<void> {
    await this.#pool.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    await this.#pool.destroy()
  }
}

/** One exchange as undici's handler: bytes and back-pressure in both directions. */
class PooledRequest implements Dispatcher.DispatchHandler, Carrier {
  readonly #pool: ClientPool
  readonly #cluster: string
  readonly #exchange: Exchange
  readonly #path: string
  readonly #headers: string[]
  #place: Place | null = null
  #leaveQueue: (() => void) | null = null
  #controller: Dispatcher.DispatchController | null = null
  #pooled: PooledClient | null = null
  #answered = false
  #retried = false

  constructor(
    pool: ClientPool,
    cluster: string,
    exchange: Exchange,
    path: string,
    headers: string[],
  ) {
    this.#pool = pool
    this.#cluster = cluster
    this.#exchange = exchange
    this.#path = path
    this.#headers = headers
  }

  /** False: too many wait already. */
  enter(admission: Admission): boolean {
    this.#exchange.carriedBy(this)
    const { user, body } = this.#exchange.request
    this.#leaveQueue = admission.enter(user, (place) => {
      this.#place = place
      // undici sends nothing before the body's first piece: until the body is whole, the client is the one to wait for.
      if (body !== null) {
        place.stall()
        body.once('end', () => place.unstall())
      }
      this.#dispatch(() => this.#pool.take())
    })
    return this.#leaveQueue !== null
  }

  #dispatch(take: () => PooledClient): void {
    const { method, body } = this.#exchange.request
    try {
      this.#pooled = take()
    } catch (error) {
      this.onResponseError(null, toError(error))
      return
    }
    this.#pooled.client.dispatch(
      {
        method,
        path: this.#path,
        headers: this.#headers,
        body: body === null ? null : detachedBody(body),
        // undici would close the connection after each DELETE with a body, which is every `kubectl delete`.
        ...(method === 'HEAD' ? {} : { reset: false }),
      },
      this,
    )
  }

  resume(): void {
    this.#place?.unstall()
    this.#controller?.resume()
  }

  cancel(): void {
    this.#leaveQueue?.()
    this.#controller?.abort(new Error('aborted'))
    this.#place?.leave()
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#exchange.settled) controller.abort(new Error('aborted'))
  }

  onResponseStarted(): void {
    this.#answered = true
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (status < 200) return
    this.#inBody(true)
    this.#exchange.head(status, textPairs(controller.rawHeaders))
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#exchange.data(chunk)) return
    controller.pause()
    this.#place?.stall()
  }

  onResponseEnd(): void {
    this.#inBody(false)
    // First, so that whoever waited for the place finds the connection.
    if (this.#pooled !== null) this.#pool.give(this.#pooled)
    this.#place?.leave()
    this.#exchange.end()
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    this.#inBody(false)
    if (this.#pooled !== null) this.#pool.drop(this.#pooled)
    if (!this.#exchange.settled && this.#mayRetry(error)) {
      this.#retried = true
      // Others that waited as long may be closed as well.
      this.#dispatch(() => this.#pool.takeFresh())
      return
    }
    this.#place?.leave()
    this.#exchange.fail(describeError(error, this.#cluster))
  }

  #inBody(is: boolean): void {
    if (this.#pooled !== null) this.#pooled.reads.inBody = is
  }

  /**
   * A connection that the API server closed just as we used it. Only what is safe by definition (RFC 9110 9.2.1), has no
   * body and got not one byte of an answer is sent once more; for everything else the caller decides.
   */
  #mayRetry(error: Error): boolean {
    const { method, body } = this.#exchange.request
    const safe = (method === 'GET' || method === 'HEAD') && body === null
    const code = errorCode(error)
    return safe && !this.#answered && !this.#retried && code !== null && brokenCodes.has(code)
  }
}

const brokenCodes = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])

/** The request cannot be put into HTTP/1.1: it did not leave. */
const misuseCodes = new Set(['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED'])

function describeError(error: Error, cluster: string): UpstreamFailure {
  if (isUpstreamFailure(error)) return error
  const code = errorCode(error) ?? ''
  const words = errorMessage(error)
  if (code === 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH') {
    return upstreamFailure('ABORTED', 'the request body has another length than announced', error)
  }
  if (misuseCodes.has(code)) {
    return upstreamFailure('UPSTREAM_UNREACHABLE', `the request cannot be sent: ${words}`, error)
  }
  return describeBroken(error, cluster)
}

function textPairs(raw: Dispatcher.DispatchController['rawHeaders']): string[] {
  if (!Array.isArray(raw)) return []
  return raw.map((each) => (typeof each === 'string' ? each : each.toString('latin1')))
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
