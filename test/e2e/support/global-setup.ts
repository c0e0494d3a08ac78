import { execFile } from 'node:child_process'
import { existsSync, readdirSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { TestProject } from 'vitest/node'
import type { Cluster, Kubectl } from './environment.ts'

const exec = promisify(execFile)

/** Clusters that `KUBE_UP` starts: a new one and an old one. */
const WANTED = [
  { version: '1.35.4', port: '16000' },
  { version: '1.20.2', port: '17000' },
] as const

/**
 * Finds the real clusters and kubectls of this machine: TELEPORT_E2E_KUBECONFIGS (separated by ":", with
 * TELEPORT_E2E_AUDIT_LOGS in the same order), else what the script that KUBE_UP names starts.
 */
export default async function setup(project: TestProject): Promise<void> {
  const clusters = await findClusters()
  project.provide('clusters', clusters)
  project.provide('kubectls', await findKubectls(clusters))
}

async function findClusters(): Promise<Cluster[]> {
  const listed = split(process.env['TELEPORT_E2E_KUBECONFIGS'])
  const audits = split(process.env['TELEPORT_E2E_AUDIT_LOGS'])
  if (listed.length > 0) {
    return Promise.all(
      listed.map((kubeconfig, index) => describe(kubeconfig, audits[index] ?? null)),
    )
  }
  const up = process.env['KUBE_UP']
  if (up === undefined || !existsSync(up)) return []
  const started: Cluster[] = []
  for (const { version, port } of WANTED) {
    const { stdout } = await exec(up, [], { env: { ...process.env, KVER: version, KPORT: port } })
    const kubeconfig = /^KUBECONFIG=(.+)$/m.exec(stdout)?.[1]
    if (kubeconfig === undefined) throw new Error(`${up} printed no KUBECONFIG`)
    started.push(await describe(kubeconfig, join(dirname(kubeconfig), 'audit/audit.log')))
  }
  return started
}

async function describe(kubeconfig: string, auditLog: string | null): Promise<Cluster> {
  const beside = join(dirname(kubeconfig), 'bin/kubectl')
  const kubectl = existsSync(beside) ? beside : 'kubectl'
  const socket = join(dirname(kubeconfig), 'containerd.sock')
  const { stdout } = await exec(kubectl, ['--kubeconfig', kubeconfig, 'get', '--raw', '/version'])
  const { gitVersion } = JSON.parse(stdout) as { gitVersion: string }
  const version = /^v?(\d+\.\d+)/.exec(gitVersion)?.[1] ?? gitVersion
  return {
    version,
    kubeconfig,
    auditLog: auditLog !== null && existsSync(auditLog) ? auditLog : null,
    kubectl,
    containerd: existsSync(socket) ? socket : null,
  }
}

/** TELEPORT_E2E_KUBECTLS, those of the clusters, and kubectl.1.NN beside the machine's own. */
async function findKubectls(clusters: readonly Cluster[]): Promise<Kubectl[]> {
  const paths = [
    ...split(process.env['TELEPORT_E2E_KUBECTLS']),
    ...clusters.map(({ kubectl }) => kubectl),
  ]
  for (const directory of split(process.env['PATH'])) {
    const own = join(directory, 'kubectl')
    if (!existsSync(own)) continue
    const home = dirname(realpathSync(own))
    paths.push(
      ...readdirSync(home)
        .filter((name) => /^kubectl\.1\.\d+$/.test(name))
        .map((name) => join(home, name)),
    )
  }
  const found = new Map<string, Kubectl>()
  for (const path of new Set(paths)) {
    const { stdout } = await exec(path, ['version', '--client', '-o', 'json']).catch(() => ({
      stdout: '{}',
    }))
    const parsed = JSON.parse(stdout) as { clientVersion?: { gitVersion?: string } }
    const version = /^v?(\d+\.\d+)/.exec(parsed.clientVersion?.gitVersion ?? '')?.[1]
    if (version !== undefined && !found.has(version)) found.set(version, { version, path })
  }
  return [...found.values()].sort((a, b) => Number(a.version.slice(2)) - Number(b.version.slice(2)))
}

const split = (text: string | undefined): string[] =>
  (text ?? '').split(':').filter((part) => part !== '')
