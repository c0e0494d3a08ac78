import { once } from 'node:events'
import type { Socket } from 'node:net'
import { type Clock, errorCode, errorMessage, followSignals, type Logger } from '../core/index.ts'
import { Connections } from './connections.ts'
import { type Credential, type Credentials, openCredentials } from './credentials/credentials.ts'
import type { TlsMaterial } from './credentials/tls-material.ts'
import { describePod } from './describe-pod.ts'
import { isUpstreamFailure, upstreamFailure } from './errors.ts'
import { defaultUpstreamLimits, type UpstreamLimits } from './limits.ts'
import { findExcess, type Probe, probe, type SelfCheckReport, selfCheck } from './self-check.ts'
import { type Heard, heardOn, silentSince } from './silence.ts'
import type { KubeTarget } from './target.ts'
import { dial, Resumption } from './transport/dial.ts'
import { Exchange } from './transport/exchange.ts'
import type {
  PodFacts,
  UpgradeConnection,
  Upstream,
  UpstreamExchange,
  UpstreamFailure,
  UpstreamRequest,
  UpstreamSink,
} from './types.ts'

export interface OpenUpstreamOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly limits?: Partial<UpstreamLimits>
}

/** An upstream with its life in the caller's hands. */
export interface OpenUpstream extends Upstream, AsyncDisposable {
  readonly name: string
  /** Asks the API server what our credentials may do. Never throws. */
  selfCheck(): Promise<SelfCheckReport>
  /** Asks it which rights they have that they should not, in words; null when it cannot be told. Never throws. */
  findExcess(): Promise<readonly string[] | null>
  /**
   * Asks the API server whether it is ready. Never throws. When it says nothing at all, not on a fresh connection either,
   * those that are as silent are broken: TCP may wait a quarter of an hour, and HTTP/1.1 has nothing to ask with.
   */
  probe(): Promise<Probe>
}

/**
 * Opens a cluster. No connection is made and no plugin run before the first request. Disposing breaks what is underway.
 */
export function openUpstream(target: KubeTarget, options: OpenUpstreamOptions): OpenUpstream {
  return new TargetUpstream(target, options)
}

class TargetUpstream implements OpenUpstream {
  readonly name: string
  readonly #target: KubeTarget
  readonly #clock: Clock
  readonly #log: Logger
  readonly #limits: UpstreamLimits
  readonly #credentials: Credentials
  readonly #closing = new AbortController()
  readonly #retired = new Set<Connections>()
  readonly #resumption = new Resumption()
  #connections: Connections | null = null
  #tls: TlsMaterial | null = null

  constructor(target: KubeTarget, { clock, log, limits }: OpenUpstreamOptions) {
    this.name = target.name
    this.#target = target
    this.#clock = clock
    this.#log = log.child({ cluster: target.name })
    this.#limits = { ...defaultUpstreamLimits, ...limits }
    this.#credentials = openCredentials(target, { clock, log: this.#log, limits: this.#limits })
    if (target.secure && target.insecureSkipTlsVerify) {
      this.#log.warn(
        {},
        "the API server's certificate is not checked: insecure-skip-tls-verify is set",
      )
    }
    if (!target.secure) this.#log.warn({}, 'the API server is reached without TLS')
  }

  send(request: UpstreamRequest, sink: UpstreamSink): UpstreamExchange {
    assertOwnHeadersAbsent(request.headers)
    let used: Credential | null = null
    const exchange = new Exchange(request, sink, (status) => {
      if (status === 401 && used !== null && !mayBeProxied(request.target)) {
        this.#credentials.refused(used)
      }
    })
    const start = (credential: Credential): void => {
      used = credential
      if (!exchange.settled) this.#start(exchange, credential)
    }
    if (this.#closing.signal.aborted) {
      exchange.fail(closedFailure(this.name))
    } else {
      const credential = this.#credentials.current()
      if (credential instanceof Promise) {
        credential.then(start).catch((error: unknown) => exchange.fail(asFailure(error)))
      } else {
        start(credential)
      }
    }
    exchange.returned()
    return exchange
  }

  async dialForUpgrade(signal: AbortSignal): Promise<UpgradeConnection> {
    if (this.#closing.signal.aborted) throw closedFailure(this.name)
    const credential = await unlessAborted(this.#credentials.current(), signal)
    using either = followSignals([signal, this.#closing.signal])
    const socket = await dial({
      target: this.#target,
      tls: credential.tls,
      // Upgrades do not exist in HTTP/2.
      alpn: ['http/1.1'],
      // Each is a connection of its own; what can be kept alive has no need of it.
      resumption: this.#resumption,
      limits: this.#limits,
      signal: either.signal,
    })
    // An error before the caller listens must not end the process; `close` tells it then.
    socket.on('error', () => {})
    return {
      socket,
      host: this.#target.host,
      basePath: this.#target.basePath,
      authorization: credential.authorization,
      refused: () => this.#credentials.refused(credential),
    }
  }

  describePod(namespace: string, name: string): Promise<PodFacts | null> {
    return describePod(this, namespace, name)
  }

  selfCheck(): Promise<SelfCheckReport> {
    return selfCheck(this, this.#limits.selfCheckTimeoutMs)
  }

  findExcess(): Promise<readonly string[] | null> {
    return findExcess(this, this.#limits.selfCheckTimeoutMs)
  }

  async probe(): Promise<Probe> {
    const { silenceMs, probeTimeoutMs } = this.#limits
    const heard = heardOn(this.#sockets())
    const deadlineMs = this.#clock.now() + silenceMs
    const found = await probe(this, probeTimeoutMs)
    if (found.kind === 'unreachable' && heard.size > 0) {
      // A process that stood still, and a clock that was set, leave as much time to a fresh connection.
      const restMs = Math.max(silenceMs - probeTimeoutMs, deadlineMs - this.#clock.now())
      void this.#breakSilent(heard, restMs)
    }
    return found
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    const all = [...this.#retired, ...(this.#connections === null ? [] : [this.#connections])]
    await Promise.all(all.map((connections) => connections[Symbol.asyncDispose]()))
  }

  *#sockets(): Iterable<Socket> {
    for (const connections of this.#retired) yield* connections.sockets
    if (this.#connections !== null) yield* this.#connections.sockets
  }

  /** Breaks what has been silent all the while when a fresh connection is not answered in the rest of the time either. */
  async #breakSilent(heard: Heard<Socket>, restMs: number): Promise<void> {
    const closing = this.#closing.signal
    using until = followSignals([AbortSignal.timeout(restMs), closing])
    const over = until.signal
    if (await this.#answers(over)) return
    if (!over.aborted) await once(over, 'abort')
    // Our own process may have been busy: what has arrived by now is read before the verdict.
    await new Promise((resolve) => setImmediate(resolve))
    const dead = closing.aborted ? [] : silentSince(heard)
    if (dead.length === 0) return
    this.#log.warn(
      { connections: dead.length },
      'the API server has gone silent: connections to it are broken',
    )
    const words = `no sign of life for ${this.#limits.silenceMs / 1000} s, and no answer to a fresh connection`
    for (const socket of dead) socket.destroy(new Error(words))
  }

  /** Whether anything comes back on a fresh connection; who refuses it is there as well. */
  async #answers(signal: AbortSignal): Promise<boolean> {
    const options = { target: this.#target, tls: this.#tls, limits: this.#limits, signal }
    try {
      const socket = await dial({ ...options, alpn: ['http/1.1'] })
      socket.destroy()
      return true
    } catch (error) {
      const { code, cause } = asFailure(error)
      return code === 'UPSTREAM_TLS' || REFUSALS.has(errorCode(cause) ?? '')
    }
  }

  #start(exchange: Exchange, credential: Credential): void {
    const { request } = exchange
    const headers = [...request.headers]
    if (credential.authorization !== null) headers.push('authorization', credential.authorization)
    const path = `${this.#target.basePath}${request.target}`
    this.#connectionsWith(credential.tls).send(exchange, path, headers)
  }

  /** Connections with today's certificates. Those with older ones end by themselves when their requests do. */
  #connectionsWith(tls: TlsMaterial | null): Connections {
    if (this.#connections !== null && this.#tls === tls) return this.#connections
    if (this.#connections !== null) this.#retire(this.#connections)
    this.#tls = tls
    this.#connections = new Connections({
      target: this.#target,
      tls,
      limits: this.#limits,
      clock: this.#clock,
      log: this.#log,
    })
    return this.#connections
  }

  #retire(connections: Connections): void {
    this.#log.info({}, 'certificates changed: new connections are made with the new ones')
    this.#retired.add(connections)
    connections
      .drain()
      .catch((error: unknown) => {
        this.#log.debug({ error: errorMessage(error) }, 'old connections did not end cleanly')
      })
      .finally(() => this.#retired.delete(connections))
  }
}

/** What a machine says that is there. */
const REFUSALS: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE'])

/** Whoever has left does not wait for a plugin; it runs on, for the next. */
function unlessAborted<T>(value: T | Promise<T>, signal: AbortSignal): T | Promise<T> {
  if (!(value instanceof Promise)) return value
  const aborted = (): Error => upstreamFailure('ABORTED', 'the request was aborted')
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(aborted())
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
    value.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

/** A mistake in the program that calls, and a dangerous one: a client's credential must not reach the API server. */
function assertOwnHeadersAbsent(headers: readonly string[]): void {
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? ''
    const ours =
      (name.length === 13 && name.toLowerCase() === 'authorization') ||
      (name.length === 4 && name.toLowerCase() === 'host')
    if (ours) throw new TypeError(`"headers" must not contain ${name}: it is set by the upstream`)
  }
}

/** Behind `…/proxy/…` a pod or node answers: its 401 says nothing about our credential. */
function mayBeProxied(target: string): boolean {
  return target.includes('/proxy')
}

function asFailure(error: unknown): UpstreamFailure {
  return isUpstreamFailure(error)
    ? error
    : upstreamFailure(
        'UPSTREAM_UNREACHABLE',
        `the request cannot be sent: ${errorMessage(error)}`,
        error,
      )
}

function closedFailure(name: string): UpstreamFailure & Error {
  return upstreamFailure('UPSTREAM_UNREACHABLE', `cluster ${name} is no longer served`)
}
