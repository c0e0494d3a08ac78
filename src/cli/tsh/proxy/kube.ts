import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import {
  type Access,
  type AccessibleCluster,
  assertDistinct,
  currentContextOf,
  kubeconfigPaths,
  type LocalProxy,
  type LoginPlan,
  planLogin,
  readKubeconfigs,
  shellWord,
  updateKubeconfigs,
} from '../../../client/index.ts'
import { CliError, QuietExit } from '../../errors.ts'
import { parseFormat, renderOne, table } from '../../format.ts'
import { print, say } from '../../io.ts'
import type { TshContext } from '../context.ts'
import { chooseCluster } from '../kube/choose-cluster.ts'
import type { ContextFlags } from '../kube/context-flags.ts'
import { withContextFlags } from '../kube/context-request.ts'
import { clusterFilter, type FilterFlags } from '../kube/filter.ts'
import { accountOf } from '../kube/write-contexts.ts'
import { openSession, readAccess, type Session } from '../session.ts'
import { openLocalWay } from './local-way.ts'

export interface ProxyKubeFlags extends FilterFlags, ContextFlags {
  readonly port?: string
  readonly exec?: boolean
  readonly format: string
}

/** `tsh proxy kube`: until ctrl-c, or until the shell of `--exec` ends. */
export async function proxyKube(
  context: TshContext,
  names: readonly string[],
  flags: ProxyKubeFlags,
): Promise<void> {
  const { io } = context.world
  const format = parseFormat(flags.format)
  const port = portOf(flags.port)
  const shell = flags.exec === true ? shellOf(context, format) : null
  const filter = clusterFilter(flags)
  using session = await openSession(context)
  const access = await readAccess(context, session)
  const clusters = chosen(names, access.kube_clusters.filter(filter))
  await using local = await openLocalWay(context, session, port)
  const path = await kubeconfigPath(context, session, local)
  try {
    const plan = await writeKubeconfig(context, session, access, clusters, { local, path, flags })
    const rows = clusters.map(({ name }) => ({
      kube_cluster_name: name,
      context: plan.contexts.get(name)?.[0] ?? '',
    }))
    if (shell !== null) {
      say(
        io,
        `tsh: ${local.address} leads to ${rows.length} Kubernetes clusters until you leave this shell`,
      )
      const code = await io.foreground(`KUBECONFIG=${shellWord(path)} ${shellWord(shell)}`, [])
      if (code !== 0) throw new QuietExit(code)
      return
    }
    if (format === 'text') {
      const found = table(
        ['Kube Cluster Name', 'Context'],
        rows.map((row) => [row.kube_cluster_name, row.context]),
      )
      say(io, `${found}\n\ntsh: ${local.address} leads there until ctrl-c. In another terminal:\n`)
      print(io, `export KUBECONFIG=${shellWord(path)}`)
    } else {
      print(
        io,
        renderOne(format, { address: local.address, kubeconfig: path, clusters: rows }, () => ''),
      )
    }
    await aborted(io.signal)
  } finally {
    await rm(session.isStored ? path : dirname(path), { recursive: true, force: true })
  }
}

function portOf(text: string | undefined): number {
  if (text === undefined) return 0
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (port >= 1 && port <= 65_535) return port
  throw new CliError('USAGE', `--port=${text} is not a port`)
}

function shellOf({ world }: TshContext, format: string): string {
  if (format !== 'text') throw new CliError('USAGE', '--exec and --format exclude each other')
  if (world.platform === 'win32') {
    throw new CliError('REFUSED', '--exec is not possible on Windows', {
      hint: 'set KUBECONFIG in another terminal to what "tsh proxy kube" prints',
    })
  }
  return world.io.env['SHELL'] || '/bin/sh'
}

/** The named ones among those that the other flags leave; none named: all of them. Throws CliError REFUSED. */
function chosen(
  names: readonly string[],
  clusters: readonly AccessibleCluster[],
): readonly AccessibleCluster[] {
  const found =
    names.length === 0 ? clusters : [...new Set(names.map((name) => chooseCluster(name, clusters)))]
  if (found.length > 0) return found
  throw new CliError('REFUSED', 'no Kubernetes cluster that your roles reach is like that', {
    hint: 'see "tsh kube ls -v" for names and labels',
  })
}

/** Beside the login, and gone with it; of an identity file, which has no place of its own, in a directory nobody else can read. */
async function kubeconfigPath(
  { store }: TshContext,
  { profile, isStored }: Session,
  { address }: LocalProxy,
): Promise<string> {
  const name = `proxy-kube-${address.split(':')[1]}.kubeconfig`
  if (!isStored) return join(await mkdtemp(join(tmpdir(), 'tsh-proxy-')), name)
  const path = join(store.directoryOf(profile), name)
  // One of a process that could not clean up had the same port.
  await rm(path, { force: true })
  return path
}

async function writeKubeconfig(
  context: TshContext,
  session: Session,
  access: Access,
  clusters: readonly AccessibleCluster[],
  { local, path, flags }: { local: LocalProxy; path: string; flags: ProxyKubeFlags },
): Promise<LoginPlan> {
  const { profile } = session
  const requests = clusters.map(({ name: kubeCluster, server_name: serverName }) =>
    withContextFlags({ kubeCluster, serverName }, flags, profile.teleport_cluster),
  )
  assertDistinct(requests.flatMap(({ contextName: name }) => name ?? []))
  const account = {
    ...(await accountOf(context, profile, access, !session.isStored)),
    server: `https://${local.address}`,
  }
  const select = await selected(context, session, clusters)
  return updateKubeconfigs([path], (files) =>
    planLogin(files, account, requests, { select, prune: false }),
  )
}

/** What is current in the person's own kubeconfig stays so, where it is among these; else the first is. */
async function selected(
  { world }: TshContext,
  { profile }: Session,
  clusters: readonly AccessibleCluster[],
): Promise<string | null> {
  const files = await readKubeconfigs(kubeconfigPaths(world.io.env, world.userHome)).catch(() => [])
  const mark = files.length === 0 ? null : (currentContextOf(files)?.mark ?? null)
  const isOurs = mark?.proxy === profile.proxy && mark.teleportCluster === profile.teleport_cluster
  const current = clusters.find(({ name }) => isOurs && name === mark?.kubeCluster)
  return (current ?? clusters[0])?.name ?? null
}

const aborted = (signal: AbortSignal): Promise<void> =>
  signal.aborted
    ? Promise.resolve()
    : new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
