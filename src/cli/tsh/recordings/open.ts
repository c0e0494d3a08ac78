import { CliError } from '../../errors.ts'
import { print, say } from '../../io.ts'
import type { TshContext } from '../context.ts'
import { openSession } from '../session.ts'
import { remaining } from '../time.ts'
import { explained } from './open-recording.ts'

export interface OpenFlags {
  readonly browser?: boolean
}

/** What opens an address in the browser of whoever sits there. */
const OPENERS: Readonly<Partial<Record<NodeJS.Platform, string>>> = {
  darwin: 'open',
  linux: 'xdg-open',
  win32: 'start ""',
}

/** `tsh recordings open` */
export async function openInBrowser(
  context: TshContext,
  id: string,
  flags: OpenFlags,
): Promise<void> {
  const { io, now, platform } = context.world
  using session = await openSession(context)
  const link = await session.client.call('recordings.link', { params: { id } }).catch(explained)
  if (link.url === null) {
    throw new CliError('REFUSED', 'this cluster has no web address', {
      hint: `watch it here: tsh play ${id}`,
    })
  }
  print(io, link.url)
  say(
    io,
    `tsh: it opens once, in one browser, and ends ${remaining(Date.parse(link.expires), now())}`,
  )
  if (flags.browser !== true) return
  const opener = OPENERS[platform]
  const code = opener === undefined ? 127 : await io.foreground(opener, [link.url])
  if (code !== 0) {
    throw new CliError('REFUSED', 'the browser could not be opened', {
      hint: 'open the link yourself',
    })
  }
}
