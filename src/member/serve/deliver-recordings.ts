import { ApiCallError } from '../../client/index.ts'
import type { RecordingEnd as ToldEnd } from '../../contract/index.ts'
import {
  type RecordingEnd,
  RecordingError,
  type RecordingTarget,
  toldFacts,
} from '../../recordings/index.ts'
import type { MemberCall } from '../ports.ts'

/**
 * What the auth service will never take, however often it is brought: another content of what it has, or what it cannot read. That it
 * does not let us speak of a cluster may pass: it has not heard yet that we serve it. That it knows no such recording is mended by
 * beginning it again, unless chunks of it went there before: then it says CONFLICT.
 */
const FOR_GOOD: ReadonlySet<string> = new Set(['BAD_REQUEST', 'CONFLICT'])

/** Delivers recordings to the auth service. */
export function createRemoteRecordings(call: MemberCall): RecordingTarget {
  return {
    begin: ({ facts, encrypted }) =>
      delivered(
        call('member.recording_begin', {
          params: { id: facts.sessionId },
          body: { ...toldFacts(facts), encrypted },
        }),
      ),
    putChunk: (id, index, chunk) =>
      delivered(
        call('member.recording_chunk', { params: { id, index: String(index) }, body: chunk }),
      ),
    end: (id, end) =>
      delivered(call('member.recording_end', { params: { id }, body: toldEnd(end) })),
    whole: ({ head: { facts, encrypted }, chunk, end }) =>
      delivered(
        call('member.recording_whole', {
          params: { id: facts.sessionId },
          body: {
            facts: { ...toldFacts(facts), encrypted },
            end: toldEnd(end),
            chunk: Buffer.from(chunk).toString('base64'),
          },
        }).catch((error: unknown) => {
          // Nothing else of it is ever not found: it is an older auth service.
          if (!(error instanceof ApiCallError) || error.code !== 'NOT_FOUND') throw error
          throw new RecordingError('RECORDING_UNKNOWN', error.message, { cause: error })
        }),
      ),
  }
}

async function delivered(call: Promise<unknown>): Promise<void> {
  try {
    await call
  } catch (error) {
    if (!(error instanceof ApiCallError) || !FOR_GOOD.has(error.code)) throw error
    throw new RecordingError('RECORDING_CONFLICT', error.message, { cause: error })
  }
}

const toldEnd = ({ exitCode, endedMs, ...end }: RecordingEnd): ToldEnd => ({
  ...end,
  ...(exitCode === null ? {} : { exit_code: exitCode }),
  ended: new Date(endedMs).toISOString(),
})
