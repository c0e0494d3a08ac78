import { Command } from 'commander'
import { parseFormat, render } from '../format.ts'
import { print } from '../io.ts'
import { examples } from '../run.ts'
import { endSession } from '../sessions/end.ts'
import { listSessions, type SessionsFlags, sessionsQuery, sessionsText } from '../sessions/list.ts'
import type { TctlContext } from './context.ts'

/** A session of everybody's examples. */
const ID = '2f0c5f6e-6a5e-4d8e-9a55-0b7a5a7f2d11'

interface LsFlags extends Omit<SessionsFlags, 'sessionUser'> {
  readonly user?: string
}

/** `tctl sessions` */
export function sessionsCommand({ io, connect }: TctlContext): Command {
  const ls = new Command('ls')
    .description('list the sessions that go on')
    .option('--kind <kind>', 'only those: kube (all), exec, attach, portforward')
    .option('--user <name>', 'only those of this person')
    .option('--kube-cluster <name>', 'only those in this Kubernetes cluster')
    .option('--format <format>', 'text, json or yaml', 'text')
    .action(async ({ user, ...flags }: LsFlags) => {
      const format = parseFormat(flags.format)
      const query = sessionsQuery(user === undefined ? flags : { ...flags, sessionUser: user })
      using client = await connect()
      print(io, render(format, await listSessions(client, query), sessionsText))
    })
  const rm = new Command('rm')
    .description('end a session at once; its person is told who did it, and the message')
    .argument('<id>', 'of the session (see tctl sessions ls)')
    .option('--message <text>', 'what is told to whoever’s session it is')
    .action((id: string, { message }: { message?: string }) =>
      endSession(io, connect, { id, message, tool: 'tctl' }),
    )
  const command = new Command('sessions')
    .description('see and end sessions that go on')
    .addCommand(
      examples(ls, [
        'tctl sessions ls',
        'tctl sessions ls --user=joe --kube-cluster=prod',
        'tctl sessions ls --format=json',
      ]),
    )
    .addCommand(
      examples(rm, [
        `tctl sessions rm ${ID}`,
        `tctl sessions rm ${ID} --message="maintenance begins"`,
      ]),
    )
  return command.addHelpText(
    'after',
    `
Examples:
  $ tctl sessions ls --user=joe
  $ tctl sessions rm ${ID} --message="maintenance begins"

Who is to begin no other session either is locked out: tctl lock --user=joe`,
  )
}
