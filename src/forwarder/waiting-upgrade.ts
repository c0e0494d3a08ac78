import type { Duplex } from 'node:stream'
import { errorMessage } from '../core/index.ts'
import { responseHeaders, statusCodes } from '../kube/index.ts'
import type { AllowedRequest } from './allowed-request.ts'
import type { RefusedUpgrade } from './ask-upgrade.ts'
import { auditRefusal, commit } from './audit-request.ts'
import type { HandlerDeps } from './deps.ts'
import { leftEarly, type RequestOutcome } from './event.ts'
import type { LiveExchange } from './live.ts'
import type { UpstreamFailure } from './ports.ts'
import { type Refusal, upstreamRefusal } from './refusal.ts'
import { refuse } from './refuse.ts'

/** An upgrade that the API server has not answered yet; it is given up when the client leaves or loses its rights. */
export class WaitingUpgrade implements LiveExchange {
  readonly #request: AllowedRequest
  readonly #socket: Duplex
  readonly #given = new AbortController()
  readonly #onLeft = (): void => {
    this.#left = true
    this.#given.abort()
  }
  #left = false
  #withdrawn: Refusal | null = null

  constructor(request: AllowedRequest, socket: Duplex) {
    this.#request = request
    this.#socket = socket
    request.exchange.onAbort(this.#onLeft)
    // Later, an end in one direction is a part of the stream.
    socket.once('end', this.#onLeft)
  }

  get signal(): AbortSignal {
    return this.#given.signal
  }

  get left(): boolean {
    return this.#left
  }

  get withdrawn(): Refusal | null {
    return this.#withdrawn
  }

  over(): void {
    this.#socket.off('end', this.#onLeft)
  }

  recheck(): void {
    this.#giveUp(this.#request.withdrawn())
  }

  sweep(nowMs: number): void {
    this.#giveUp(this.#request.overdue(nowMs, nowMs))
  }

  cut(): void {
    this.#giveUp(shuttingDown)
  }

  #giveUp(refusal: Refusal | null): void {
    if (refusal === null) return
    this.#withdrawn ??= refusal
    this.#given.abort()
  }
}

/** Tells the client why its upgrade came to nothing, if it is still there. */
export async function fail(
  deps: HandlerDeps,
  request: AllowedRequest,
  { left, withdrawn }: WaitingUpgrade,
  failure: UpstreamFailure,
): Promise<void> {
  const { exchange, connection, info, events, startedMs } = request
  const nowMs = deps.clock.now()
  if (!left && withdrawn === null) {
    deps.log.warn(
      { cluster: connection.cluster.name, code: failure.code, error: failure.message },
      'an upgrade failed at the API server',
    )
  }
  if (left) {
    deps.metrics?.requestEnded(request, leftEarly, nowMs - startedMs)
    await commit(deps, events.ended(leftEarly, nowMs))
    exchange.reset()
  } else {
    const refusal = withdrawn ?? upstreamRefusal(failure, connection.cluster.name)
    const outcome = { ...leftEarly, outcome: 'failed', error: refusal } as const
    const status = statusCodes[refusal.reason]
    deps.metrics?.requestEnded(request, { ...outcome, status }, nowMs - startedMs)
    await refuse(deps, exchange, events, info, refusal)
  }
}

/** Refuses an upgrade that never went up. */
export async function refuseHere(
  deps: HandlerDeps,
  request: AllowedRequest,
  refusal: Refusal,
): Promise<void> {
  const { exchange, info, events, startedMs } = request
  const status = statusCodes[refusal.reason]
  const outcome = { ...leftEarly, outcome: 'denied', error: refusal, status } as const
  deps.metrics?.requestEnded(request, outcome, deps.clock.now() - startedMs)
  await refuse(deps, exchange, events, info, refusal)
}

export const shuttingDown: Refusal = {
  code: 'SHUTTING_DOWN',
  reason: 'ServiceUnavailable',
  message: 'the service is being stopped: try again',
}

/** What the API server answered instead of an upgrade. */
export async function relay(
  deps: HandlerDeps,
  request: AllowedRequest,
  { status, rawHeaders, body }: RefusedUpgrade,
): Promise<void> {
  const { exchange, info, events, startedMs } = request
  const nowMs = deps.clock.now()
  const outcome: RequestOutcome = {
    outcome: 'done',
    status,
    bytesSent: body.length,
    bytesReceived: 0,
    error: null,
  }
  deps.metrics?.requestEnded(request, outcome, nowMs - startedMs)
  const written = await commit(deps, events.ended(outcome, nowMs))
  if (exchange.closed) return
  if (!written) {
    await refuse(deps, exchange, events, info, auditRefusal)
    return
  }
  exchange.respond(status, withoutLength(responseHeaders(rawHeaders)), false)
  exchange.end(body)
}

function withoutLength(headers: readonly string[]): string[] {
  const kept: string[] = []
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? ''
    if (name.toLowerCase() !== 'content-length') kept.push(name, headers[index + 1] ?? '')
  }
  return kept
}

const UPSTREAM_CODES: ReadonlySet<string> = new Set([
  'UPSTREAM_UNREACHABLE',
  'UPSTREAM_TLS',
  'UPSTREAM_CREDENTIALS',
  'UPSTREAM_RESET',
  'ABORTED',
])

export function failureOf(error: unknown): UpstreamFailure {
  const code =
    typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : ''
  return UPSTREAM_CODES.has(code)
    ? { code: code as UpstreamFailure['code'], message: errorMessage(error), cause: error }
    : { code: 'UPSTREAM_RESET', message: errorMessage(error), cause: error }
}
