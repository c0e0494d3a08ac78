import { type Readable, Transform } from 'node:stream'
import { errorMessage } from '../core/index.ts'
import { responseHeaders, type StatusReason, watchErrorEvent } from '../kube/index.ts'
import type { AllowedRequest } from './allowed-request.ts'
import { auditRefusal, auditRefusalAfterwards, commit, noteCut } from './audit-request.ts'
import type { HandlerDeps } from './deps.ts'
import type { RequestOutcome } from './event.ts'
import type { LiveExchange } from './live.ts'
import type { UpstreamExchange, UpstreamFailure, UpstreamSink } from './ports.ts'
import { headerOf } from './raw-headers.ts'
import {
  answerOf,
  headersOf,
  isProxied,
  notAccepted,
  type Refusal,
  type RefusalCode,
  upstreamRefusal,
} from './refusal.ts'

/** Sends a request up and streams its answer back, each way no faster than the slower side takes it. */
export function forward(deps: HandlerDeps, request: AllowedRequest): void {
  new Forwarding(deps, request).start()
}

/**
 * One exchange with the API server. The last piece of an answer waits until its audit event is written, so nobody has a
 * whole answer that the audit log does not know of.
 */
class Forwarding implements UpstreamSink, LiveExchange {
  readonly #deps: HandlerDeps
  readonly #request: AllowedRequest
  #upstream: UpstreamExchange | null = null
  #status = 0
  #headers: readonly string[] = []
  #headSent = false
  /** The client takes no more at present. */
  #isFull = false
  /** Between two lines of the answer: what follows is read as a line of its own. */
  #isBetweenLines = true
  /** When the client was last heard. */
  #heardMs: number
  /** Bytes that are still to come by the answer's Content-Length; null when it has none. */
  #expected: number | null = null
  #held: Buffer | null = null
  #bytesSent = 0
  #bytesReceived = 0
  #withdrawn: Refusal | null = null
  /** Why we gave the answer up, when that is the API server's fault. */
  #failure: UpstreamFailure | null = null
  #finished = false
  #leave = (): void => {}

  constructor(deps: HandlerDeps, request: AllowedRequest) {
    this.#deps = deps
    this.#request = request
    this.#heardMs = request.startedMs
  }

  get resumable(): boolean {
    return this.#request.info.verb === 'watch'
  }

  start(): void {
    const { exchange, target, info, headers, connection } = this.#request
    this.#leave = this.#deps.live.enter(this)
    exchange.onAbort(() => this.#upstream?.abort())
    exchange.onDrain(() => {
      this.#isFull = false
      this.#upstream?.resume()
    })
    this.#upstream = connection.cluster.upstream.send(
      {
        user: this.#request.user,
        method: exchange.method,
        target,
        headers,
        body: exchange.body === null ? null : this.#counted(exchange.body),
        longRunning: info.longRunning,
      },
      this,
    )
  }

  head(status: number, headers: readonly string[]): void {
    if (status === 401 && !isProxied(this.#request.info)) {
      this.#failure = notAccepted
      this.#upstream?.abort()
      return
    }
    this.#status = status
    this.#headers = responseHeaders(headers)
    this.#expected = contentLength(this.#headers)
    // An answer of unknown length may have its first byte in an hour: the client must see the head now.
    if (this.#expected === null && this.#mayHaveBody()) this.#sendHead(true)
  }

  data(chunk: Buffer): boolean {
    this.#bytesSent += chunk.length
    if (this.#expected !== null) {
      this.#expected -= chunk.length
      if (this.#expected === 0) {
        this.#held = Buffer.from(chunk)
        return true
      }
    }
    this.#sendHead(false)
    this.#isBetweenLines = chunk.at(-1) === LINE_FEED
    this.#isFull = !this.#request.exchange.write(chunk)
    return !this.#isFull
  }

  end(): void {
    this.#finish({ outcome: 'done', error: null })
      .then((written) => {
        const { exchange } = this.#request
        if (exchange.closed) return
        if (!written) {
          this.#answerInstead(this.#request.info.mutating ? auditRefusalAfterwards : auditRefusal)
          return
        }
        this.#sendHead(false)
        exchange.end(this.#held)
      })
      .catch((error: unknown) => this.#unsayable(error))
  }

  error(reported: UpstreamFailure): void {
    const { exchange, connection } = this.#request
    const failure = this.#failure ?? reported
    if (failure.code !== 'ABORTED') {
      this.#deps.log.warn(
        { cluster: connection.cluster.name, code: failure.code, error: failure.message },
        'the API server did not answer a request to its end',
      )
    }
    const withdrawn = this.#withdrawn
    const aborted = failure.code === 'ABORTED'
    const refusal = withdrawn ?? upstreamRefusal(failure, connection.cluster.name)
    if (!this.#headSent && !exchange.closed) this.#status = answerOf(refusal, false).status
    this.#finish({
      outcome: aborted ? 'aborted' : 'failed',
      error: refusal,
    })
      .then((written) => {
        if (exchange.closed) return
        this.#answerInstead(written ? refusal : auditRefusal)
      })
      .catch((thrown: unknown) => this.#unsayable(thrown))
  }

  recheck(): void {
    const refusal = this.#request.withdrawn()
    if (refusal !== null) this.#cut(refusal)
  }

  sweep(nowMs: number): void {
    const refusal = this.#request.overdue(nowMs, this.#heardMs)
    if (refusal !== null) this.#cut(refusal)
  }

  cut(): void {
    this.#cut({
      code: 'SHUTTING_DOWN',
      reason: 'ServiceUnavailable',
      message: 'the service is being stopped: try again',
    })
  }

  #cut(refusal: Refusal): void {
    if (this.#finished || this.#withdrawn !== null) return
    this.#withdrawn = refusal
    noteCut(this.#deps, this.#request, refusal)
    this.#upstream?.abort()
  }

  /** An API server can answer what our HTTP library refuses to say; that must not end the process. */
  #unsayable(error: unknown): void {
    this.#deps.log.error({ error: errorMessage(error) }, 'an answer could not be passed on')
    this.#request.exchange.reset()
  }

  /** A refusal where nothing was sent yet; else the break that tells the client that its answer is not whole. */
  #answerInstead(refusal: Refusal): void {
    const { exchange, info } = this.#request
    if (this.#headSent) {
      if (this.resumable) this.#endWatch(refusal)
      else exchange.reset()
      return
    }
    const answer = answerOf(refusal, info.kind === 'nonResource' && info.discovery)
    const body = Buffer.from(answer.body, 'utf8')
    this.#headSent = true
    // A change may have been carried out already, and must not be made twice by a client that asks again.
    const retryAfterS = refusal.code === 'SHUTTING_DOWN' && !info.mutating ? 1 : answer.retryAfterS
    exchange.respond(
      answer.status,
      [...headersOf({ ...answer, retryAfterS }), 'content-length', String(body.length)],
      false,
    )
    exchange.end(exchange.method === 'HEAD' ? null : body)
  }

  #endWatch(refusal: Refusal): void {
    const { exchange } = this.#request
    if (RESUMABLE.has(refusal.code)) {
      // As an API server ends a watch when its time is over: clients go on from where they were, and do not read all anew.
      exchange.end(null)
    } else if (this.#takesLines()) {
      // After an error inside the API server clients ask again from where they were (client-go, RetryWatcher and reflector).
      const event = this.#withdrawn === null ? { ...refusal, reason: RETRYABLE } : refusal
      exchange.end(Buffer.from(watchErrorEvent(event), 'utf8'))
    } else {
      exchange.reset()
      return
    }
    // Who does not read keeps nothing alive.
    const timer = setTimeout(() => exchange.reset(), LINGER_MS)
    exchange.onClosed(() => clearTimeout(timer))
  }

  /** Whether one more line is read as an event of the watch: what API servers call JSON is one event a line. */
  #takesLines(): boolean {
    return (
      this.#status === 200 &&
      this.#expected === null &&
      !this.#isFull &&
      this.#isBetweenLines &&
      /^application\/json\s*(;|$)/i.test(headerOf(this.#headers, 'content-type') ?? '') &&
      headerOf(this.#headers, 'content-encoding') === null
    )
  }

  #sendHead(flush: boolean): void {
    if (this.#headSent) return
    this.#headSent = true
    this.#request.exchange.respond(this.#status, this.#headers, flush)
  }

  /** Writes the final event, once. True when the answer may be finished. */
  async #finish(result: {
    outcome: 'done' | 'failed' | 'aborted'
    error: RequestOutcome['error']
  }): Promise<boolean> {
    if (this.#finished) return false
    this.#finished = true
    const { deps, request } = { deps: this.#deps, request: this.#request }
    this.#leave()
    const nowMs = deps.clock.now()
    const outcome: RequestOutcome = {
      ...result,
      status: this.#status,
      bytesSent: this.#bytesSent,
      bytesReceived: this.#bytesReceived,
    }
    deps.metrics?.requestEnded(request, outcome, nowMs - request.startedMs)
    if (!request.audited && result.outcome === 'done') return true
    return commit(deps, request.events.ended(outcome, nowMs))
  }

  #mayHaveBody(): boolean {
    return this.#request.exchange.method !== 'HEAD' && this.#status !== 204 && this.#status !== 304
  }

  /** The request's body, counted on its way. */
  #counted(body: Readable): Readable {
    const counter = new Transform({
      // What waits does so in the body, where it is counted; here it would wait twice more, in pieces of any size.
      highWaterMark: 1024,
      transform: (chunk: Buffer, _encoding, done) => {
        this.#bytesReceived += chunk.length
        this.#heardMs = this.#deps.clock.now()
        done(null, chunk)
      },
    })
    body.on('error', (error) => counter.destroy(error))
    body.once('close', () => {
      if (!body.readableEnded) counter.destroy(new Error('the client broke off its request'))
    })
    counter.on('error', () => {})
    return body.pipe(counter)
  }
}

const LINE_FEED = 0x0a
/** For the last words of a watch to arrive. */
const LINGER_MS = 2000
const RETRYABLE: StatusReason = 'InternalError'
/** Ends of a watch after which its client may ask again from where it was. */
const RESUMABLE: ReadonlySet<RefusalCode> = new Set(['SHUTTING_DOWN', 'CLIENT_IDLE'])

function contentLength(headers: readonly string[]): number | null {
  const text = headerOf(headers, 'content-length')
  if (text === null) return null
  const length = Number(text)
  return Number.isSafeInteger(length) && length >= 0 ? length : null
}
