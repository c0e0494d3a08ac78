import type { ResponseOf } from '../../contract/index.ts'
import { ClientError } from '../errors.ts'

/** Who somebody is at a proxy, and the proof of it. */
export interface Profile {
  readonly version: 1
  /** `host:port` of the proxy's web port. */
  readonly proxy: string
  readonly user: string
  readonly teleport_cluster: string
  /** PEM, like the two below. */
  readonly host_ca: string
  readonly certificate: string
  readonly private_key: string
  /** Milliseconds since the epoch. */
  readonly expires_at_ms: number
  readonly logged_in_at_ms: number
  /** Kubeconfigs with entries of this profile. */
  readonly kubeconfigs: readonly string[]
  /** TLS ends in front of the proxy: connections go inside a WebSocket. Absent: they do not. */
  readonly upgraded?: boolean
}

/** What the roles of a profile give, as the server said when it was last asked. */
export interface Access {
  readonly version: 1
  readonly as_of_ms: number
  readonly server_version: string
  readonly roles: readonly string[]
  readonly traits: Readonly<Record<string, readonly string[]>>
  /** host:port; null when the proxy has none of its own for Kubernetes. */
  readonly kube_addr: string | null
  readonly kube_clusters: readonly AccessibleCluster[]
}

export interface AccessibleCluster {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly server_name: string
  readonly online: boolean
  /** How it is, since when (RFC 3339), and what is wrong with it; absent when the server did not say. */
  readonly health?: string
  readonly problem?: string | null
  readonly since?: string
  readonly kubernetes_users: readonly string[]
  readonly kubernetes_groups: readonly string[]
}

export function accessOf(self: ResponseOf<'self.read'>, nowMs: number): Access {
  return {
    version: 1,
    as_of_ms: nowMs,
    server_version: self.version,
    roles: self.roles,
    traits: self.traits,
    kube_addr: self.kube_addr,
    kube_clusters: self.kube_clusters.map(({ metadata, status, access }) => ({
      name: metadata.name,
      labels: metadata.labels,
      server_name: status.server_name,
      online: status.online,
      ...(status.health === undefined ? {} : { health: status.health }),
      ...(status.problem === undefined ? {} : { problem: status.problem }),
      ...(status.since === undefined ? {} : { since: status.since }),
      kubernetes_users: access.kubernetes_users,
      kubernetes_groups: access.kubernetes_groups,
    })),
  }
}

/** Reads a file of ours; `path` names it. Throws ClientError PROFILE_UNREADABLE. */
export function parseProfile(text: string, path: string): Profile {
  const profile = parseVersioned<Profile>(text, path)
  const texts = [
    'proxy',
    'user',
    'teleport_cluster',
    'host_ca',
    'certificate',
    'private_key',
  ] as const
  const isWhole =
    texts.every((field) => typeof profile[field] === 'string') &&
    Number.isSafeInteger(profile.expires_at_ms) &&
    Array.isArray(profile.kubeconfigs)
  if (!isWhole) throw unreadable(path, 'a field is missing')
  return profile
}

/** Null for what a version that is not ours wrote: it is only a memory of what the server said. */
export function parseAccess(text: string): Access | null {
  try {
    const access = parseVersioned<Access>(text, '')
    return Array.isArray(access.kube_clusters) && Array.isArray(access.roles) ? access : null
  } catch {
    return null
  }
}

export function parseVersioned<T extends { readonly version: 1 }>(text: string, path: string): T {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw unreadable(path, 'it is not JSON', error)
  }
  if (typeof value !== 'object' || value === null) throw unreadable(path, 'it is not an object')
  const { version } = value as { version?: unknown }
  if (version !== 1)
    throw unreadable(path, `its version ${String(version)} is not known to this tsh`)
  return value as T
}

const unreadable = (path: string, problem: string, cause?: unknown): ClientError =>
  new ClientError('PROFILE_UNREADABLE', `${path}: ${problem}`, {
    cause,
    hint: 'remove the file and log in again',
  })
