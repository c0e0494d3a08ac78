import { parseFormat, render } from '../../format.ts'
import { print, say } from '../../io.ts'
import {
  listSessions,
  type SessionsFlags,
  sessionsQuery,
  sessionsText,
} from '../../sessions/list.ts'
import type { TshContext } from '../context.ts'
import { openSession } from '../session.ts'

/** `tsh sessions ls` */
export async function sessionsLs(context: TshContext, flags: SessionsFlags): Promise<void> {
  const { io } = context.world
  const format = parseFormat(flags.format)
  const query = sessionsQuery(flags)
  using login = await openSession(context)
  const sessions = await listSessions(login.client, query)
  print(io, render(format, sessions, sessionsText))
  if (format === 'text' && sessions.length === 0) {
    say(
      io,
      'tsh: no session goes on that you may see; "tsh recordings ls" shows those that are over',
    )
  }
}
