import type { ApiClient } from '../../client/index.ts'
import type { AuditEventResource, RecordingResource } from '../../contract/index.ts'
import { chainedChunks, RecordError } from '../../recording/index.ts'
import { CliError } from '../errors.ts'

/** The clock of the service that says when a session began may be ahead of the one of the audit log: by more, no recording is taken in. */
const CLOCKS_APART_MS = 60 * 60 * 1000
/** What the server gives at once. */
const PAGE_EVENTS = 1000

/**
 * Holds a recording, as it is kept now, against the audit log: who may write where recordings are kept can put another one there, all of
 * whose hashes fit, and not change what was said elsewhere when it was taken in. Resolves to it. Rejects with CliError.
 */
export async function verifyRecording(client: ApiClient, id: string): Promise<RecordingResource> {
  const recording = await client.call('recordings.get', { params: { id } })
  if (recording.ended === null) {
    throw new CliError('REFUSED', `nobody has said how the session of recording ${id} ended`, {
      hint: 'the audit log tells the hash of one that has come whole: verify it then',
    })
  }
  const sha256 = await hashTold(client, recording)
  if (sha256 === null) {
    throw new CliError('RECORDING_BROKEN', `the audit log does not tell of recording ${id}`, {
      hint: 'its events are kept for less time than recordings are, or somebody put it there who is no service of this cluster',
    })
  }
  try {
    for await (const _ of chainedChunks(chunksOf(client, recording), sha256)) {
      // The hash is judged behind the last one.
    }
  } catch (error) {
    if (!(error instanceof RecordError)) throw error
    throw new CliError(
      'RECORDING_BROKEN',
      `recording ${id} is not the one that the audit log tells of`,
      { cause: error, hint: `it was taken in with SHA-256 ${sha256}, and changed since` },
    )
  }
  return recording
}

/** What `session.upload` says, where the auth service said it: others may deliver events, too. */
async function hashTold(
  client: ApiClient,
  { session_id: id, started }: RecordingResource,
): Promise<string | null> {
  const from = new Date(Math.max(0, Date.parse(started) - CLOCKS_APART_MS)).toISOString()
  let after: string | null = null
  do {
    const page: { items: AuditEventResource[]; next: string | null } = await client.call(
      'events.list',
      {
        query: {
          event: 'session.upload',
          from,
          order: 'asc',
          limit: PAGE_EVENTS,
          ...(after === null ? {} : { after }),
        },
      },
    )
    for (const event of page.items as (AuditEventResource & Partial<Upload>)[]) {
      const isOfAuth = event.delivered_by === undefined
      if (event.sid === id && isOfAuth && event.sha256 !== undefined) return event.sha256
    }
    after = page.next
  } while (after !== null)
  return null
}

/** Fields of `session.upload` (docs/audit-schema.md). */
interface Upload {
  readonly sid: string
  readonly sha256: string
  readonly delivered_by: string
}

async function* chunksOf(
  client: ApiClient,
  { session_id: id, chunks }: RecordingResource,
): AsyncGenerator<Buffer, void, undefined> {
  for (let index = 0; index < chunks; index += 1) {
    yield Buffer.from(
      await client.call('recordings.chunk', { params: { id, index: String(index) } }),
    )
  }
}
