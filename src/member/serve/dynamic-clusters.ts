import { readFile } from 'node:fs/promises'
import { type ClusterMatcher, type ClusterMatchers, clusterMatchers } from '../../authz/index.ts'
import type { SecretCipher } from '../../ca/index.ts'
import type { KubeMatchers } from '../../contract/index.ts'
import { errorCode, errorMessage, type Logger } from '../../core/index.ts'
import { writePrivateFile } from '../../files/index.ts'
import { pause } from '../../waits/index.ts'
import type { MemberCall } from '../ports.ts'
import { retryAfterMs } from '../state/retry.ts'
import { DYNAMIC_GATHER_MS } from './limits.ts'

/** A cluster that the auth service gives this service to serve. Holds a secret, so it is never logged. */
export interface GivenCluster {
  readonly name: string
  readonly revision: string
  readonly labels: Readonly<Record<string, string>>
  readonly kubeconfig: string
}

/**
 * The dynamic clusters of this service, followed. While the auth service is away those of its last word count, also after a
 * restart: they lie in the data directory, encrypted.
 */
export class MemberDynamicClusters implements Disposable {
  readonly #options: Options
  readonly #resources: KubeMatchers
  readonly #matchers: ClusterMatchers
  readonly #stop = new AbortController()
  readonly #listeners = new Set<() => void>()
  #clusters: readonly GivenCluster[]
  #withheld = 0

  private constructor(
    options: Options,
    matchers: ClusterMatchers,
    stored: readonly GivenCluster[],
  ) {
    this.#options = options
    this.#matchers = matchers
    this.#resources = written(options.resources)
    // The configuration may ask for less than it did.
    this.#clusters = stored.filter(({ labels }) => matchers.select(labels))
  }

  /** Opens with what is on disk; the auth service is asked in the background. Throws AuthzError MATCHER_INVALID. */
  static async open(options: Options): Promise<MemberDynamicClusters> {
    const matchers = clusterMatchers(options.resources)
    const clusters = new MemberDynamicClusters(options, matchers, await readStored(options))
    void clusters.#follow()
    return clusters
  }

  current(): readonly GivenCluster[] {
    return this.#clusters
  }

  /** Calls back after each change, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** A call that waits for news is left to its end: nothing of it counts any more. */
  [Symbol.dispose](): void {
    this.#stop.abort()
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop
    const { log } = this.#options
    let failures = 0
    while (!signal.aborted) {
      try {
        await this.#ask()
        failures = 0
        await pause(DYNAMIC_GATHER_MS, signal)
      } catch (error) {
        if (signal.aborted) return
        failures += 1
        if (failures === 1) {
          log.warn(
            { error: errorMessage(error) },
            'the auth service does not tell the dynamic clusters: going on with those that are known',
          )
        }
        // Whoever is no member has no business with other people's clusters.
        if (errorCode(error) === 'MEMBER_REMOVED') await this.#take([])
        await pause(retryAfterMs(failures, Math.random()), signal)
      }
    }
  }

  async #ask(): Promise<void> {
    const known = new Map(this.#clusters.map((cluster) => [cluster.revision, cluster]))
    const named = new Map(this.#clusters.map((cluster) => [cluster.name, cluster]))
    const answer = await this.#options.call('member.kube_clusters', {
      body: { resources: this.#resources, have: [...known.keys()], withheld: this.#withheld },
    })
    if (this.#stop.signal.aborted) return
    const clusters = answer.clusters.flatMap(
      ({ name, revision, labels, kubeconfig }): GivenCluster[] => {
        if (!this.#matchers.select(labels)) return []
        const text = kubeconfig ?? known.get(revision)?.kubeconfig
        if (text !== undefined) return [{ name, revision, labels, kubeconfig: text }]
        // What did not fit in comes with the next answer; until then nobody is cut off, and who may come in is said anew.
        const before = named.get(name)
        return before === undefined ? [] : [{ ...before, labels }]
      },
    )
    this.#sayWithheld(answer.withheld)
    await this.#take(clusters)
  }

  async #take(clusters: readonly GivenCluster[]): Promise<void> {
    const before = this.#clusters
    this.#clusters = clusters
    if (stateOf(before) === stateOf(clusters)) return
    for (const listener of this.#listeners) listener()
    const { path, cipher, log } = this.#options
    try {
      await writePrivateFile(path, cipher.encrypt(PLACE, JSON.stringify({ version: 1, clusters })))
    } catch (error) {
      log.warn(
        { file: path, error: errorMessage(error) },
        'the dynamic clusters cannot be kept: without the auth service a restart would not serve them',
      )
    }
  }

  #sayWithheld(withheld: number): void {
    if (withheld > 0 && withheld !== this.#withheld) {
      this.#options.log.warn(
        { clusters: withheld },
        'dynamic clusters that kubernetes_service.resources selects are not given to this service: its join token does not allow them (tctl tokens add --kube-resources)',
      )
    }
    this.#withheld = withheld
  }
}

interface Options {
  readonly resources: readonly ClusterMatcher[]
  readonly call: MemberCall
  readonly cipher: SecretCipher
  /** The file in which they are kept. */
  readonly path: string
  readonly log: Logger
}

/** Binds the sealed text to what it is. */
const PLACE = 'member dynamic clusters v1'

async function readStored({ path, cipher, log }: Options): Promise<readonly GivenCluster[]> {
  try {
    const sealed = await readFile(path, 'utf8')
    const stored = JSON.parse(cipher.decrypt(PLACE, sealed)) as {
      readonly version: number
      readonly clusters: readonly GivenCluster[]
    }
    if (stored.version !== 1) throw new Error(`version ${stored.version} is not known`)
    return stored.clusters
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') {
      log.error(
        { file: path, error: errorMessage(error) },
        'the stored dynamic clusters are not used',
      )
    }
    return []
  }
}

const stateOf = (clusters: readonly GivenCluster[]): string =>
  JSON.stringify(clusters.map(({ name, revision, labels }) => [name, revision, labels]))

/** The contract's lists are mutable. */
const written = (resources: readonly ClusterMatcher[]): KubeMatchers =>
  resources.map(({ labels }) => ({
    labels: Object.fromEntries(
      Object.entries(labels).map(([name, values]) => [
        name,
        typeof values === 'string' ? values : [...values],
      ]),
    ),
  }))
