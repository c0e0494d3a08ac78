import { Command } from 'commander'
import { everyPage } from '../every-page.ts'
import { healthWords, labelsText, parseFormat, render, table } from '../format.ts'
import { print, say } from '../io.ts'
import { examples } from '../run.ts'
import type { TctlContext } from './context.ts'

/** `tctl kube ls` */
export function kubeCommand(context: TctlContext): Command {
  const ls = new Command('ls')
    .description('list the Kubernetes clusters')
    .option('--format <format>', 'text, json or yaml', 'text')
    .action(async (options: { format: string }) => {
      const format = parseFormat(options.format)
      using client = await context.connect()
      const items = await everyPage((after) =>
        client.call('kube_clusters.list', { query: after === null ? {} : { after } }),
      )
      print(
        context.io,
        render(format, items, (clusters) =>
          table(
            ['Kube Cluster Name', 'Labels', 'Status', 'Since', 'Version', 'Services', 'Last Seen'],
            clusters.map(({ metadata, status }) => [
              metadata.name,
              labelsText(metadata.labels),
              healthWords(status),
              status.since ?? '',
              status.kubernetes_version ?? '',
              String(status.services ?? ''),
              status.last_seen,
            ]),
          ),
        ),
      )
      if (format === 'text' && items.length === 0) {
        say(
          context.io,
          'tctl: no Kubernetes cluster yet: "tctl tokens add --type=kube" says how an agent joins',
        )
      }
    })
  const command = new Command('kube')
    .description('the Kubernetes clusters of this Teleport cluster, and how they are')
    .addCommand(examples(ls, ['tctl kube ls', 'tctl kube ls --format=json']))
  return examples(command, ['tctl kube ls'])
}
