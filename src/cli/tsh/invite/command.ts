import { Command } from 'commander'
import { examples } from '../../run.ts'
import type { TshContext } from '../context.ts'
import { collect } from '../flags.ts'
import type { InviteFlags } from './invite.ts'

/** `tsh invite` */
export function inviteCommand(context: TshContext): Command {
  const command = new Command('invite')
    .description('set your password by the link that an administrator gave you, without a browser')
    .argument(
      '[link]',
      'https://<proxy>/web/invite/… or …/web/reset/…; without it you are asked, and nobody sees it in the list of processes',
    )
    .option(
      '--ca-pin <pin>',
      'the CA pin that "tctl status" shows; the server must have it (repeatable)',
      collect,
    )
    .option('--insecure', 'believe an unknown server unseen; never one that changed')
    .option(
      '--password-stdin',
      'read the link, unless it is given, and the password from lines of stdin',
    )
    .action(async (link: string | undefined, flags: InviteFlags) => {
      const { acceptInvite } = await import('./invite.ts')
      await acceptInvite(context, link, flags)
    })
  return examples(command, [
    'tsh invite',
    'tsh invite https://teleport.example.com:3080/web/invite/0123456789abcdef0123456789abcdef',
  ])
}
