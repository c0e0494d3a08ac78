import { Command } from 'commander'
import { completionCommand } from '../completion/command.ts'
import type { Io } from '../io.ts'
import { examples, versionFlag } from '../run.ts'
import { ownVersion } from '../version.ts'
import { type GlobalFlags, tshContext } from './context.ts'
import { inviteCommand } from './invite/command.ts'
import { kubeCommand } from './kube/commands.ts'
import { loginCommand } from './login/command.ts'
import { playCommand } from './play/command.ts'
import {
  clustersCommand,
  envCommand,
  logoutCommand,
  statusCommand,
  versionCommand,
} from './profile/commands.ts'
import { proxyCommand } from './proxy/commands.ts'
import { recordingsCommand } from './recordings/commands.ts'
import { sessionsCommand } from './sessions/commands.ts'
import { realWorld, type TshWorld } from './world.ts'

/**
 * `tsh`: the command line of people. Commands are declared with their help, and what they do is loaded when one is run: most of
 * what a login needs is nothing that `tsh kube ls` should wait for.
 */
export function buildTsh(io: Io, world: TshWorld = realWorld(io)): Command {
  const program = new Command('tsh')
    .description('log in once, and reach every Kubernetes cluster that your roles allow')
    .option(
      '--proxy <host:port>',
      'the proxy (default: $TELEPORT_PROXY, else that of the last login)',
    )
    .option('--user <name>', 'the user (default: $TELEPORT_USER, else that of the last login)')
    .option('-i, --identity <file>', 'act by an identity file instead of a login')
    .option('-d, --debug', 'say on stderr what is done')
  const context = tshContext(world, () => program.opts<GlobalFlags>())
  program
    .addCommand(inviteCommand(context))
    .addCommand(loginCommand(context))
    .addCommand(logoutCommand(context))
    .addCommand(statusCommand(context))
    .addCommand(clustersCommand(context))
    .addCommand(kubeCommand(context))
    .addCommand(proxyCommand(context))
    .addCommand(recordingsCommand(context))
    .addCommand(sessionsCommand(context))
    .addCommand(playCommand(context))
    .addCommand(envCommand(context))
    .addCommand(versionCommand(context))
    .addCommand(completionCommand(io, 'tsh'))
  versionFlag(program, `tsh ${ownVersion()}`)
  return examples(program, [
    'tsh login --proxy=teleport.example.com --user=joe',
    'tsh kube ls',
    'tsh kube login prod && kubectl get pods',
    'tsh logout',
  ])
}
