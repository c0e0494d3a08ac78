import { errorMessage, type Logger } from '../../core/index.ts'
import type { Upstream, UpstreamRequest, UpstreamSink } from '../../forwarder/index.ts'
import type { OpenUpstream, Probe, SelfCheckReport } from '../../upstream/index.ts'

/**
 * The way to a cluster whose kubeconfig may change: what begins goes the way of today, what is underway stays on the one that it took,
 * which is closed when nothing is on it any more.
 */
export class ReplaceableUpstream implements Upstream {
  readonly #log: Logger
  #current: Way

  constructor(upstream: OpenUpstream, log: Logger) {
    this.#current = new Way(upstream)
    this.#log = log
  }

  send(request: UpstreamRequest, sink: UpstreamSink): ReturnType<Upstream['send']> {
    return this.#current.send(request, sink)
  }

  dialForUpgrade(signal: AbortSignal): ReturnType<Upstream['dialForUpgrade']> {
    return this.#current.dialForUpgrade(signal)
  }

  describePod(namespace: string, name: string): ReturnType<Upstream['describePod']> {
    return this.#current.ask((upstream) => upstream.describePod(namespace, name))
  }

  probe(): Promise<Probe> {
    return this.#current.ask((upstream) => upstream.probe())
  }

  selfCheck(): Promise<SelfCheckReport> {
    return this.#current.ask((upstream) => upstream.selfCheck())
  }

  findExcess(): ReturnType<OpenUpstream['findExcess']> {
    return this.#current.ask((upstream) => upstream.findExcess())
  }

  replace(upstream: OpenUpstream): void {
    const before = this.#current
    this.#current = new Way(upstream)
    this.#retire(before)
  }

  /** Closes when nothing is underway any more. */
  retire(): void {
    this.#retire(this.#current)
  }

  /** Breaks what is underway. */
  async close(): Promise<void> {
    await this.#current.upstream[Symbol.asyncDispose]()
  }

  #retire(way: Way): void {
    way.whenIdle(() => {
      Promise.resolve(way.upstream[Symbol.asyncDispose]()).catch((error: unknown) => {
        this.#log.debug({ error: errorMessage(error) }, 'a former way did not end cleanly')
      })
    })
  }
}

/** An upstream that knows how much is on it. */
class Way {
  readonly upstream: OpenUpstream
  #underway = 0
  #onIdle: (() => void) | null = null

  constructor(upstream: OpenUpstream) {
    this.upstream = upstream
  }

  send(request: UpstreamRequest, sink: UpstreamSink): ReturnType<Upstream['send']> {
    const leave = this.#enter()
    return this.upstream.send(request, {
      head: (status, headers) => sink.head(status, headers),
      data: (chunk) => sink.data(chunk),
      end: () => {
        leave()
        sink.end()
      },
      error: (error) => {
        leave()
        sink.error(error)
      },
    })
  }

  async dialForUpgrade(signal: AbortSignal): ReturnType<Upstream['dialForUpgrade']> {
    const leave = this.#enter()
    try {
      const connection = await this.upstream.dialForUpgrade(signal)
      connection.socket.once('close', leave)
      return connection
    } catch (error) {
      leave()
      throw error
    }
  }

  /** What the service asks for itself is underway as well: cut off, a cluster that changed would pass for one that is ill. */
  async ask<T>(question: (upstream: OpenUpstream) => Promise<T>): Promise<T> {
    const leave = this.#enter()
    try {
      return await question(this.upstream)
    } finally {
      leave()
    }
  }

  whenIdle(then: () => void): void {
    if (this.#underway === 0) then()
    else this.#onIdle = then
  }

  #enter(): () => void {
    this.#underway += 1
    let entered = true
    return () => {
      if (!entered) return
      entered = false
      this.#underway -= 1
      if (this.#underway === 0) this.#onIdle?.()
    }
  }
}
