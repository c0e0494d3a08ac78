import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inject } from 'vitest'
import { parse, stringify } from 'yaml'
import { type Finished, runProgram } from '../../support/process.ts'

/** A real cluster with an administrator's kubeconfig. */
export interface Cluster {
  /** `1.35` */
  readonly version: string
  readonly kubeconfig: string
  /** The API server's own audit log; null when it is not at hand. */
  readonly auditLog: string | null
  readonly kubectl: string
  /** The socket of its node's containerd, to bring images of our own; null when it is not at hand. */
  readonly containerd: string | null
}

export interface Kubectl {
  /** `1.27` */
  readonly version: string
  readonly path: string
}

declare module 'vitest' {
  interface ProvidedContext {
    clusters: Cluster[]
    kubectls: Kubectl[]
  }
}

export const clusters: readonly Cluster[] = inject('clusters')
export const kubectls: readonly Kubectl[] = inject('kubectls')

/** Stands for a cluster that is not here while the tests that need it are counted, to be skipped by name. */
export const ABSENT: Cluster = {
  version: '0.0',
  kubeconfig: '',
  auditLog: null,
  kubectl: '',
  containerd: null,
}

/** The versions of kubectl that the product is proven with. */
export const KUBECTL_VERSIONS = ['1.20', '1.27', '1.30', '1.33', '1.35'] as const
export const CLUSTER_VERSIONS = ['1.20', '1.35'] as const

export const contextOf = (cluster: Cluster): string => `v${cluster.version.replace('.', '-')}`

/** One kubeconfig with all clusters, a context each, for the daemon to serve. */
export async function mergedKubeconfig(
  directory: string,
  which: readonly Cluster[] = clusters,
): Promise<string> {
  const merged = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [] as object[],
    users: [] as object[],
    contexts: [] as object[],
  }
  for (const cluster of which) {
    const name = contextOf(cluster)
    const config = parse(await readFile(cluster.kubeconfig, 'utf8')) as {
      clusters: { cluster: object }[]
      users: { user: object }[]
    }
    merged.clusters.push({ name, cluster: config.clusters[0]?.cluster })
    merged.users.push({ name, user: config.users[0]?.user })
    merged.contexts.push({ name, context: { cluster: name, user: name } })
  }
  const path = join(directory, 'clusters.kubeconfig')
  await writeFile(path, stringify(merged), { mode: 0o600 })
  return path
}

/** Runs a kubectl with a discovery cache of its own. */
export function kubectlWith(
  path: string,
  kubeconfig: string,
  context: string | null,
  cache: string,
): (
  args: readonly string[],
  options?: { input?: string; env?: Record<string, string>; timeoutMs?: number },
) => Promise<Finished> {
  return (args, options = {}) =>
    runProgram(
      path,
      [
        '--kubeconfig',
        kubeconfig,
        `--cache-dir=${cache}`,
        ...(context === null ? [] : ['--context', context]),
        ...args,
      ],
      {
        ...options,
        // Old versions keep part of their cache below HOME.
        env: { HOME: cache, ...options.env },
      },
    )
}

/** A cluster's API server audit events of impersonated requests, as far as they are written. */
export async function apiServerAudit(cluster: Cluster): Promise<ApiServerEvent[]> {
  if (cluster.auditLog === null) return []
  const text = await readFile(cluster.auditLog, 'utf8')
  return text
    .split('\n')
    .filter((line) => line.endsWith('}'))
    .map((line) => JSON.parse(line) as ApiServerEvent)
}

export interface ApiServerEvent {
  readonly auditID: string
  readonly requestURI: string
  readonly verb: string
  readonly user: { readonly username: string; readonly groups?: readonly string[] }
  readonly impersonatedUser?: { readonly username: string; readonly groups?: readonly string[] }
  readonly sourceIPs?: readonly string[]
  readonly userAgent?: string
  readonly responseStatus?: { readonly code: number }
  /** Absent for what is no resource. */
  readonly objectRef?: {
    readonly resource?: string
    readonly namespace?: string
    readonly name?: string
    readonly apiGroup?: string
    readonly apiVersion?: string
    readonly subresource?: string
  }
}
