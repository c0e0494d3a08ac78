import { fetchJson } from './fetch-json.ts'
import type { PodFacts, Upstream } from './types.ts'

/** For a person who waits for a prompt: what is not known by then is not told. */
const TIMEOUT_MS = 1_000
/** etcd keeps no larger objects. */
const MAX_POD_BYTES = 2 * 1024 * 1024

/**
 * Where a pod runs and what in it, asked with our own credentials (`get pods` of ClusterRole/teleport-impersonation), since a person who may
 * exec need not be allowed to look. Null when it is not told; never rejects.
 */
export async function describePod(
  upstream: Pick<Upstream, 'send'>,
  namespace: string,
  name: string,
): Promise<PodFacts | null> {
  const target = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}`
  try {
    const { status, body } = await fetchJson(
      upstream,
      'GET',
      target,
      null,
      TIMEOUT_MS,
      MAX_POD_BYTES,
    )
    return status === 200 ? podFactsOf(body) : null
  } catch {
    return null
  }
}

/** Null for what is no pod. */
export function podFactsOf(pod: unknown): PodFacts | null {
  const spec = fieldOf(pod, 'spec')
  if (fieldOf(pod, 'kind') !== 'Pod' || typeof spec !== 'object' || spec === null) return null
  const images = new Map<string, string>()
  for (const list of ['containers', 'initContainers', 'ephemeralContainers']) {
    const containers = fieldOf(spec, list)
    if (!Array.isArray(containers)) continue
    for (const container of containers as unknown[]) {
      const name = textOf(fieldOf(container, 'name'))
      if (name !== '' && !images.has(name)) images.set(name, textOf(fieldOf(container, 'image')))
    }
  }
  const containers = fieldOf(spec, 'containers')
  // Of several, API servers want one named; annotations are for kubectl (registry/core/pod, validateContainer).
  const [only, ...others] = Array.isArray(containers) ? (containers as unknown[]) : []
  return {
    node: textOf(fieldOf(spec, 'nodeName')),
    images,
    defaultContainer: others.length === 0 ? textOf(fieldOf(only, 'name')) : '',
  }
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && name in value
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined
