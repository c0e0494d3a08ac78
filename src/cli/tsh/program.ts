import { Command } from 'commander'
import type { Io } from '../io.ts'
import { examples } from '../run.ts'
import { type GlobalFlags, type TshContext, tshContext } from './context.ts'
import type { InviteFlags } from './invite/invite.ts'
import type { LoginFlags } from './login/flags.ts'
import { realWorld, type TshWorld } from './world.ts'

/**
 * `tsh`: the command line of people. Commands are declared here, with their help; what they do is loaded when one is run,
 * since most of what a login needs is nothing that `tsh kube ls` should wait for.
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
  return program.addCommand(inviteCommand(context)).addCommand(loginCommand(context))
}

const collect = (value: string, before: readonly string[] | undefined): string[] => [
  ...(before ?? []),
  value,
]

function inviteCommand(context: TshContext): Command {
  const command = new Command('invite')
    .description('set your password by the link that an administrator gave you, without a browser')
    .argument('<link>', 'https://<proxy>/web/invite/… or …/web/reset/…')
    .option(
      '--ca-pin <pin>',
      'the CA pin that "tctl status" shows; the server must have it (repeatable)',
      collect,
    )
    .option('--insecure', 'believe an unknown server unseen; never one that changed')
    .option('--password-stdin', 'read the password from the first line of stdin')
    .action(async (link: string, flags: InviteFlags) => {
      const { acceptInvite } = await import('./invite/invite.ts')
      await acceptInvite(context, link, flags)
    })
  return examples(command, [
    'tsh invite https://teleport.example.com:3080/web/invite/0123456789abcdef0123456789abcdef',
  ])
}

function loginCommand(context: TshContext): Command {
  const command = new Command('login')
    .description(
      'log in: a short-lived certificate, and a context for each cluster in the kubeconfig',
    )
    .argument('[cluster]', 'name of the Teleport cluster, when the proxy leads to several')
    .option('--ttl <time>', 'how long it lives: minutes, or a duration like 8h; roles may cap it')
    .option('--kube-cluster <name>', 'the Kubernetes cluster that the kubeconfig selects')
    .option(
      '--ca-pin <pin>',
      'the CA pin that "tctl status" shows; the server must have it (repeatable)',
      collect,
    )
    .option('--insecure', 'believe an unknown server at the first login; never one that changed')
    .option('-o, --out <path>', 'write the credentials to a file, and change nothing else')
    .option('--format <format>', 'of --out: file (an identity file) or kubernetes (a kubeconfig)')
    .option('--overwrite', 'with --out: replace a file that tsh did not write')
    .option(
      '--password-stdin',
      'read the password from the first line of stdin, a one-time code from the second',
    )
    .option('--auth <connector>', 'how you prove who you are: local')
    .action(async (cluster: string | undefined, flags: LoginFlags) => {
      const { login } = await import('./login/login.ts')
      await login(context, cluster, flags)
    })
  return examples(command, [
    'tsh login --proxy=teleport.example.com --user=joe',
    'tsh login --kube-cluster=staging',
    'tsh login --proxy=teleport.example.com --ca-pin=sha256:8f14…',
    'tsh login --proxy=teleport.example.com --user=ci --out=kubeconfig --format=kubernetes --ttl=8h',
  ])
}
