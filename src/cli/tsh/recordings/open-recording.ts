import { ApiCallError } from '../../../client/index.ts'
import { withHint } from '../../errors.ts'
import type { TshContext } from '../context.ts'
import { openSession } from '../session.ts'
import { openFileRecording } from './file-recording.ts'
import type { Recording } from './recording.ts'
import { openStoredRecording } from './stored-recording.ts'

/** How ids of sessions look. */
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Works with a recording of the auth service, by its id, or with one that lies in a file. */
export async function withRecording(
  context: TshContext,
  what: string,
  options: { readonly identityFiles: readonly string[]; readonly keep: boolean },
  work: (recording: Recording) => Promise<void>,
): Promise<void> {
  if (!ID.test(what)) {
    await work(await openFileRecording(what))
    return
  }
  using session = await openSession(context)
  await work(await openStoredRecording(session.client, what, options).catch(explained))
}

/** What to do when the server does not show it. */
export function explained(error: unknown): never {
  throw error instanceof ApiCallError && error.code === 'NOT_FOUND'
    ? withHint(error, 'those that you may see: tsh recordings ls --last=720h')
    : error
}
