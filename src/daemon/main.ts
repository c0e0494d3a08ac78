import { access, readFile } from 'node:fs/promises'
import { homedir, hostname } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { CommanderError } from 'commander'
import { CodedError, errorCode, errorMessage } from '../core/index.ts'
import { tuneCollector } from './collector.ts'
import { exampleConfig, parseConfig, type TeleportConfig } from './config/index.ts'
import { openDev } from './dev/open-dev.ts'
import { diskHint } from './disk-hint.ts'
import { DaemonError } from './errors.ts'
import { deleteKubeState } from './kube-state.ts'
import { createLogger } from './logger.ts'
import { buildTeleport, type ConfigureFlags, DEFAULT_CONFIG_FILE } from './program.ts'
import { runDaemon } from './run-daemon.ts'
import { type StartFlags, standAlone, withFlags } from './start-flags.ts'

async function start(flags: StartFlags): Promise<void> {
  tuneCollector()
  const version = await ownVersion()
  const stop = new AbortController()
  const onSignal = (): void => {
    // Whoever asks twice does not want to wait for the drain.
    if (stop.signal.aborted) process.exit(1)
    stop.abort()
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  const say = (line: string): void => {
    // What was begun for a greeting may fail while everything stops: that is no news.
    if (!stop.signal.aborted) process.stderr.write(`${line}\n`)
  }
  await using dev = flags.dev === true ? await openDev(process.env, say) : null
  const chosen = withFlags(dev?.config ?? (await load(flags)), flags)
  const log = createLogger({
    ...chosen.log,
    level: flags.debug === true ? 'debug' : chosen.log.level,
  })
  const env = { ...process.env }
  // Exec plugins and label commands inherit what is left.
  delete process.env['TELEPORT_SECRET_KEY']
  await runDaemon({
    config: chosen,
    version,
    env,
    log,
    signal: stop.signal,
    ...(dev === null
      ? {}
      : {
          onStarted: (started) => dev.onStarted(started),
          isDirectoryLocked: chosen.dataDir === dev.config.dataDir,
        }),
  })
}

async function load(flags: StartFlags): Promise<TeleportConfig> {
  const named = flags.config ?? (process.env['TELEPORT_CONFIG_FILE'] || undefined)
  const path = named ?? DEFAULT_CONFIG_FILE
  try {
    return parseConfig(await readFile(path, 'utf8'), path)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
    if (named === undefined && standAlone(flags)) return withoutFile(flags)
    const joins = flags.roles === undefined ? '' : ', or join without one: add --proxy'
    throw new DaemonError(
      'USAGE',
      `there is no ${path}: write one with "teleport configure", or name another with -c${joins}`,
      { cause: error },
    )
  }
}

/** What joins by flags alone runs what `--roles` names, and nothing by default. */
function withoutFile({ roles }: StartFlags): TeleportConfig {
  if (roles !== undefined) return parseConfig('', 'no configuration file')
  throw new DaemonError('USAGE', 'what shall join? give --roles, like --roles=kube')
}

async function configure(flags: ConfigureFlags): Promise<void> {
  if (flags.test !== undefined) {
    await load({ config: flags.test })
    process.stdout.write(`${flags.test}: every key is right\n`)
    return
  }
  const kubeconfigFile = flags.kubeconfig ?? (await currentKubeconfig())
  process.stdout.write(
    exampleConfig({
      clusterName: flags.clusterName ?? hostname(),
      dataDir: resolve(flags.dataDir ?? '/var/lib/teleport'),
      kubeconfigFile: resolve(kubeconfigFile),
      publicAddress: flags.publicAddr ?? null,
    }),
  )
}

async function deleteState(): Promise<void> {
  const deleted = await deleteKubeState(process.env)
  for (const name of deleted) process.stdout.write(`secret/${name} deleted\n`)
  if (deleted.length === 0) process.stdout.write('there is no state\n')
}

async function printVersion(): Promise<void> {
  process.stdout.write(`${await ownVersion()}\n`)
}

async function currentKubeconfig(): Promise<string> {
  const [first] = (process.env['KUBECONFIG'] ?? '').split(delimiter).filter((path) => path !== '')
  const path = first ?? join(homedir(), '.kube', 'config')
  return access(path).then(
    () => path,
    () => '/secrets/kubeconfig',
  )
}

async function ownVersion(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

// Whoever reads our help may have seen enough of it.
process.stdout.on('error', (error) => {
  if (errorCode(error) !== 'EPIPE') throw error
})

try {
  const actions = { start, configure, deleteState, printVersion }
  await buildTeleport(actions, await ownVersion()).parseAsync()
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2
  } else {
    const known = error instanceof CodedError
    process.stderr.write(
      `teleport: ${known ? error.message : errorMessage(error) || String(error)}\n`,
    )
    // What somebody may do about it, where the words of the error do not say it.
    if (known && 'hint' in error && typeof error.hint === 'string') {
      process.stderr.write(`teleport: ${error.hint}\n`)
    }
    const disk = known ? null : diskHint(error)
    if (disk !== null) process.stderr.write(`teleport: ${disk}\n`)
    if (!known && error instanceof Error && process.env['TELEPORT_DEBUG'] !== undefined) {
      process.stderr.write(`${error.stack ?? ''}\n`)
    }
    process.exitCode = 1
  }
}
