import { describe, expect, it } from 'vitest'
import { sessionFacts } from '../../../test/support/session-facts.ts'
import { ApiCallError } from '../../client/index.ts'
import { RecordingError } from '../../recordings/index.ts'
import { createRemoteRecordings } from './deliver-recordings.ts'

/** What a service makes of this answer to a chunk. */
async function madeOf(status: number, code: string): Promise<unknown> {
  const target = createRemoteRecordings(() => Promise.reject(new ApiCallError(status, code, 'no')))
  return target.putChunk('an id', 0, Buffer.from('x')).catch((error: unknown) => error)
}

describe('a recording that the auth service does not take', () => {
  it.each([
    [400, 'BAD_REQUEST'],
    [409, 'CONFLICT'],
  ])('is given up after %i %s', async (status, code) => {
    const error = await madeOf(status, code)
    expect(error).toBeInstanceOf(RecordingError)
    expect(error).toMatchObject({ code: 'RECORDING_CONFLICT' })
  })

  it.each([
    [403, 'ACCESS_DENIED'],
    [404, 'NOT_FOUND'],
    [500, 'INTERNAL'],
    [500, 'RECORDING_CORRUPT'],
    [503, 'RECORDING_UNREADABLE'],
    [503, 'RECORDING_AHEAD'],
    [503, 'RECORDING_NO_ROOM'],
  ])('is brought again after %i %s', async (status, code) => {
    expect(await madeOf(status, code)).toBeInstanceOf(ApiCallError)
  })

  it('at once, since it is an older one, is brought piece by piece', async () => {
    const target = createRemoteRecordings(() =>
      Promise.reject(new ApiCallError(404, 'NOT_FOUND', 'no such endpoint')),
    )
    const end = { chunks: 1, bytes: 1, sha256: '', endedMs: 0, exitCode: 0, reason: '', cut: false }
    const head = { facts: sessionFacts(), encrypted: false }
    await expect(target.whole?.({ head, chunk: Buffer.from('x'), end })).rejects.toMatchObject({
      code: 'RECORDING_UNKNOWN',
    })
  })
})
