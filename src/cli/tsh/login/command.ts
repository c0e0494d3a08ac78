import { Command } from 'commander'
import { examples } from '../../run.ts'
import type { TshContext } from '../context.ts'
import { collect } from '../flags.ts'
import type { LoginFlags } from './flags.ts'

/** `tsh login` */
export function loginCommand(context: TshContext): Command {
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
      const { login } = await import('./login.ts')
      await login(context, cluster, flags)
    })
  return examples(command, [
    'tsh login --proxy=teleport.example.com --user=joe',
    'tsh login --kube-cluster=staging',
    'tsh login --proxy=teleport.example.com --ca-pin=sha256:8f14…',
    'tsh login --proxy=teleport.example.com --user=ci --out=kubeconfig --format=kubernetes --ttl=8h',
  ])
}
