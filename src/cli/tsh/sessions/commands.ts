import { Command } from 'commander'
import { examples } from '../../run.ts'
import type { SessionsFlags } from '../../sessions/list.ts'
import type { TshContext } from '../context.ts'
import { formatFlag } from '../flags.ts'

/** A session of everybody's examples. */
const ID = '2f0c5f6e-6a5e-4d8e-9a55-0b7a5a7f2d11'

/** `tsh sessions` */
export function sessionsCommand(context: TshContext): Command {
  const ls = addListFlags(
    new Command('ls')
      .alias('list')
      .description('list the sessions that go on: your own, and those that your roles show'),
  ).action(async (flags: SessionsFlags) => {
    const { sessionsLs } = await import('./ls.ts')
    await sessionsLs(context, flags)
  })
  const rm = new Command('rm')
    .description('end a session: one of yours, or any that your roles let you end')
    .argument('<id>', 'of the session (see tsh sessions ls)')
    .option('--message <text>', 'what is told to whoever’s session it is')
    .action(async (id: string, { message }: { message?: string }) => {
      const { endSession } = await import('../../sessions/end.ts')
      const { openSession } = await import('../session.ts')
      const connect = async () => (await openSession(context)).client
      await endSession(context.world.io, connect, { id, message, tool: 'tsh' })
    })
  const command = new Command('sessions')
    .description('see and end sessions that go on')
    .addCommand(
      examples(ls, [
        'tsh sessions ls',
        'tsh sessions ls --kind=kube --kube-cluster=prod',
        'tsh sessions ls --kind=portforward --session-user=joe',
        'tsh sessions ls --format=json | jq -r .[].session_id',
      ]),
    )
    .addCommand(
      examples(rm, [`tsh sessions rm ${ID}`, `tsh sessions rm ${ID} --message="done for today"`]),
    )
  return examples(command, ['tsh sessions ls --kind=kube', `tsh sessions rm ${ID}`])
}

/** `tsh kube sessions`, as it was called before. */
export function kubeSessionsCommand(context: TshContext): Command {
  const command = addListFlags(
    new Command('sessions').description('list the sessions that go on (see tsh sessions ls)'),
  ).action(async (flags: SessionsFlags) => {
    const { say } = await import('../../io.ts')
    say(context.world.io, 'tsh: "tsh kube sessions" goes away: use "tsh sessions ls --kind=kube"')
    const { sessionsLs } = await import('./ls.ts')
    await sessionsLs(context, flags)
  })
  return examples(command, ['tsh kube sessions', 'tsh kube sessions --format=json'])
}

const addListFlags = (command: Command): Command =>
  command
    .option('--kind <kind>', 'only those: kube (all), exec, attach, portforward')
    .option('--kube-cluster <name>', 'only those in this Kubernetes cluster')
    .option('--session-user <name>', 'only those of this person')
    .addOption(formatFlag())
