import type { KubeWatch } from '../../../support/kube-client.ts'
import type { Estate } from './estate.ts'

const PATH = '/api/v1/namespaces/default/configmaps?watch=true'
const AGAIN_MS = 150

/** A watch that begins anew whenever it ends, as clients' caches do, and keeps what does not belong to its cluster. */
export class Follower implements Disposable {
  readonly cluster: string
  /** Objects of another cluster than the one that was asked. */
  readonly wrong: unknown[] = []
  /** How often it had to begin. */
  begun = 0
  readonly #estate: Estate
  readonly #seen = new Set<string>()
  #watch: KubeWatch | null = null
  #stopped = false

  constructor(estate: Estate, cluster: string) {
    this.#estate = estate
    this.cluster = cluster
    void this.#follow()
  }

  has(name: string): boolean {
    return this.#seen.has(name)
  }

  async #follow(): Promise<void> {
    while (!this.#stopped) {
      using client = this.#estate.person(this.cluster)
      using watch = client.watch(PATH)
      this.#watch = watch
      this.begun += 1
      watch.onEvent(({ object }) => this.#take(object))
      await watch.ended
      await new Promise((done) => setTimeout(done, AGAIN_MS))
    }
  }

  #take(object: { metadata?: { name?: string }; data?: { cluster?: string } }): void {
    // The cluster's own certificate authority is no mark of ours.
    if (object.data?.cluster === undefined) return
    if (object.data.cluster === this.cluster) this.#seen.add(object.metadata?.name ?? '')
    else this.wrong.push(object)
  }

  [Symbol.dispose](): void {
    this.#stopped = true
    this.#watch?.[Symbol.dispose]()
  }
}
