import { parseFormat, render, table } from '../../format.ts'
import { print } from '../../io.ts'
import type { TshContext } from '../context.ts'
import { openSession } from '../session.ts'

/** `tsh clusters`: the Teleport clusters behind the proxy. */
export async function clusters(
  context: TshContext,
  flags: { readonly format: string },
): Promise<void> {
  const format = parseFormat(flags.format)
  using session = await openSession(context)
  const self = await session.client.call('self.read', {})
  const found = [
    { cluster_name: self.teleport_cluster, status: 'online', cluster_type: 'root', selected: true },
  ]
  print(
    context.world.io,
    render(format, found, (all) =>
      table(
        ['Cluster Name', 'Status', 'Cluster Type', 'Selected'],
        all.map(({ cluster_name, status, cluster_type, selected }) => [
          cluster_name,
          status,
          cluster_type,
          selected ? '*' : '',
        ]),
      ),
    ),
  )
}
