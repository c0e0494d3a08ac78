import type { ResourceRequest } from '../../kube/index.ts'
import type { ApiEnv } from '../api/env.ts'
import type { DemoRequest } from '../api/exchange.ts'
import { containerOf } from '../api/log.ts'
import { Query } from '../api/query.ts'
import { readOne } from '../api/read.ts'
import { badRequest, noSuchPath } from '../api-error.ts'
import { at, type JsonObject, listAt, textAt } from '../json.ts'
import { pods } from '../resources/pods.ts'

/** What a stream into a pod is to be. */
export interface SessionPlan {
  readonly kind: 'exec' | 'attach'
  readonly pod: JsonObject
  readonly container: JsonObject
  /** Empty for an attach to a container without a command of its own. */
  readonly argv: readonly string[]
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  readonly tty: boolean
}

export type StreamPlan =
  | SessionPlan
  | { readonly kind: 'portforward'; readonly pod: JsonObject; readonly ports: readonly number[] }

/** Reads what is asked of a pod, and judges whether it can be. Throws ApiError. */
export function planStream(env: ApiEnv, info: ResourceRequest, request: DemoRequest): StreamPlan {
  if (info.resource !== 'pods' || info.apiGroup !== '') throw noSuchPath()
  const pod = readOne(env, pods, info.namespace, info.name)
  const query = new Query(request.target)
  const phase = textAt(pod, 'status', 'phase')
  if (phase === 'Succeeded' || phase === 'Failed') {
    throw badRequest(`cannot exec into a container in a completed pod; current phase is ${phase}`)
  }
  if (phase !== 'Running') {
    throw badRequest(`pod ${info.name} does not run yet; current phase is ${phase}`)
  }
  if (info.verb === 'portforward') {
    return { kind: 'portforward', pod, ports: query.all('ports').map(Number) }
  }
  const name = containerOf(pod, query.text('container'))
  const container = listAt(pod, 'spec', 'containers').find((item) => textAt(item, 'name') === name)
  const plan = {
    pod,
    container: container as JsonObject,
    stdin: query.flag('stdin'),
    stdout: query.flag('stdout'),
    stderr: query.flag('stderr'),
    tty: query.flag('tty'),
  }
  if (!plan.stdin && !plan.stdout && !plan.stderr) {
    throw badRequest('you must specify at least 1 of stdin, stdout, stderr')
  }
  if (info.verb === 'attach') {
    return {
      ...plan,
      kind: 'attach',
      argv: commandOf(plan.container),
      tty: plan.tty && at(plan.container, 'tty') === true,
    }
  }
  const argv = query.all('command')
  if (argv.length === 0) throw badRequest('you must specify at least 1 command for the container')
  return { ...plan, kind: 'exec', argv }
}

/** What a container was told to run. */
export const commandOf = (container: JsonObject): readonly string[] =>
  [...listAt(container, 'command'), ...listAt(container, 'args')].filter(
    (word) => typeof word === 'string',
  )
