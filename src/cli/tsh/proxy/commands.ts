import { Command } from 'commander'
import { examples } from '../../run.ts'
import type { TshContext } from '../context.ts'
import { formatFlag } from '../flags.ts'
import { addContextFlags } from '../kube/context-flags.ts'
import type { ProxyKubeFlags } from './kube.ts'

/** `tsh proxy` */
export function proxyCommand(context: TshContext): Command {
  const command = new Command('proxy')
    .description('local ports for places where something in front of the proxy ends TLS')
    .addCommand(kubeCommand(context))
  return examples(command, ['tsh proxy kube', 'tsh proxy kube prod --port=8443'])
}

function kubeCommand(context: TshContext): Command {
  const command = new Command('kube')
    .summary('a local port for kubectl, and a kubeconfig that leads there')
    .description(
      'open a local port that leads to Kubernetes clusters past a load balancer that ends TLS, and write a kubeconfig for it; until ctrl-c',
    )
    .argument('[clusters...]', 'their names, or beginnings of only one name (default: all)')
    .option('-l, --labels <labels>', 'clusters with these labels: env=dev,team')
    .option('--search <words>', 'clusters with these words in a name or label')
    .option('--query <predicate>', 'clusters of which this holds (see tsh kube ls --help)')
    .option('-p, --port <port>', 'the local port (default: one that is free)')
  addContextFlags(command, 'contexts')
    .option('--exec', 'start $SHELL with that kubeconfig, and end with it')
    .addOption(formatFlag())
    .action(async (clusters: readonly string[], flags: ProxyKubeFlags) => {
      const { proxyKube } = await import('./kube.ts')
      await proxyKube(context, clusters, flags)
    })
  examples(command, [
    'tsh proxy kube',
    'tsh proxy kube prod -n payments --port=8443',
    'tsh proxy kube -l env=dev --exec',
    'tsh proxy kube --format=json | jq -r .kubeconfig',
  ])
  return command.addHelpText(
    'after',
    `
Another terminal uses what is printed: export KUBECONFIG=… TLS is made by kubectl itself, end to end, so the port
is of no use to others on this machine. In front of it nothing has to be open but the proxy's web port.`,
  )
}
