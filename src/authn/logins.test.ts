import { describe, expect, it } from 'vitest'
import { type Credentials, noCredentials } from './credentials.ts'
import { withLogin } from './logins.ts'

const joe: Credentials = { ...noCredentials('joe'), passwordHash: 'hash', lastOtpStep: 7 }

describe('withLogin()', () => {
  it('takes a later code, and remembers it', () => {
    const next = withLogin(joe, { passwordHash: 'hash', step: 8, nowMs: 99 })
    expect(next).toEqual({ ...joe, lastOtpStep: 8, lastLoginMs: 99 })
    expect(withLogin(next, { passwordHash: 'hash', step: 8, nowMs: 99 })).toBeNull()
  })

  it('asks for no code where there is none', () => {
    expect(withLogin(joe, { passwordHash: 'hash', step: null, nowMs: 99 })).toEqual({
      ...joe,
      lastLoginMs: 99,
    })
  })

  it.each([
    ['the same code again', joe, { passwordHash: 'hash', step: 7, nowMs: 0 }],
    ['an earlier code', joe, { passwordHash: 'hash', step: 6, nowMs: 0 }],
    ['a password that was replaced', joe, { passwordHash: 'before', step: 8, nowMs: 0 }],
    ['a user who has none', noCredentials('joe'), { passwordHash: null, step: 8, nowMs: 0 }],
    ['a user who was deleted', null, { passwordHash: 'hash', step: 8, nowMs: 0 }],
  ])('refuses %s', (_what, current, facts) => {
    expect(withLogin(current, facts)).toBeNull()
  })
})
