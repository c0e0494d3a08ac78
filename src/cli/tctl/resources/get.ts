import { Command } from 'commander'
import { parseFormat, render } from '../../format.ts'
import { print } from '../../io.ts'
import { examples } from '../../run.ts'
import type { TctlContext } from '../context.ts'
import { type AnyResource, kinds, parseReference, resourcesText } from './kinds.ts'

/** `tctl get` */
export function getCommand(context: TctlContext): Command {
  const command = new Command('get')
    .description('print resources, ready for "tctl create -f"')
    .argument(
      '<resources>',
      'kind or kind/name, comma-separated; "all" for every kind that can be kept',
    )
    .option('--format <format>', 'yaml, json or text', 'yaml')
    .option('--with-secrets', 'with the kubeconfigs of kube_clusters; the audit log tells it')
    .action(async (text: string, options: { format: string; withSecrets?: true }) => {
      const format = parseFormat(options.format)
      const references =
        text === 'all'
          ? kinds.filter(({ passing }) => passing !== true).map((kind) => ({ kind, name: null }))
          : text.split(',').map((part) => parseReference(part.trim()))
      using client = await context.connect()
      const resources: AnyResource[] = []
      const secrets = options.withSecrets === true
      for (const { kind, name } of references) {
        if (name !== null) resources.push(await kind.read(client, name, secrets))
        else {
          const found = await kind.list(client, secrets)
          // What cannot be written back is not kept.
          resources.push(
            ...(text === 'all' ? found.filter((one) => !kind.unwritable?.(one)) : found),
          )
        }
      }
      print(context.io, render(format, resources, resourcesText))
    })
  return examples(command, [
    'tctl get roles/admin > admin.yaml',
    'tctl get users,roles --format=json',
    'tctl get kube_clusters --format=text',
    'tctl get kube_cluster/staging --with-secrets > staging.yaml',
  ])
}
