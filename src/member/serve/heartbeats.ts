import type { HeartbeatRequest, KubeHealth } from '../../contract/index.ts'
import { errorMessage, type Logger } from '../../core/index.ts'
import type { MemberCall } from '../ports.ts'

/** A cluster that is served, as of now. */
export interface BeatCluster {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly unknownLabels: readonly string[]
  readonly health: KubeHealth
  readonly problem: string | null
  /** Milliseconds since the epoch. */
  readonly sinceMs: number
  readonly kubernetesVersion: string | null
  /** It is served because of a kube_cluster resource. */
  readonly dynamic: boolean
}

/**
 * Says what is served, one call at a time: what changes while a call is underway is said by the next. Nothing here rejects,
 * since a service serves as well while nobody hears of it.
 */
export class Heartbeats {
  readonly #call: MemberCall
  readonly #version: string
  readonly #address: string | null
  readonly #log: Logger
  readonly #onRefused: (names: ReadonlySet<string>) => void
  #next: HeartbeatRequest | null = null
  #sending: Promise<void> | null = null
  #failing = false
  #refused: ReadonlySet<string> = new Set()

  constructor(options: {
    readonly call: MemberCall
    readonly version: string
    /** host:port where proxies reach us; null when we dial out. */
    readonly address: string | null
    readonly log: Logger
    /** Hears of names that are another's. */
    readonly onRefused: (names: ReadonlySet<string>) => void
  }) {
    this.#call = options.call
    this.#version = options.version
    this.#address = options.address
    this.#log = options.log
    this.#onRefused = options.onRefused
  }

  /** Resolves when it was said, or could not be said. */
  announce(clusters: readonly BeatCluster[]): Promise<void> {
    this.#next = {
      version: this.#version,
      address: this.#address,
      clusters: clusters.map((cluster) => ({
        name: cluster.name,
        // Of those that somebody wrote down they are not ours to say, and may be more than a call holds.
        labels: cluster.dynamic ? {} : { ...cluster.labels },
        unknown_labels: [...cluster.unknownLabels],
        health: cluster.health,
        problem: cluster.problem,
        since: new Date(cluster.sinceMs).toISOString(),
        kubernetes_version: cluster.kubernetesVersion,
        dynamic: cluster.dynamic,
      })),
    }
    this.#sending ??= this.#send().finally(() => {
      this.#sending = null
    })
    return this.#sending
  }

  /** Whether a name turned out to be another's when it was announced last. */
  isForeign(name: string): boolean {
    return this.#refused.has(name)
  }

  withdraw(): Promise<void> {
    return this.announce([])
  }

  async #send(): Promise<void> {
    for (let beat = this.#next; beat !== null; beat = this.#next) {
      this.#next = null
      try {
        const { refused } = await this.#call('member.heartbeat', { body: beat })
        this.#failing = false
        this.#say(refused)
      } catch (error) {
        if (!this.#failing) {
          this.#log.warn(
            { error: errorMessage(error) },
            'the auth service does not hear which kubernetes clusters are served: trying on',
          )
        }
        this.#failing = true
      }
    }
  }

  /** Each name that is not ours, once. */
  #say(refused: readonly { readonly name: string; readonly message: string }[]): void {
    for (const { name, message } of refused) {
      if (this.#refused.has(name)) continue
      this.#log.error({ cluster: name, reason: message }, 'a cluster is not announced')
    }
    this.#refused = new Set(refused.map(({ name }) => name))
    if (this.#refused.size > 0) this.#onRefused(this.#refused)
  }
}
