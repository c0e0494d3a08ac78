import { Command } from 'commander'
import { examples } from '../../run.ts'
import type { TshContext } from '../context.ts'
import { formatFlag } from '../flags.ts'
import { kubeSessionsCommand } from '../sessions/commands.ts'
import { addContextFlags } from './context-flags.ts'
import type { CredentialFlags } from './credentials.ts'
import type { EachFlags } from './each/each.ts'
import type { KubeLoginFlags } from './login.ts'
import type { LsFlags } from './ls.ts'

/** `tsh kube` */
export function kubeCommand(context: TshContext): Command {
  const command = new Command('kube')
    .description('list, select and command Kubernetes clusters')
    .addCommand(lsCommand(context))
    .addCommand(loginCommand(context))
    .addCommand(eachCommand(context))
    .addCommand(credentialsCommand(context), { hidden: true })
    .addCommand(kubeSessionsCommand(context), { hidden: true })
  return examples(command, [
    'tsh kube ls',
    'tsh kube login prod',
    'tsh kube each -l env=dev -- get pods -A',
  ])
}

function lsCommand(context: TshContext): Command {
  const command = new Command('ls')
    .description('list the Kubernetes clusters that your roles reach')
    .argument('[labels]', 'only those with these labels: env=prod,team')
    .option('--search <words>', 'only those with these words in a name or label, comma-separated')
    .option('--query <predicate>', 'only those of which this holds')
    .option('-v, --verbose', 'whole labels, and who you are there')
    .option('-q, --quiet', 'no headers')
    .addOption(formatFlag())
    .action(async (labels: string | undefined, flags: LsFlags) => {
      const { kubeLs } = await import('./ls.ts')
      await kubeLs(context, labels, flags)
    })
  examples(command, [
    'tsh kube ls',
    'tsh kube ls env=prod -v',
    'tsh kube ls --search=eu,staging',
    `tsh kube ls --query='labels["env"] == "prod" && name != "old"'`,
    'tsh kube ls --format=json',
  ])
  return command.addHelpText(
    'after',
    `
A predicate compares texts by == and !=, and is put together by &&, || and !. There are name,
labels["…"], hasPrefix(text, text), hasSuffix, contains, equals, exists(labels["…"]) and search(text, …).`,
  )
}

function loginCommand(context: TshContext): Command {
  const command = new Command('login')
    .description('select a Kubernetes cluster in the kubeconfig')
    .argument('[name]', 'its name, or the beginning of only one name')
    .option('--all', 'a context for each cluster; the current one stays')
  addContextFlags(command, 'context').action(
    async (name: string | undefined, flags: KubeLoginFlags) => {
      const { kubeLogin } = await import('./login.ts')
      await kubeLogin(context, name, flags)
    },
  )
  return examples(command, [
    'tsh kube login prod',
    'tsh kube login prod -n payments',
    'tsh kube login prod --as=viewer --as-groups=auditors',
    "tsh kube login prod --set-context-name='{{.KubeName}}'",
    'tsh kube login --all',
  ])
}

function eachCommand(context: TshContext): Command {
  const command = new Command('each')
    .alias('exec-all')
    .description('run kubectl in every cluster that is meant')
    .argument('<args...>', 'what to run, after "--"')
    .option('-l, --labels <labels>', 'in clusters with these labels: env=dev,team')
    .option('--search <words>', 'in clusters with these words in a name or label')
    .option('--query <predicate>', 'in clusters of which this holds (see tsh kube ls --help)')
    .option('--all', 'in all clusters that your roles reach')
    .option('--parallel <count>', 'how many at once', '8')
    .option('--program <name>', 'another program than kubectl; it gets $KUBECONFIG', 'kubectl')
    .option('--stdin', 'give what is read here to every one of them')
    .option('--group', 'the output of each cluster in one piece, when it has ended')
    .option('--fail-fast', 'stop the others when one fails')
    .option('-q, --quiet', 'no summary')
    .addOption(formatFlag())
    .action(async (args: string[], flags: EachFlags) => {
      const { kubeEach } = await import('./each/each.ts')
      await kubeEach(context, args, flags)
    })
  examples(command, [
    'tsh kube each -l env=dev -- get pods -A',
    'tsh kube each --all --group -- get nodes',
    'tsh kube each -l env=dev --stdin -- apply -f - < namespace.yaml',
    'tsh kube each -l env=dev --program=helm -- list -A',
    'tsh kube each --all --format=json -- version -o json',
  ])
  return command.addHelpText(
    'after',
    `
Each line is prefixed by its cluster. Clusters that are offline count as failed, and nothing is tried there.
Exit code 0: it went well everywhere. 1: not everywhere; stderr says where not.`,
  )
}

function credentialsCommand(context: TshContext): Command {
  const command = new Command('credentials')
    .description('print the credential for kubectl; kubeconfigs of "tsh login" call it')
    .option('--kube-cluster <name>', 'the Kubernetes cluster that it is for')
    .option('--teleport-cluster <name>', 'the Teleport cluster that it is of')
    .action(async (flags: CredentialFlags) => {
      const { kubeCredentials } = await import('./credentials.ts')
      await kubeCredentials(context, flags)
    })
  return examples(command, [
    'tsh kube credentials --proxy=teleport.example.com:3080 --teleport-cluster=example.com --kube-cluster=prod',
  ])
}
