import type { RequestInfo } from '../../kube/index.ts'
import type { PodFacts } from '../ports.ts'
import { queryOf } from '../target-query.ts'

/** What a session goes to, as the audit log and recordings tell. */
export interface SessionTarget {
  readonly namespace: string
  readonly pod: string
  readonly container: string
  readonly node: string
  readonly image: string
}

/** `pod` is what the API server tells; what the request does not name is what the API server takes. */
export function sessionTarget(
  info: RequestInfo,
  target: string,
  pod: PodFacts | null,
): SessionTarget {
  const named = queryOf(target).get('container') ?? ''
  const container = named === '' ? (pod?.defaultContainer ?? '') : named.slice(0, MAX_NAME_CHARS)
  const { namespace, name } = info.kind === 'resource' ? info : { namespace: null, name: null }
  return {
    namespace: (namespace ?? '').slice(0, MAX_NAME_CHARS),
    pod: (name ?? '').slice(0, MAX_NAME_CHARS),
    container,
    node: pod?.node ?? '',
    image: pod?.images.get(container) ?? '',
  }
}

/** RFC 1123; an API server runs nothing in what has a longer name. */
const MAX_NAME_CHARS = 253

/** The words of an exec's command; none for an attach. */
export const commandOf = (target: string): readonly string[] => queryOf(target).getAll('command')
