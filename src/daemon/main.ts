import { access, readFile } from 'node:fs/promises'
import { homedir, hostname } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { Command, CommanderError } from 'commander'
import { CodedError, errorCode, errorMessage } from '../core/index.ts'
import { tuneCollector } from './collector.ts'
import { parseAddress } from './config/address.ts'
import { type Address, exampleConfig, parseConfig, type TeleportConfig } from './config/index.ts'
import { openDev } from './dev/open-dev.ts'
import { DaemonError } from './errors.ts'
import { deleteKubeState } from './kube-state.ts'
import { createLogger } from './logger.ts'
import { type DaemonRole, daemonRoles, runDaemon } from './run-daemon.ts'

const DEFAULT_CONFIG_FILE = '/etc/teleport.yaml'

interface StartFlags {
  readonly config?: string
  readonly roles?: string
  readonly diagAddr?: string
  readonly debug?: boolean
  readonly dev?: boolean
}

async function start(flags: StartFlags): Promise<void> {
  tuneCollector()
  const version = await ownVersion()
  await using dev =
    flags.dev === true
      ? await openDev(process.env, (line) => void process.stderr.write(`${line}\n`))
      : null
  const chosen = withFlags(dev?.config ?? (await load(flags)), flags)
  const log = createLogger({
    ...chosen.log,
    level: flags.debug === true ? 'debug' : chosen.log.level,
  })
  const env = { ...process.env }
  // Exec plugins and label commands inherit what is left.
  delete process.env['TELEPORT_SECRET_KEY']
  const stop = new AbortController()
  const onSignal = (): void => {
    // Whoever asks twice does not want to wait for the drain.
    if (stop.signal.aborted) process.exit(1)
    stop.abort()
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  await runDaemon({
    config: chosen,
    version,
    env,
    log,
    signal: stop.signal,
    ...(dev === null ? {} : { onStarted: (started) => dev.onStarted(started) }),
  })
}

async function load(flags: StartFlags): Promise<TeleportConfig> {
  const path = flags.config ?? process.env['TELEPORT_CONFIG_FILE'] ?? DEFAULT_CONFIG_FILE
  try {
    return parseConfig(await readFile(path, 'utf8'), path)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
    throw new DaemonError(
      'USAGE',
      `there is no ${path}: write one with "teleport configure", or name another with -c`,
      { cause: error },
    )
  }
}

function withFlags(config: TeleportConfig, flags: StartFlags): TeleportConfig {
  const diagAddress = flags.diagAddr === undefined ? config.diagAddress : diagOf(flags.diagAddr)
  if (flags.roles === undefined) return { ...config, diagAddress }
  const roles = flags.roles.split(',').map((text): DaemonRole => {
    const role = daemonRoles.find((known) => known === text.trim())
    if (role === undefined) {
      throw new DaemonError('USAGE', `--roles: "${text}" is not one of ${daemonRoles.join(', ')}`)
    }
    return role
  })
  return {
    ...config,
    diagAddress,
    auth: { ...config.auth, enabled: roles.includes('auth') },
    proxy: { ...config.proxy, enabled: roles.includes('proxy') },
    kube: { ...config.kube, enabled: roles.includes('kube') },
  }
}

function diagOf(text: string): Address {
  const address = parseAddress(text, { host: '127.0.0.1', port: 3000 })
  if (address === null) throw new DaemonError('USAGE', `--diag-addr: "${text}" is not an address`)
  return address
}

async function configure(flags: {
  clusterName?: string
  dataDir?: string
  kubeconfig?: string
  publicAddr?: string
  test?: string
}): Promise<void> {
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

function build(): Command {
  const program = new Command('teleport')
    .description('the Teleport daemon: auth, proxy and kubernetes service')
    .exitOverride()
    .showHelpAfterError('(see "teleport --help")')
  program
    .command('start')
    .description('run the services of a configuration file until it is told to stop')
    .option(
      '-c, --config <file>',
      `configuration file (default: $TELEPORT_CONFIG_FILE, else ${DEFAULT_CONFIG_FILE})`,
    )
    .option('--roles <list>', 'run only these services: auth,proxy,kube')
    .option('--diag-addr <host:port>', 'serve /healthz, /readyz and /metrics there')
    .option('-d, --debug', 'log more')
    .option(
      '--dev',
      'serve the clusters of the current kubeconfig on loopback, with state in ./.teleport',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  $ teleport start -c teleport.yaml --diag-addr=127.0.0.1:3000\n  $ teleport start --dev',
    )
    .action(start)
  program
    .command('configure')
    .description('print a configuration file to begin with')
    .option('--cluster-name <name>', 'name of the Teleport cluster')
    .option('--data-dir <path>', 'where everything is kept')
    .option('--kubeconfig <file>', 'the clusters to serve')
    .option('--public-addr <host:port>', 'address that kubeconfigs name')
    .option('--test <file>', 'print nothing to begin with: judge this configuration file')
    .addHelpText(
      'after',
      '\nExamples:\n  $ teleport configure --cluster-name=example.com > /etc/teleport.yaml\n  $ teleport configure --test /etc/teleport.yaml',
    )
    .action(configure)
  program
    .command('kube-state')
    .description('what agents in pods keep in Secrets of their cluster')
    .command('delete')
    .description('delete what the agents of a Helm release left; the chart runs this at the end')
    .addHelpText(
      'after',
      '\nRuns in a pod, for the release $RELEASE_NAME in the namespace $KUBE_NAMESPACE.',
    )
    .action(deleteState)
  program
    .command('version')
    .description('print the version')
    .action(async () => {
      process.stdout.write(`${await ownVersion()}\n`)
    })
  return program
}

try {
  await build().parseAsync()
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2
  } else {
    const known = error instanceof CodedError
    process.stderr.write(
      `teleport: ${known ? error.message : errorMessage(error) || String(error)}\n`,
    )
    if (!known && error instanceof Error && process.env['TELEPORT_DEBUG'] !== undefined) {
      process.stderr.write(`${error.stack ?? ''}\n`)
    }
    process.exitCode = 1
  }
}
