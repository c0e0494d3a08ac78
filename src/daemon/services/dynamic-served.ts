import { errorMessage, type Logger } from '../../core/index.ts'
import type { ServedCluster } from '../../forwarder/index.ts'
import { type KubeTarget, type OpenUpstream, targetOfResource } from '../../upstream/index.ts'
import type { DynamicCluster } from './kube-ports.ts'
import { ReplaceableUpstream } from './replaceable-upstream.ts'

export interface DynamicServed extends ServedCluster {
  readonly upstream: ReplaceableUpstream
}

interface Held {
  readonly cluster: DynamicServed
  readonly revision: string
  readonly kubeconfig: string
  readonly labels: Readonly<Record<string, string>>
}

/** What came, went, or is another one now, by name. */
export interface Changes {
  readonly added: readonly DynamicServed[]
  readonly dropped: readonly DynamicServed[]
  /** Whether anything changed at all, labels included. */
  readonly any: boolean
}

/**
 * The clusters that a kubernetes service serves because somebody wrote them down, held against what is to be served now. A cluster
 * is the same object for as long as it is served, whatever changes of it.
 */
export class DynamicServedClusters implements AsyncDisposable {
  readonly #options: Options
  readonly #held = new Map<string, Held>()
  /** Revisions that cannot be served, so that each is told once. */
  readonly #unusable = new Set<string>()

  constructor(options: Options) {
    this.#options = options
  }

  clusters(): readonly DynamicServed[] {
    return [...this.#held.values()].map(({ cluster }) => cluster)
  }

  /** Serves exactly these from now on, but for those that cannot be served. */
  apply(wanted: readonly DynamicCluster[]): Changes {
    const asked = new Set(wanted.map(keyOf))
    for (const key of this.#unusable) if (!asked.has(key)) this.#unusable.delete(key)
    const usable = wanted.flatMap((cluster) => {
      const target = this.#targetOf(cluster)
      return target === null ? [] : [{ cluster, target }]
    })
    const names = new Set(usable.map(({ cluster }) => cluster.name))
    const dropped = [...this.#held.values()].filter(({ cluster }) => !names.has(cluster.name))
    for (const { cluster } of dropped) {
      this.#held.delete(cluster.name)
      this.#options.log.info({ cluster: cluster.name }, 'a dynamic cluster is served no more')
    }
    const added: DynamicServed[] = []
    let any = dropped.length > 0
    for (const { cluster, target } of usable) {
      const before = this.#held.get(cluster.name)
      if (before !== undefined && isSame(before, cluster)) continue
      any = true
      if (before === undefined) added.push(this.#add(cluster, target))
      else this.#change(before, cluster, target)
    }
    return { added, dropped: dropped.map(({ cluster }) => cluster), any }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.clusters().map(({ upstream }) => upstream.close()))
  }

  #add(wanted: DynamicCluster, target: KubeTarget): DynamicServed {
    const { name } = wanted
    const { log, open, serverNameOf } = this.#options
    const cluster: DynamicServed = {
      name,
      serverName: serverNameOf(name),
      labels: () => this.#held.get(name)?.labels ?? wanted.labels,
      unknownLabels: () => NONE,
      upstream: new ReplaceableUpstream(open(target), log),
    }
    this.#held.set(name, { ...wanted, cluster })
    log.info({ cluster: name }, 'a dynamic cluster is served')
    return cluster
  }

  #change(before: Held, wanted: DynamicCluster, target: KubeTarget): void {
    const { log, open } = this.#options
    if (before.kubeconfig !== wanted.kubeconfig) before.cluster.upstream.replace(open(target))
    this.#held.set(wanted.name, { ...wanted, cluster: before.cluster })
    log.info({ cluster: wanted.name }, 'a dynamic cluster changed')
  }

  #targetOf(wanted: DynamicCluster): KubeTarget | null {
    const { name, kubeconfig } = wanted
    const { isTaken, log } = this.#options
    try {
      if (isTaken(name)) {
        throw new Error('the configuration of this service has a cluster of that name')
      }
      return targetOfResource(name, kubeconfig)
    } catch (error) {
      const key = keyOf(wanted)
      if (!this.#unusable.has(key)) {
        log.error(
          { cluster: name, reason: errorMessage(error) },
          'a dynamic cluster cannot be served',
        )
      }
      this.#unusable.add(key)
      return null
    }
  }
}

const keyOf = ({ name, revision }: DynamicCluster): string => `${name} ${revision}`

/** Labels may come before the kubeconfig that was written with them. */
const isSame = (before: Held, now: DynamicCluster): boolean =>
  before.revision === now.revision && JSON.stringify(before.labels) === JSON.stringify(now.labels)

const NONE: readonly string[] = []

interface Options {
  /** Names of the service's own configuration. */
  readonly isTaken: (name: string) => boolean
  readonly serverNameOf: (name: string) => string
  readonly open: (target: KubeTarget) => OpenUpstream
  readonly log: Logger
}
