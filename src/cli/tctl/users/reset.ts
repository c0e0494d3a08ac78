import { Command } from 'commander'
import { parseFormat, render } from '../../format.ts'
import { print, say } from '../../io.ts'
import { examples } from '../../run.ts'
import type { TctlContext } from '../context.ts'
import { caPinsOf, LINK_TTL, linkText, makeLink, parseLinkTtl } from './link.ts'

/** `tctl users reset` */
export function resetCommand(context: TctlContext): Command {
  const { usual, most } = LINK_TTL.reset
  const command = new Command('reset')
    .description('end password and second factor of a user, and make a link for new ones')
    .argument('<name>', 'name of the user')
    .option('--ttl <duration>', `how long the link works, at most ${most} (default: ${usual})`)
    .option('--format <format>', 'text, json or yaml', 'text')
    .action(async (name: string, options: { ttl?: string; format: string }) => {
      const format = parseFormat(options.format)
      const ttlMs = parseLinkTtl('reset', options.ttl)
      using client = await context.connect()
      const link = await makeLink(client, name, 'reset', ttlMs)
      const pins = await caPinsOf(client)
      const { io } = context
      print(
        io,
        render(format, [{ user: name, ...link }], () =>
          [`password and second factor of "${name}" are ended`, linkText(name, link, pins)].join(
            '\n',
          ),
        ),
      )
      say(
        io,
        `certificates that "${name}" has go on until they end: see "tctl lock --user=${name}"`,
      )
    })
  return examples(command, ['tctl users reset joe', 'tctl users reset joe --ttl=1h'])
}
