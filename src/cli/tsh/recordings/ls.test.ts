import { describe, expect, it } from 'vitest'
import { listQuery } from './ls.ts'

const NOW_MS = Date.UTC(2026, 10, 26, 12)

describe('when the recordings began that tsh recordings ls asks for', () => {
  it.each([
    [{}, { from: '2026-11-25T12:00:00.000Z' }],
    [{ last: '90m' }, { from: '2026-11-26T10:30:00.000Z' }],
    [{ last: '999999999h' }, { from: '1970-01-01T00:00:00.000Z' }],
    [{ fromUtc: '2026-02-28' }, { from: '2026-02-28T00:00:00.000Z' }],
    [{ fromUtc: '2026-02-28T09:30' }, { from: '2026-02-28T09:30:00.000Z' }],
    [{ toUtc: '2026-02-28T24:00:00Z' }, { to: '2026-03-01T00:00:00.000Z' }],
  ])('%j is %j', (flags, query) => {
    expect(listQuery(flags, NOW_MS)).toEqual(query)
  })

  it.each(['2026-02-30', '2026-02-30T10:00', '2025-02-29', '2026-04-31', '2026-13-01', 'today'])(
    '%s is no time',
    (fromUtc) => {
      expect(() => listQuery({ fromUtc }, NOW_MS)).toThrow(/is no time like/)
    },
  )
})
