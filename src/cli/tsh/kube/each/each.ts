import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Access, AccessibleCluster, Profile } from '../../../../client/index.ts'
import { writePrivateFile } from '../../../../files/index.ts'
import { CliError, QuietExit } from '../../../errors.ts'
import { exitCodes } from '../../../exit-codes.ts'
import { parseFormat, render } from '../../../format.ts'
import { kubeconfigFile } from '../../../identity-files.ts'
import { type Io, print, say } from '../../../io.ts'
import type { TshContext } from '../../context.ts'
import { openLocalWay } from '../../proxy/local-way.ts'
import { openSession, readAccess } from '../../session.ts'
import { clusterFilter, type FilterFlags } from '../filter.ts'
import { isBehindOthersTls } from '../write-contexts.ts'
import { succeeded, summary } from './outcome.ts'
import { grouped, kept, streamed } from './reports.ts'
import { Runs } from './runs.ts'

export interface EachFlags extends FilterFlags {
  readonly all?: boolean
  readonly parallel: string
  readonly program: string
  readonly stdin?: boolean
  readonly group?: boolean
  readonly failFast?: boolean
  readonly quiet?: boolean
  readonly format: string
}

/** More at once only wait for each other on most machines; who has another may say so. */
const MAX_PARALLEL = 64
/** Of what all of them are given to read. */
const MAX_INPUT_BYTES = 32 * 1024 * 1024

/** `tsh kube each`: runs kubectl, or another program, in every cluster that is meant. */
export async function kubeEach(
  context: TshContext,
  args: readonly string[],
  flags: EachFlags,
): Promise<void> {
  const { io } = context.world
  const format = parseFormat(flags.format)
  const parallel = parallelOf(flags.parallel)
  assertSelected(flags)
  assertNotAimed(flags.program, args)
  const filter = clusterFilter(flags)
  using session = await openSession(context)
  const access = await readAccess(context, session)
  const clusters = access.kube_clusters.filter(filter)
  if (clusters.length === 0) {
    throw new CliError('REFUSED', `none of ${access.kube_clusters.length} clusters is like that`, {
      hint: 'see "tsh kube ls -v" for names and labels',
    })
  }
  const input = flags.stdin === true ? await readInput(io) : null
  // Where something in front of the proxy ends TLS, kubectl needs a way around it.
  await using local = isBehindOthersTls(session.profile, access)
    ? await openLocalWay(context, session, 0)
    : null
  const reached = local === null ? access : { ...access, kube_addr: local.address }
  await using keys = await openKeys(io)
  const kubeconfigs = await writeKubeconfigs(keys.directory, session.profile, reached, clusters)
  const runs = new Runs(io, { args, program: flags.program, input, kubeconfigs })
  const report = format === 'text' ? (flags.group === true ? grouped : streamed) : kept
  const startedMs = performance.now()
  const kepts = await runs.all(clusters, {
    parallel,
    failFast: flags.failFast === true,
    reportOf: report(io, clusters),
  })
  if (format !== 'text')
    print(
      io,
      render(format, kepts, () => ''),
    )
  else if (flags.quiet !== true) {
    for (const line of summary(flags.program, runs.outcomes, performance.now() - startedMs)) {
      say(io, line)
    }
  }
  if (io.signal.aborted) throw new QuietExit(exitCodes.interrupted.code)
  if (![...runs.outcomes.values()].every(succeeded)) throw new QuietExit(exitCodes.failed.code)
}

/** A directory for keys, until it is disposed. Who is told to end may be killed while it waits for programs, and leaves no key behind. */
async function openKeys({ signal }: Io): Promise<AsyncDisposable & { readonly directory: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'tsh-each-'))
  const remove = (): Promise<void> => rm(directory, { recursive: true, force: true, maxRetries: 3 })
  const leave = (): void => void remove().catch(() => {})
  signal.addEventListener('abort', leave)
  return {
    directory,
    async [Symbol.asyncDispose]() {
      signal.removeEventListener('abort', leave)
      await remove()
    },
  }
}

function parallelOf(text: string): number {
  const number = /^\d+$/.test(text) ? Number(text) : 0
  if (number >= 1 && number <= MAX_PARALLEL) return number
  throw new CliError('USAGE', `--parallel=${text} is not a number from 1 to ${MAX_PARALLEL}`)
}

/** A `delete` in every cluster must be meant. */
function assertSelected({ all, labels, search, query }: EachFlags): void {
  const some = [labels, search, query].some((flag) => flag !== undefined)
  if (some !== (all === true)) return
  throw new CliError(
    'USAGE',
    some
      ? '--all is no selection beside another'
      : 'in which clusters? --labels, --search, --query or --all say so',
    { hint: 'tsh kube each -l env=dev -- get pods' },
  )
}

/** Flags that would lead kubectl elsewhere than where its output says that it comes from. */
const AIMING = /^(--kubeconfig|--context|--cluster|--server|--user|--tls-server-name)(=|$)|^-s/

function assertNotAimed(program: string, args: readonly string[]): void {
  if (program !== 'kubectl') return
  const end = args.indexOf('--')
  const aimed = args.slice(0, end === -1 ? args.length : end).find((arg) => AIMING.test(arg))
  if (aimed === undefined) return
  // `-s` needs nothing between it and its value.
  const flag = aimed.startsWith('--') ? aimed.split('=')[0] : '-s'
  throw new CliError('USAGE', `${flag} has no place here: each run has a cluster of its own`)
}

async function readInput(io: Io): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of io.stdin) {
    const piece = Buffer.from(chunk as Uint8Array | string)
    bytes += piece.length
    if (bytes > MAX_INPUT_BYTES) {
      throw new CliError('REFUSED', `stdin has more than ${MAX_INPUT_BYTES / 1024 / 1024} MB`)
    }
    chunks.push(piece)
  }
  return Buffer.concat(chunks)
}

/** One file a cluster, with that cluster alone in it: plugins of kubectl and other programs know no `--context`. */
async function writeKubeconfigs(
  directory: string,
  profile: Profile,
  access: Access,
  clusters: readonly AccessibleCluster[],
): Promise<ReadonlyMap<string, string>> {
  const signed = {
    user: profile.user,
    teleportCluster: profile.teleport_cluster,
    certificate: profile.certificate,
    privateKey: profile.private_key,
    hostCa: profile.host_ca,
    expires: new Date(profile.expires_at_ms).toISOString(),
    writtenBy: 'written by tsh kube each',
  }
  const files = clusters.map(async (cluster, at) => {
    const own = join(directory, String(at))
    await mkdir(own, { mode: 0o700 })
    const path = join(own, 'config')
    await writePrivateFile(
      path,
      kubeconfigFile({
        signed,
        address: access.kube_addr ?? profile.proxy,
        clusters: [{ name: cluster.name, serverName: cluster.server_name }],
        selected: cluster.name,
      }),
    )
    return [cluster.name, path] as const
  })
  return new Map(await Promise.all(files))
}
