import { type ApiEnv, randomBelow, timeText } from '../api/env.ts'
import { at, clone, type Json, type JsonObject, listAt, objectAt, put, textAt } from '../json.ts'
import { nameOf, namespaceOf, uidOf } from '../store/store.ts'
import { DEMO_NODE, OUTPUT_ANNOTATION } from '../version.ts'
import { withCondition } from './conditions.ts'
import { isLeaving } from './owners.ts'
import { recordEvent } from './record-event.ts'

const STORAGE = 'pods.'
/** Long enough to be seen in `kubectl get -w`, short enough not to be waited for. */
const START_MS = 700
const STOP_MS = 700
/** What kubelet allows by default; the demo's node says so too. */
export const MAX_PODS_PER_NODE = 110

/** What a container did that runs once. */
export interface Outcome {
  readonly exitCode: number
  readonly output: string
}
/** Runs the command of a container that ends by itself; null when it has none that the demo knows to run. */
export type RunOnce = (pod: JsonObject, container: JsonObject) => Promise<Outcome> | null

/** Schedules pods to the demo's node and pretends to run them. Remembers only since when it has seen each. */
export class Kubelet {
  readonly #env: ApiEnv
  readonly #runOnce: RunOnce
  readonly #bound = new Map<string, number>()
  readonly #leaving = new Map<string, number>()
  readonly #outcomes = new Map<string, Outcome | 'running'>()
  readonly #changed: () => void

  /** `changed` is called when something ended by itself. */
  constructor(env: ApiEnv, runOnce: RunOnce, changed: () => void) {
    this.#env = env
    this.#runOnce = runOnce
    this.#changed = changed
  }

  /** Somebody was attached to the pod's program, and it ended. A pod that is always restarted goes on. */
  mainEnded(pod: JsonObject, exitCode: number): void {
    if (textAt(pod, 'spec', 'restartPolicy') === 'Always') return
    this.#outcomes.set(uidOf(pod), { exitCode, output: '' })
    this.#changed()
  }

  /** Gives the time at which there is something to do again, or null. */
  reconcile(): number | null {
    const { store } = this.#env
    const pods = store.list(STORAGE)
    const seen = new Set(pods.map(uidOf))
    for (const map of [this.#bound, this.#leaving, this.#outcomes]) {
      for (const uid of map.keys()) if (!seen.has(uid)) map.delete(uid)
    }
    let bound = pods.filter((pod) => textAt(pod, 'spec', 'nodeName') !== '').length
    const wakes: number[] = []
    for (const pod of pods) {
      if (isLeaving(pod)) {
        wakes.push(...this.#stop(pod))
      } else if (textAt(pod, 'spec', 'nodeName') === '') {
        if (!this.#schedule(pod, bound)) continue
        bound += 1
        wakes.push(this.#env.now() + START_MS)
      } else if (textAt(pod, 'status', 'phase') === 'Pending') {
        wakes.push(...this.#start(pod))
      } else if (textAt(pod, 'status', 'phase') === 'Running') this.#finish(pod)
    }
    return wakes.length === 0 ? null : Math.min(...wakes)
  }

  #schedule(pod: JsonObject, bound: number): boolean {
    const { store } = this.#env
    const node = store.get('nodes.', '', DEMO_NODE)
    const open = node !== null && at(node, 'spec', 'unschedulable') !== true
    const selector = objectAt(pod, 'spec', 'nodeSelector')
    const fits = Object.entries(selector).every(
      ([key, value]) => node !== null && at(node, 'metadata', 'labels', key) === value,
    )
    const why = !open
      ? '0/1 nodes are available: 1 node(s) were unschedulable.'
      : !fits
        ? "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
        : bound >= MAX_PODS_PER_NODE
          ? '0/1 nodes are available: 1 Too many pods.'
          : null
    if (why !== null) {
      this.#refuse(pod, why)
      return false
    }
    const now = timeText(this.#env.now())
    const next = clone(pod)
    put(next, ['spec', 'nodeName'], DEMO_NODE)
    const scheduled = { type: 'PodScheduled', status: 'True' } as const
    put(next, ['status', 'conditions'], withCondition([], scheduled, now, { lastProbeTime: null }))
    store.update(STORAGE, next)
    this.#bound.set(uidOf(pod), this.#env.now())
    recordEvent(this.#env, pod, {
      reason: 'Scheduled',
      message: `Successfully assigned ${namespaceOf(pod)}/${nameOf(pod)} to ${DEMO_NODE}`,
      component: 'default-scheduler',
    })
    return true
  }

  #refuse(pod: JsonObject, message: string): void {
    const said = listAt(pod, 'status', 'conditions').some(
      (condition) => textAt(condition, 'message') === message,
    )
    if (said) return
    const now = timeText(this.#env.now())
    const next = clone(pod)
    const condition = {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message,
    } as const
    put(next, ['status', 'conditions'], withCondition([], condition, now, { lastProbeTime: null }))
    this.#env.store.update(STORAGE, next)
    const component = 'default-scheduler'
    recordEvent(this.#env, pod, { type: 'Warning', reason: 'FailedScheduling', message, component })
  }

  /** First the containers are being made, then they run. */
  #start(pod: JsonObject): number[] {
    const now = this.#env.now()
    const since = this.#bound.get(uidOf(pod)) ?? now
    this.#bound.set(uidOf(pod), since)
    if (now < since + START_MS) {
      if (listAt(pod, 'status', 'containerStatuses').length === 0) this.#creating(pod)
      return [since + START_MS]
    }
    this.#run(pod)
    return []
  }

  #creating(pod: JsonObject): void {
    const now = timeText(this.#env.now())
    const next = clone(pod)
    put(next, ['status'], {
      ...objectAt(pod, 'status'),
      hostIP: NODE_IP,
      hostIPs: [{ ip: NODE_IP }],
      startTime: now,
      conditions: conditions(pod, now, false),
      containerStatuses: containersOf(pod).map((container) =>
        containerStatus(container, { waiting: { reason: 'ContainerCreating' } }, false),
      ),
    })
    this.#env.store.update(STORAGE, next)
  }

  #run(pod: JsonObject): void {
    const now = timeText(this.#env.now())
    const next = clone(pod)
    const ip = textAt(pod, 'status', 'podIP') || this.#freeIp()
    put(next, ['status'], {
      ...objectAt(pod, 'status'),
      phase: 'Running',
      hostIP: NODE_IP,
      hostIPs: [{ ip: NODE_IP }],
      podIP: ip,
      podIPs: [{ ip }],
      startTime: textAt(pod, 'status', 'startTime') || now,
      conditions: conditions(pod, now, true),
      containerStatuses: containersOf(pod).map((container) =>
        containerStatus(container, { running: { startedAt: now } }, true),
      ),
    })
    const running = this.#env.store.update(STORAGE, next)
    for (const container of containersOf(pod)) this.#tellStart(pod, container)
    this.#begin(running)
  }

  #tellStart(pod: JsonObject, container: JsonObject): void {
    const name = textAt(container, 'name')
    const image = textAt(container, 'image')
    const about = { component: 'kubelet', host: DEMO_NODE, fieldPath: `spec.containers{${name}}` }
    for (const [reason, message] of [
      ['Pulled', `Container image "${image}" is not pulled: the demo cluster pretends to have it`],
      ['Created', 'Container created'],
      ['Started', 'Container started'],
    ] as const) {
      recordEvent(this.#env, pod, { ...about, reason, message })
    }
  }

  /** A pod that is not to be restarted ends when its command does. */
  #begin(pod: JsonObject): void {
    if (textAt(pod, 'spec', 'restartPolicy') === 'Always') return
    const [container] = containersOf(pod)
    const uid = uidOf(pod)
    const running = container === undefined ? null : this.#runOnce(pod, container)
    if (running === null) return
    this.#outcomes.set(uid, 'running')
    running.then(
      (outcome) => {
        this.#outcomes.set(uid, outcome)
        this.#changed()
      },
      () => {
        this.#outcomes.set(uid, { exitCode: 137, output: '' })
        this.#changed()
      },
    )
  }

  #finish(pod: JsonObject): void {
    const outcome = this.#outcomes.get(uidOf(pod))
    if (outcome === undefined || outcome === 'running') return
    this.#outcomes.delete(uidOf(pod))
    const now = timeText(this.#env.now())
    const { exitCode, output } = outcome
    const next = clone(pod)
    const startedAt = textAt(pod, 'status', 'startTime')
    const reason = exitCode === 0 ? 'Completed' : 'Error'
    const state = { terminated: { exitCode, reason, startedAt, finishedAt: now } }
    if (output !== '') put(next, ['metadata', 'annotations', OUTPUT_ANNOTATION], output)
    put(next, ['status', 'phase'], exitCode === 0 ? 'Succeeded' : 'Failed')
    put(next, ['status', 'conditions'], conditions(pod, now, false, 'PodCompleted'))
    put(
      next,
      ['status', 'containerStatuses'],
      containersOf(pod).map((container) => containerStatus(container, state, false)),
    )
    this.#env.store.update(STORAGE, next)
  }

  #stop(pod: JsonObject): number[] {
    const now = this.#env.now()
    const uid = uidOf(pod)
    const since = this.#leaving.get(uid)
    if (since === undefined) {
      this.#leaving.set(uid, now)
      for (const container of containersOf(pod)) {
        const name = textAt(container, 'name')
        recordEvent(this.#env, pod, {
          reason: 'Killing',
          message: `Stopping container ${name}`,
          component: 'kubelet',
          host: DEMO_NODE,
          fieldPath: `spec.containers{${name}}`,
        })
      }
      return [now + STOP_MS]
    }
    if (now < since + STOP_MS) return [since + STOP_MS]
    // Somebody else holds it.
    if (listAt(pod, 'metadata', 'finalizers').length > 0) return []
    this.#env.store.remove(STORAGE, namespaceOf(pod), nameOf(pod))
    return []
  }

  #freeIp(): string {
    const taken = new Set(
      this.#env.store.list(STORAGE).map((pod) => textAt(pod, 'status', 'podIP')),
    )
    for (let tries = 0; tries < 1000; tries += 1) {
      const ip = `10.244.${randomBelow(this.#env, 256)}.${2 + randomBelow(this.#env, 252)}`
      if (!taken.has(ip)) return ip
    }
    return '10.244.0.1'
  }
}

const NODE_IP = '192.0.2.1'

const containersOf = (pod: JsonObject): JsonObject[] =>
  listAt(pod, 'spec', 'containers').filter(
    (item): item is JsonObject => typeof item === 'object' && item !== null && !Array.isArray(item),
  )

function conditions(pod: JsonObject, now: string, ready: boolean, reason?: string): Json[] {
  const why = reason ?? (ready ? null : 'ContainersNotReady')
  const judged = ready
    ? ({ status: 'True' } as const)
    : ({ status: 'False', ...(why === null ? {} : { reason: why }) } as const)
  let all: Json[] = [...listAt(pod, 'status', 'conditions')]
  for (const condition of [
    { type: 'PodReadyToStartContainers', status: ready || reason === undefined ? 'True' : 'False' },
    { type: 'Initialized', status: 'True' },
    { type: 'Ready', ...judged },
    { type: 'ContainersReady', ...judged },
    { type: 'PodScheduled', status: 'True' },
  ] as const) {
    all = withCondition(all, condition, now, { lastProbeTime: null })
  }
  return all
}

function containerStatus(container: JsonObject, state: JsonObject, ready: boolean): JsonObject {
  const image = textAt(container, 'image')
  const running = at(state, 'waiting') === undefined
  return {
    name: textAt(container, 'name'),
    image,
    imageID: running ? `demo://${image}` : '',
    ...(running ? { containerID: `demo://${textAt(container, 'name')}` } : {}),
    ready,
    started: ready,
    restartCount: 0,
    state,
    lastState: {},
  }
}
