import { Command } from 'commander'
import { completionCommand } from '../completion/command.ts'
import type { Io } from '../io.ts'
import { print } from '../io.ts'
import { examples, versionFlag } from '../run.ts'
import { ownVersion } from '../version.ts'
import { auditCommand } from './audit/commands.ts'
import { authSignCommand } from './auth/sign.ts'
import type { ConnectionFlags } from './connection/choose.ts'
import { connectionFlags } from './connection/flags.ts'
import { type TctlContext, tctlContext } from './context.ts'
import { inventoryCommand } from './inventory.ts'
import { kubeCommand } from './kube.ts'
import { lockCommand } from './lock.ts'
import { recordingsCommand } from './recordings.ts'
import { createCommand } from './resources/create.ts'
import { editCommand } from './resources/edit.ts'
import { getCommand } from './resources/get.ts'
import { rmCommand } from './resources/rm.ts'
import { sessionsCommand } from './sessions.ts'
import { statusCommand } from './status.ts'
import { tokensCommand } from './tokens/commands.ts'
import { topCommand } from './top/command.ts'
import { usersCommand } from './users/commands.ts'

/** `tctl`: administration through the management API of the running auth service. `contextOf` is for tests. */
export function buildTctl(io: Io, contextOf = tctlContext): Command {
  const program = new Command('tctl')
    .description('administer a Teleport cluster, on its own machine or from anywhere')
    .configureHelp({ showGlobalOptions: true })
  let flags = (): ConnectionFlags => ({})
  const context: TctlContext = contextOf(io, () => flags())

  const auth = new Command('auth').description('certificates and authorities')
  auth.addCommand(authSignCommand(context))
  examples(auth, ['tctl auth sign --user=jenkins --format=kubernetes --out=kubeconfig --ttl=25h'])
  const version = new Command('version')
    .description('print the version')
    .action(() => print(io, ownVersion()))

  program
    .addCommand(usersCommand(context))
    .addCommand(createCommand(context))
    .addCommand(getCommand(context))
    .addCommand(editCommand(context))
    .addCommand(rmCommand(context))
    .addCommand(lockCommand(context))
    .addCommand(auth)
    .addCommand(tokensCommand(context))
    .addCommand(inventoryCommand(context))
    .addCommand(kubeCommand(context))
    .addCommand(sessionsCommand(context))
    .addCommand(recordingsCommand(context))
    .addCommand(auditCommand(context))
    .addCommand(statusCommand(context))
    .addCommand(topCommand(context))
    .addCommand(completionCommand(io, 'tctl'))
    .addCommand(examples(version, ['tctl version']))
  flags = connectionFlags(program)
  versionFlag(program, ownVersion())
  program.addHelpText(
    'after',
    '\nWho you are: the identity file of -i; else, by -c, the administrator of this machine; else that one when\nthere is one and no address is named; else the login of "tsh login". Your roles decide what you may do.',
  )
  return examples(program, [
    'tctl status',
    'tctl -i admin.pem --auth-server=teleport.example.com:3025 users ls',
    'tctl -i admin.pem --proxy=teleport.example.com get roles',
  ])
}
