import { describe, expect, it } from 'vitest'
import { roleOf } from '../../test/support/roles.ts'
import { sessionTtl } from './session-ttl.ts'

describe('sessionTtl()', () => {
  it('takes the shortest limit and names its role', () => {
    const roles = [
      roleOf('a', { options: { max_session_ttl: '10h' } }),
      roleOf('b', { options: { max_session_ttl: '8h' } }),
      roleOf('c', {}),
    ]
    expect(sessionTtl(roles, 8760 * 3_600_000)).toEqual({ ttlMs: 8 * 3_600_000, cappedBy: 'b' })
    expect(sessionTtl(roles, 1000)).toEqual({ ttlMs: 1000, cappedBy: null })
  })
})
