import { describe, expect, it } from 'vitest'
import { reportedSession } from '../../../test/support/reported-session.ts'
import { behind, cursorOf } from './cursor.ts'
import { newestFirst } from './registry.ts'
import { sessionOf } from './shown.ts'

const NOW_MS = Date.UTC(2026, 0, 1)

/** A session as the registry has it, of a service that says that it began then. */
const told = (started: string) => ({
  hostId: '6b9a3b36-6f5d-4d9e-8a63-0d3c4f2f9e11',
  ...sessionOf(reportedSession({ started }), NOW_MS),
})

describe('the cursor of a list of sessions', () => {
  it('leads on from every session, whatever its service says of when it began', () => {
    const sessions = [
      '2025-12-31T23:59:59.999Z',
      '2025-12-31T23:59:59.999Z',
      '2030-01-01T00:00:00Z',
      '1960-01-01T00:00:00Z',
      '-271821-04-20T00:00:00Z',
      'yesterday',
    ]
      .map(told)
      .sort(newestFirst)
    for (const [at, session] of sessions.entries()) {
      expect(behind(sessions, cursorOf(session))).toEqual(sessions.slice(at + 1))
    }
  })

  it.each(['', 'x', '1_2_3', '-5_00000000-0000-4000-8000-000000000000_host'])(
    '%j is none',
    (cursor) => {
      expect(() => behind([], cursor)).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }))
    },
  )
})
