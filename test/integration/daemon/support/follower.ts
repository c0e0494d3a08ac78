import type { ClientRequest } from 'node:http'
import { request } from 'node:https'
import type { Estate } from './estate.ts'

const AGAIN_MS = 200

/** An answer without an end that is asked for anew whenever it ends, as caches and `kubectl logs -f` in a loop do. */
abstract class Endless implements Disposable {
  readonly cluster: string
  /** How often it was answered. */
  begun = 0
  readonly #estate: Estate
  readonly #path: string
  #request: ClientRequest | null = null
  #stopped = false

  constructor(estate: Estate, cluster: string, path: string) {
    this.#estate = estate
    this.cluster = cluster
    this.#path = path
    void this.#follow()
  }

  protected abstract line(line: string): void

  async #follow(): Promise<void> {
    while (!this.#stopped) {
      await this.#once()
      // Two hundred that lost one proxy do not come back in one moment.
      await new Promise((done) => setTimeout(done, AGAIN_MS * (1 + Math.random())))
    }
  }

  #once(): Promise<void> {
    const { port, tls } = this.#estate.door(this.cluster)
    const { promise, resolve } = Promise.withResolvers<void>()
    const asked = request(
      { host: '127.0.0.1', port, path: this.#path, agent: false, ...tls },
      (answer) => {
        answer.on('error', () => {})
        if (answer.statusCode !== 200) {
          answer.resume()
          return
        }
        this.begun += 1
        let rest = ''
        answer.setEncoding('utf8')
        answer.on('data', (text: string) => {
          const lines = (rest + text).split('\n')
          rest = lines.pop() ?? ''
          for (const line of lines) this.line(line)
        })
      },
    )
    this.#request = asked
    asked.on('error', () => {})
    asked.once('close', resolve)
    asked.end()
    return promise
  }

  [Symbol.dispose](): void {
    this.#stopped = true
    this.#request?.destroy()
  }
}

interface WatchLine {
  readonly type: string
  readonly object: {
    readonly metadata?: { readonly name?: string }
    readonly data?: Readonly<Record<string, string>>
    readonly code?: number
  }
}

/** A watch of what an estate marks in a cluster; what is another cluster's is kept. */
export class Follower extends Endless {
  /** Objects of another cluster than the one that was asked. */
  readonly wrong: unknown[] = []
  /** Codes of the errors with which watches ended. */
  readonly errors: number[] = []
  readonly #seen = new Set<string>()

  constructor(estate: Estate, cluster: string) {
    super(estate, cluster, '/api/v1/namespaces/default/configmaps?watch=true&labelSelector=mark')
  }

  has(name: string): boolean {
    return this.#seen.has(name)
  }

  protected override line(line: string): void {
    const { type, object } = JSON.parse(line) as WatchLine
    if (type === 'ERROR') this.errors.push(object.code ?? 0)
    else if (object.data?.['cluster'] === this.cluster) this.#seen.add(object.metadata?.name ?? '')
    else this.wrong.push(object)
  }
}

/** The log of a pod, followed. */
export class LogFollower extends Endless {
  lines = 0

  constructor(estate: Estate, cluster: string, pod: { namespace: string; name: string }) {
    super(
      estate,
      cluster,
      `/api/v1/namespaces/${pod.namespace}/pods/${pod.name}/log?follow=true&tailLines=1`,
    )
  }

  protected override line(): void {
    this.lines += 1
  }
}
