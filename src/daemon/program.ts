import { Command } from 'commander'
import type { StartFlags } from './start-flags.ts'

export const DEFAULT_CONFIG_FILE = '/etc/teleport.yaml'

export interface ConfigureFlags {
  readonly clusterName?: string
  readonly dataDir?: string
  readonly kubeconfig?: string
  readonly publicAddr?: string
  readonly test?: string
}

/** What the commands do. */
export interface TeleportActions {
  start(flags: StartFlags): Promise<void>
  configure(flags: ConfigureFlags): Promise<void>
  deleteState(): Promise<void>
  printVersion(): Promise<void>
}

/** `teleport`: the commands of the daemon with their help. */
export function buildTeleport(actions: TeleportActions, ownVersion: string): Command {
  const program = new Command('teleport')
    .description('the Teleport daemon: auth, proxy and kubernetes service')
    .exitOverride()
    .showHelpAfterError('(see "teleport --help")')
  examples(program, [
    'teleport configure --cluster-name=example.com > /etc/teleport.yaml',
    'teleport start',
    'teleport start --dev',
  ])
  const start = program
    .command('start')
    .description('run the services of a configuration file until it is told to stop')
    .option(
      '-c, --config <file>',
      `configuration file (default: $TELEPORT_CONFIG_FILE, else ${DEFAULT_CONFIG_FILE})`,
    )
    .option('--roles <list>', 'run only these services: auth,proxy,kube')
    .option('--proxy <host:port>', 'join the Teleport cluster behind this proxy')
    .option('--auth-server <host:port>', 'join the auth service at this address')
    .option('--token <token>', 'the join token, or the absolute path of a file that holds it')
    .option('--ca-pin <pin>', 'what must vouch for the auth service; may be repeated', collect)
    .option('--insecure', 'believe an auth service that nothing vouches for, at the first time')
    .option('--data-dir <path>', 'where everything is kept (default: /var/lib/teleport)')
    .option('--nodename <name>', 'what this process is called in lists (default: the host name)')
    .option('--kubeconfig <file>', 'serve the clusters of its contexts')
    .option('--kube-cluster-name <name>', 'the name of the cluster in whose pod this runs')
    .option('--diag-addr <host:port>', 'serve /healthz, /readyz and /metrics there')
    .option('-d, --debug', 'log more')
    .option(
      '--dev',
      'serve the clusters of the current kubeconfig on loopback, with state in ./.teleport',
    )
    .action(actions.start)
  examples(start, [
    'teleport start -c teleport.yaml --diag-addr=127.0.0.1:3000',
    'teleport start --dev',
    'teleport start --roles=kube --proxy=proxy.example.com:3080 --token=/etc/teleport/token --ca-pin=sha256:... --kubeconfig=$HOME/.kube/config',
  ])
  const configure = program
    .command('configure')
    .description('print a configuration file to begin with')
    .option('--cluster-name <name>', 'name of the Teleport cluster')
    .option('--data-dir <path>', 'where everything is kept')
    .option('--kubeconfig <file>', 'the clusters to serve')
    .option('--public-addr <host:port>', 'address that kubeconfigs name')
    .option('--test <file>', 'print nothing to begin with: judge this configuration file')
    .action(actions.configure)
  examples(configure, [
    'teleport configure --cluster-name=example.com > /etc/teleport.yaml',
    'teleport configure --test /etc/teleport.yaml',
  ])
  const state = program
    .command('kube-state')
    .description('what agents in pods keep in Secrets of their cluster')
  const stateExample = ['RELEASE_NAME=agent KUBE_NAMESPACE=teleport teleport kube-state delete']
  examples(state, stateExample)
  const deletion = state
    .command('delete')
    .description('delete what the agents of a Helm release left; the chart runs this at the end')
    .addHelpText(
      'after',
      '\nRuns in a pod, for the release $RELEASE_NAME in the namespace $KUBE_NAMESPACE.',
    )
    .action(actions.deleteState)
  examples(deletion, stateExample)
  const version = program
    .command('version')
    .description('print the version')
    .action(actions.printVersion)
  examples(version, ['teleport version'])
  // For whoever tries that first; help names the command.
  program.version(ownVersion, '--version')
  program.options.find(({ long }) => long === '--version')?.hideHelp()
  for (const command of program.commands) {
    command.showHelpAfterError(`(see "teleport ${command.name()} --help")`)
  }
  return program
}

const collect = (value: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  value,
]

const examples = (command: Command, lines: readonly string[]): Command =>
  command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`)
