import { errorMessage } from '../../core/index.ts'
import { upstreamFailure } from '../errors.ts'
import type { UpstreamExchange, UpstreamFailure, UpstreamRequest, UpstreamSink } from '../types.ts'

/** What moves the bytes of an exchange once it is underway. */
export interface Carrier {
  resume(): void
  /** Closes the stream or connection. Nothing more is reported to the exchange afterwards. */
  cancel(): void
}

/**
 * One request and its sink, whatever carries it. Keeps the promises of `UpstreamSink`: in order, one ending, nothing before
 * `send` has returned, nothing after the ending.
 */
export class Exchange implements UpstreamExchange {
  readonly request: UpstreamRequest
  readonly #sink: UpstreamSink
  readonly #onHead: (status: number) => void
  #carrier: Carrier | null = null
  #settled = false
  #returned = false
  #resumedMeanwhile = false

  constructor(request: UpstreamRequest, sink: UpstreamSink, onHead: (status: number) => void) {
    this.request = request
    this.#sink = sink
    this.#onHead = onHead
  }

  /** Ended, failed or aborted: whoever carries it may stop. */
  get settled(): boolean {
    return this.#settled
  }

  /** `send` has returned: the sink may be called. */
  returned(): void {
    this.#returned = true
  }

  carriedBy(carrier: Carrier): void {
    this.#carrier = carrier
  }

  resume(): void {
    if (this.#settled) return
    this.#resumedMeanwhile = true
    this.#carrier?.resume()
  }

  abort(): void {
    this.#giveUp(upstreamFailure('ABORTED', 'the request was aborted'))
  }

  head(status: number, headers: readonly string[]): void {
    if (this.#settled) return
    this.#onHead(status)
    this.#guard(() => this.#sink.head(status, headers))
  }

  /** False: the carrier pauses until `resume()`. */
  data(chunk: Buffer): boolean {
    if (this.#settled) return true
    this.#resumedMeanwhile = false
    const more = this.#guard(() => this.#sink.data(chunk)) ?? true
    return more || this.#resumedMeanwhile
  }

  end(): void {
    if (this.#settled) return
    this.#settled = true
    this.#carrier = null
    this.#sink.end()
  }

  fail(failure: UpstreamFailure): void {
    if (this.#settled) return
    this.#settled = true
    this.#carrier = null
    if (this.#returned) this.#sink.error(failure)
    else queueMicrotask(() => this.#sink.error(failure))
  }

  /** Settled before the carrier stops, so that what the carrier says about its end is not heard. */
  #giveUp(failure: UpstreamFailure): void {
    if (this.#settled) return
    const carrier = this.#carrier
    this.#settled = true
    this.#carrier = null
    carrier?.cancel()
    if (this.#returned) this.#sink.error(failure)
    else queueMicrotask(() => this.#sink.error(failure))
  }

  /** A sink that throws must not take the shared connection with it. */
  #guard<T>(call: () => T): T | undefined {
    try {
      return call()
    } catch (error) {
      const words = `the response was not taken: ${errorMessage(error)}`
      this.#giveUp(upstreamFailure('ABORTED', words, error))
      return undefined
    }
  }
}
