import type { AllowedRequest } from './allowed-request.ts'
import { commit, noteCut } from './audit-request.ts'
import type { HandlerDeps } from './deps.ts'
import type { RequestOutcome } from './event.ts'
import type { LiveExchange } from './live.ts'
import type { Refusal } from './refusal.ts'
import { shuttingDown } from './waiting-upgrade.ts'

/** An upgrade that stands: it is judged again, cut once, and counted and audited when it is over. */
export abstract class LiveUpgrade implements LiveExchange {
  protected readonly deps: HandlerDeps
  protected readonly request: AllowedRequest
  protected bytesSent = 0
  protected bytesReceived = 0
  protected withdrawn: Refusal | null = null
  protected broken: Refusal | null = null
  /** When somebody was last heard at the client's end; what programs send to keep a connection alive is nobody. */
  #heardMs: number
  #isFinished = false
  #leave = (): void => {}

  protected constructor(deps: HandlerDeps, request: AllowedRequest) {
    this.deps = deps
    this.request = request
    this.#heardMs = deps.clock.now()
  }

  recheck(): void {
    this.cutFor(this.request.withdrawn())
  }

  sweep(nowMs: number): void {
    this.cutFor(this.request.overdue(nowMs, this.#heardMs))
  }

  cut(): void {
    this.cutFor(shuttingDown)
  }

  protected get isFinished(): boolean {
    return this.#isFinished
  }

  protected enter(): void {
    this.#leave = this.deps.live.enter(this)
  }

  protected heard(): void {
    this.#heardMs = this.deps.clock.now()
  }

  /** Ends it, with words where its protocol has a place for them. */
  protected abstract end(refusal: Refusal): void

  cutFor(refusal: Refusal | null): void {
    if (refusal === null || this.withdrawn !== null || this.#isFinished) return
    this.withdrawn = refusal
    noteCut(this.deps, this.request, refusal)
    this.end(refusal)
  }

  /** True the first time. */
  protected finish(): boolean {
    if (this.#isFinished) return false
    this.#isFinished = true
    this.#leave()
    const { deps } = this
    const nowMs = deps.clock.now()
    const { events, startedMs } = this.request
    const outcome: RequestOutcome = {
      outcome: this.withdrawn !== null ? 'aborted' : this.broken !== null ? 'failed' : 'done',
      status: 101,
      bytesSent: this.bytesSent,
      bytesReceived: this.bytesReceived,
      error: this.withdrawn ?? this.broken,
    }
    deps.metrics?.requestEnded(this.request, outcome, nowMs - startedMs)
    void commit(deps, events.ended(outcome, nowMs))
    return true
  }
}
