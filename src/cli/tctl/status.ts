import { Command } from 'commander'
import { parseFormat, printable, renderOne } from '../format.ts'
import { print } from '../io.ts'
import { examples } from '../run.ts'
import type { TctlContext } from './context.ts'

/** `tctl status` */
export function statusCommand(context: TctlContext): Command {
  const command = new Command('status')
    .description('show the Teleport cluster and its CA pin')
    .option('--format <format>', 'text, json or yaml', 'text')
    .action(async (options: { format: string }) => {
      const format = parseFormat(options.format)
      using client = await context.connect()
      const status = await client.call('status.read', {})
      print(
        context.io,
        renderOne(format, status, () =>
          [
            ['Cluster', status.cluster_name],
            ['Version', status.version],
            ...status.ca_pins.map((pin) => ['CA pin', pin]),
            ['Kubernetes', status.kube_addr ?? 'not enabled'],
            ['You', status.user],
          ]
            .map(([name = '', value = '']) => `${name.padEnd(12)}${printable(value)}`)
            .join('\n'),
        ),
      )
    })
  return examples(command, ['tctl status', 'tctl status --format=json'])
}
