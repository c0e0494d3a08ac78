import type { ApiClient } from '../../client/index.ts'
import { CliError } from '../errors.ts'
import { printable } from '../format.ts'
import { type Io, print, say } from '../io.ts'
import { hostnameOf } from './list.ts'

const SESSION_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
/** What the server takes of a message. */
const MESSAGE_CHARS = 512

/** Ends a session, and says whose it was. Throws CliError USAGE for what can be none. */
export async function endSession(
  io: Io,
  connect: () => Promise<ApiClient>,
  { id, message, tool }: { id: string; message: string | undefined; tool: 'tsh' | 'tctl' },
): Promise<void> {
  if (!SESSION_ID.test(id)) {
    throw new CliError('USAGE', `${id} is no id of a session`, {
      hint: `see "${tool} sessions ls" for those that go on`,
    })
  }
  assertMessage(message)
  using client = await connect()
  const { session, ended } = await client.call('sessions.remove', {
    params: { id },
    body: message === undefined ? {} : { message },
  })
  const what = `session ${id} of ${printable(session.user)} in ${printable(hostnameOf(session))}`
  if (ended) {
    print(io, `${what} has ended`)
    return
  }
  print(io, `${what} is to end`)
  say(
    io,
    `${tool}: service ${session.server_id} does not answer at present: it is told within the next ten minutes, as soon as it does`,
  )
  say(io, `${tool}: see whether it has ended: ${tool} sessions ls`)
}

function assertMessage(message: string | undefined): void {
  if (message === undefined) return
  // It is shown on the terminal of whoever's session ends.
  if (message.length > MESSAGE_CHARS || /[\u0000-\u001f\u007f-\u009f]/.test(message)) {
    throw new CliError(
      'USAGE',
      `--message is one line of at most ${MESSAGE_CHARS} characters, without control characters`,
    )
  }
}
