import type { Mark, Value } from './types.ts'

/** The name of our entry among `extensions`. */
export const MARK_NAME = 'teleport.kube'

const fields = {
  proxy: 'proxy',
  user: 'user',
  teleportCluster: 'teleport-cluster',
  kubeCluster: 'kube-cluster',
} as const
const PREVIOUS = 'previous-context'

export function markToValue(mark: Mark): { readonly [field: string]: Value | undefined } {
  return {
    [fields.proxy]: mark.proxy,
    [fields.user]: mark.user,
    [fields.teleportCluster]: mark.teleportCluster,
    [fields.kubeCluster]: mark.kubeCluster,
    ...(mark.previousContext === undefined ? {} : { [PREVIOUS]: mark.previousContext }),
  }
}

/** The mark in an entry's body, or null: then the entry is somebody else's. */
export function markOf(body: unknown): Mark | null {
  const extensions = record(body)?.['extensions']
  if (!Array.isArray(extensions)) return null
  const own = extensions.map(record).find((item) => item?.['name'] === MARK_NAME)
  const value = record(own?.['extension'])
  if (value === null) return null
  const text = (field: string): string | null =>
    typeof value[field] === 'string' ? value[field] : null
  const proxy = text(fields.proxy)
  const user = text(fields.user)
  const teleportCluster = text(fields.teleportCluster)
  const kubeCluster = text(fields.kubeCluster)
  if (proxy === null || user === null || teleportCluster === null || kubeCluster === null) {
    return null
  }
  const previousContext = text(PREVIOUS)
  return {
    proxy,
    user,
    teleportCluster,
    kubeCluster,
    ...(previousContext === null ? {} : { previousContext }),
  }
}

export const record = (value: unknown): Readonly<Record<string, unknown>> | null =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : null
