import { access, constants, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { ApiClient, readAdminIdentity } from '../../client/index.ts'
import { errorMessage, silentLogger, systemClock } from '../../core/index.ts'
import { openDemoCluster } from '../../demo/index.ts'
import { writePrivateFile } from '../../files/index.ts'
import { lockDirectory } from '../../storage/index.ts'
import { type BrokenContext, loadUpstreams, THROUGH_TELEPORT } from '../../upstream/index.ts'
import { parseConfig, type TeleportConfig } from '../config/index.ts'
import { DaemonError } from '../errors.ts'
import type { Started } from '../run-options.ts'
import { devConfigText } from './config-text.ts'
import { makeFirstRequest } from './first-request.ts'
import { ensureFirstUser } from './first-user.ts'
import { currentKubeconfigs } from './kubeconfigs.ts'
import { devPorts } from './ports.ts'
import { prepareDirectory } from './prepare-directory.ts'
import { listed, nextSteps, requestLine, step, trouble } from './words.ts'

const DIRECTORY = '.teleport'
/** Enough to see one's own first event in storage; it is there within a group commit. */
const AUDIT_TRIES = 50
const AUDIT_INTERVAL_MS = 100

type Env = Readonly<Record<string, string | undefined>>

export interface Dev extends AsyncDisposable {
  readonly config: TeleportConfig
  onStarted(started: Started): Promise<void>
}

/**
 * The first minute: a configuration for trying things out (everything on loopback, state in `./.teleport`, written to a
 * file there so that `tctl -c` finds the same), and, once it runs, a first user, a first request of his through the
 * gateway, and what to type next. Where there is no kubeconfig, a demo cluster in memory is served, and called one.
 * `say` gets whole lines.
 */
export async function openDev(env: Env, say: (line: string) => void): Promise<Dev> {
  await using stack = new AsyncDisposableStack()
  const directory = resolve(DIRECTORY)
  say('\nTeleport Kubernetes Access, for trying out on this machine\n')
  await prepareDirectory(directory)
  // Another one that runs here keeps what it has written.
  stack.use(await lockDirectory(directory))
  const source = await clustersToServe(stack, directory, env)
  const ports = await devPorts()
  const configFile = join(directory, 'teleport.yaml')
  const text = devConfigText({ directory, ports, kubeconfigFile: source.files[0] ?? '' })
  await writePrivateFile(configFile, text)
  const config = parseConfig(text, configFile)
  say(step('state', `${directory}, kept between starts; log in ${DIRECTORY}/teleport.log`))
  const owned = stack.move()
  return {
    config: { ...config, kube: { ...config.kube, kubeconfigFile: source.files } },
    [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
    async onStarted(started) {
      try {
        await greet({ started, directory, source, proxy: `127.0.0.1:${ports.web}`, env, say })
      } catch (error) {
        // It serves all the same.
        say(trouble('first user', errorMessage(error)))
      }
    },
  }
}

interface Source {
  readonly files: readonly string[]
  readonly says: string
  /** Contexts that cannot be served, with the reason. */
  readonly skipped: readonly BrokenContext[]
}

/**
 * What can be served of kubeconfigs; null when all that is in them leads through Teleport, as after a `tsh login` of somebody
 * who has no cluster. Rejects with NO_KUBE_CLUSTERS when nothing can be served, and with the reasons.
 */
async function realClusters(
  files: readonly string[],
  env: Env,
): Promise<{ skipped: readonly BrokenContext[] } | null> {
  const { clusters, broken } = await loadUpstreams(
    { kubeconfigFile: files },
    { clock: systemClock, log: silentLogger, env },
  )
  const skipped = broken.filter(({ reason }) => reason !== THROUGH_TELEPORT)
  if (clusters.length > 0) return { skipped }
  if (skipped.length === 0) return null
  const reasons = skipped.map(({ context, reason }) => `\n  ${context}: ${reason}`)
  throw new DaemonError(
    'NO_KUBE_CLUSTERS',
    `no context of ${files.map(shortPath).join(', ')} can be served:${reasons.join('')}`,
  )
}

/** The clusters of the current kubeconfig, else a demo cluster that lives as long as `stack`. */
async function clustersToServe(
  stack: AsyncDisposableStack,
  directory: string,
  env: Env,
): Promise<Source> {
  const files = await currentKubeconfigs(env)
  const real = files.length === 0 ? null : await realClusters(files, env)
  if (real !== null) {
    return { files, says: `of ${files.map(shortPath).join(', ')}`, skipped: real.skipped }
  }
  const demo = stack.use(await openDemoCluster({ clock: systemClock, log: silentLogger }))
  const file = join(directory, 'demo.kubeconfig')
  await writePrivateFile(file, demo.kubeconfig())
  stack.defer(() => rm(file, { force: true }))
  return {
    files: [file],
    says: 'a DEMO, in memory: no kubeconfig with a cluster was found ($KUBECONFIG, ~/.kube/config)',
    skipped: [],
  }
}

async function greet(options: {
  readonly started: Started
  readonly directory: string
  readonly source: Source
  readonly proxy: string
  readonly env: Env
  readonly say: (line: string) => void
}): Promise<void> {
  const { started, directory, source, env, say } = options
  const { kubeClusters, kubePort } = started
  say(step('clusters', `${listed(kubeClusters)} (${source.says})`))
  for (const { context, reason } of source.skipped) say(trouble('skipped', `${context}: ${reason}`))
  using client = new ApiClient(await readAdminIdentity(directory))
  const user = await ensureFirstUser(client)
  const since = user.created ? 'made now' : 'from an earlier start'
  say(step('first user', `"${user.name}", ${since}, role admin, Kubernetes group system:masters`))
  const { ca_pins: caPins } = await client.call('status.read', {})
  const [cluster] = kubeClusters
  if (cluster !== undefined && kubePort !== null) {
    await showFirstRequest({ client, user: user.name, kubePort, cluster, say })
  }
  say('')
  say(
    nextSteps({
      prefix: 'npx ',
      configFile: join(DIRECTORY, 'teleport.yaml'),
      proxy: options.proxy,
      caPins,
      user,
      clusters: kubeClusters,
      hasKubectl: await onPath('kubectl', env),
    }),
  )
  say('Stop with ctrl-c.')
}

/** As a person would write it. */
const shortPath = (path: string): string => {
  const home = homedir()
  return path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path
}

/** Trouble here is told and changes nothing: the daemon serves, and the person must read why the cluster does not. */
async function showFirstRequest(options: {
  readonly client: ApiClient
  readonly user: string
  readonly kubePort: number
  readonly cluster: string
  readonly say: (line: string) => void
}): Promise<void> {
  const { client, user, say } = options
  const since = new Date().toISOString()
  try {
    say(requestLine(user, await makeFirstRequest(options)))
    say(await auditLine(client, user, since))
  } catch (error) {
    say(trouble('first request', errorMessage(error)))
  }
}

async function auditLine(client: ApiClient, user: string, since: string): Promise<string> {
  for (let attempt = 0; attempt < AUDIT_TRIES; attempt += 1) {
    const { items } = await client.call('events.list', {
      query: { user, event: 'kube.request', from: since, limit: 1 },
    })
    const [event] = items as Record<string, unknown>[]
    if (event !== undefined) {
      const what = `${String(event['kube_verb'])} ${String(event['resource_kind'])}`
      const why = String(event['decided_by'] ?? '')
      return step(
        'audit log',
        `${String(event['event'])}: "${user}" ${what}, ${String(event['response_code'])}; allowed by ${why}`,
      )
    }
    await new Promise((done) => setTimeout(done, AUDIT_INTERVAL_MS))
  }
  return trouble('audit log', 'the event of that request is not there yet')
}

async function onPath(program: string, env: Env): Promise<boolean> {
  for (const directory of (env['PATH'] ?? '').split(delimiter)) {
    if (directory === '') continue
    const found = await access(join(directory, program), constants.X_OK).then(
      () => true,
      () => false,
    )
    if (found) return true
  }
  return false
}
