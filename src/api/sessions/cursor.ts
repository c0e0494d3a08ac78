import { ApiError } from '../errors.ts'
import { type KnownSession, newestFirst } from './registry.ts'

type Place = Pick<KnownSession, 'startedMs' | 'sessionId' | 'hostId'>

const CURSOR = /^(\d{1,15})_([0-9a-f-]{36})_(.{1,64})$/

/** Where a page ends. */
export const cursorOf = ({ startedMs, sessionId, hostId }: Place): string =>
  `${startedMs}_${sessionId}_${hostId}`

/** Those behind a place; sessions that ended or began meanwhile move nobody else. Throws BAD_REQUEST. */
export function behind<S extends Place>(sessions: readonly S[], cursor: string): readonly S[] {
  const [, startedMs, sessionId, hostId] = CURSOR.exec(cursor) ?? []
  if (startedMs === undefined || sessionId === undefined || hostId === undefined) {
    throw new ApiError('BAD_REQUEST', 'after: it is not the "next" of an answer')
  }
  const place = { startedMs: Number(startedMs), sessionId, hostId }
  const first = sessions.findIndex((one) => newestFirst(one, place) > 0)
  return first === -1 ? [] : sessions.slice(first)
}
