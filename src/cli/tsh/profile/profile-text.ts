import type { Access, Profile } from '../../../client/index.ts'
import { printable } from '../../format.ts'
import { instant, remaining } from '../time.ts'

/** A profile as `--format=json` and `yaml` show it; nothing secret. */
export function profileView(
  profile: Profile,
  access: Access | null,
  isCurrent: boolean,
  nowMs: number,
): Readonly<Record<string, unknown>> {
  return {
    proxy: profile.proxy,
    user: profile.user,
    current: isCurrent,
    teleport_cluster: profile.teleport_cluster,
    valid_until: instant(profile.expires_at_ms),
    expired: profile.expires_at_ms <= nowMs,
    roles: access?.roles ?? [],
    traits: access?.traits ?? {},
    kubernetes_clusters: (access?.kube_clusters ?? []).map(({ name, labels, online }) => ({
      kube_cluster_name: name,
      labels,
      online,
    })),
    kubernetes_users: everyOf(access, 'kubernetes_users'),
    kubernetes_groups: everyOf(access, 'kubernetes_groups'),
    as_of: access === null ? null : instant(access.as_of_ms),
  }
}

/** A profile as people read it, a line each. */
export function profileText(
  profile: Profile,
  access: Access | null,
  isCurrent: boolean,
  nowMs: number,
): string {
  const isExpired = profile.expires_at_ms <= nowMs
  const until = remaining(profile.expires_at_ms, nowMs)
  const clusters = access?.kube_clusters ?? []
  const lines: (readonly [string, string])[] = [
    ['Proxy', profile.proxy],
    ['Logged in as', profile.user],
    ['Cluster', profile.teleport_cluster],
    ['Roles', list(access?.roles ?? [])],
    ...Object.entries(access?.traits ?? {}).map(
      ([name, values], at) => [at === 0 ? 'Traits' : '', `${name}: ${list(values)}`] as const,
    ),
    ['Kubernetes clusters', list(clusters.map(({ name }) => name))],
    ['Kubernetes users', list(everyOf(access, 'kubernetes_users'))],
    ['Kubernetes groups', list(everyOf(access, 'kubernetes_groups'))],
    [
      'Valid until',
      `${instant(profile.expires_at_ms)} (${isExpired ? `EXPIRED ${until}` : until})`,
    ],
  ]
  const width = Math.max(...lines.map(([name]) => name.length)) + 2
  return lines
    .map(([name, value], at) => {
      const mark = at === 0 && isCurrent ? '> ' : '  '
      return `${mark}${name === '' ? ' '.repeat(width) : `${name}:`.padEnd(width)} ${printable(value)}`
    })
    .join('\n')
}

const list = (values: readonly string[]): string => (values.length === 0 ? '-' : values.join(', '))

function everyOf(
  access: Access | null,
  field: 'kubernetes_users' | 'kubernetes_groups',
): readonly string[] {
  return [...new Set((access?.kube_clusters ?? []).flatMap((cluster) => cluster[field]))].sort()
}
