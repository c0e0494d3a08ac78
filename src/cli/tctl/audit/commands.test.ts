import { expect, it } from 'vitest'
import { queryOf } from './commands.ts'

const NOW_MS = Date.parse('2026-01-31T09:00:00.000Z')

it('times are sent as they are, and durations count back from now', () => {
  const flags = { from: '2h', to: '2026-01-31T08:30:00Z', format: 'text' }
  expect(queryOf(flags, NOW_MS)).toEqual({
    from: '2026-01-31T07:00:00.000Z',
    to: '2026-01-31T08:30:00Z',
  })
})

it.each(['from', 'to'])('what is neither is said with its flag: --%s', (flag) => {
  expect(() => queryOf({ [flag]: 'yesterday', format: 'text' }, NOW_MS)).toThrow(
    `--${flag}=yesterday is neither a time like 2026-01-31T09:00:00Z nor a duration like 2h`,
  )
})
