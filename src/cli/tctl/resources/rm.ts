import { Command } from 'commander'
import { CliError } from '../../errors.ts'
import { print } from '../../io.ts'
import { examples } from '../../run.ts'
import type { TctlContext } from '../context.ts'
import { parseReference } from './kinds.ts'

/** `tctl rm` */
export function rmCommand(context: TctlContext): Command {
  const command = new Command('rm')
    .description('remove one resource')
    .argument('<kind/name>', 'roles/admin, users/joe, lock/<name>, kube_server/prod')
    .action(async (text: string) => {
      const { kind, name } = parseReference(text)
      if (name === null) throw new CliError('USAGE', `which ${kind.kind}? give ${kind.kind}/<name>`)
      if (kind.remove === undefined) throw new CliError('USAGE', `${kind.kind} cannot be removed`)
      using client = await context.connect()
      await kind.remove(client, name)
      print(context.io, `${kind.kind} "${name}" removed`)
    })
  return examples(command, [
    'tctl rm roles/developer',
    'tctl rm users/joe',
    'tctl rm kube_server/prod',
    'tctl rm lock/c9d2b7e0-5f0e-4a53-9d0a-6f8a3b1c7e42',
  ])
}
