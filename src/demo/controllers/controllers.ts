import { errorMessage } from '../../core/index.ts'
import type { ApiEnv } from '../api/env.ts'
import type { JsonObject } from '../json.ts'
import { reconcileDeployments } from './deployments.ts'
import { reconcileEndpoints } from './endpoints.ts'
import { collectGarbage, forgetEvents } from './garbage.ts'
import { Kubelet, type RunOnce } from './kubelet.ts'
import { reconcileNamespaces } from './namespaces.ts'
import { reconcileReplicaSets } from './replicasets.ts'

/** Changes come in bursts; one look serves them all. */
const SETTLE_MS = 20
/** After an error of ours, not at once again. */
const RETRY_MS = 5_000

/** Looks at everything whenever something changed, and again when a pod is due. */
export class Controllers {
  readonly #env: ApiEnv
  readonly #kubelet: Kubelet
  readonly #certificateAuthority: string
  readonly #stopListening: () => void
  #cancelSettle: (() => void) | null = null
  #cancelWake: (() => void) | null = null
  #closed = false
  /** The revision that the last look began with. */
  #seen = -1

  constructor(env: ApiEnv, options: { certificateAuthority: string; runOnce: RunOnce }) {
    this.#env = env
    this.#certificateAuthority = options.certificateAuthority
    this.#kubelet = new Kubelet(env, options.runOnce, () => this.#settle())
    this.#stopListening = env.store.onChange(() => this.#settle())
    this.#settle()
  }

  /** The main program of a pod's container, to which somebody was attached, ended. */
  mainEnded(pod: JsonObject, exitCode: number): void {
    this.#kubelet.mainEnded(pod, exitCode)
  }

  close(): void {
    this.#closed = true
    this.#stopListening()
    this.#cancelSettle?.()
    this.#cancelWake?.()
  }

  #settle(): void {
    if (this.#closed || this.#cancelSettle !== null) return
    this.#cancelSettle = this.#env.scheduler.after(SETTLE_MS, () => {
      this.#look()
      // What this look changed asks for the next one.
      this.#cancelSettle = null
      if (this.#seen !== this.#env.store.revision) this.#settle()
    })
  }

  #look(): void {
    this.#cancelWake?.()
    this.#cancelWake = null
    this.#seen = this.#env.store.revision
    let wake: number | null
    try {
      reconcileNamespaces(this.#env, this.#certificateAuthority)
      reconcileDeployments(this.#env)
      const available = reconcileReplicaSets(this.#env)
      const pod = this.#kubelet.reconcile()
      reconcileEndpoints(this.#env)
      collectGarbage(this.#env)
      const event = forgetEvents(this.#env)
      const due = [available, pod, event].filter((time) => time !== null)
      wake = due.length === 0 ? null : Math.min(...due)
    } catch (error) {
      this.#env.log.error({ error: errorMessage(error) }, 'a controller of the demo cluster failed')
      wake = this.#env.now() + RETRY_MS
    }
    if (wake === null || this.#closed) return
    this.#cancelWake = this.#env.scheduler.after(Math.max(0, wake - this.#env.now()), () =>
      this.#settle(),
    )
  }
}
