import { describe, expect, it } from 'vitest'
import { type Credentials, noCredentials, type PendingInvite } from './credentials.ts'
import { liveInvite, withInvite, withPassword, withSecret } from './invites.ts'

const pending = (kind: 'invite' | 'reset', tokenHash = 'h1'): PendingInvite => ({
  kind,
  tokenHash,
  expiresAtMs: 1000,
  otpSealed: `sealed-${tokenHash}`,
})
const joe: Credentials = {
  ...noCredentials('joe'),
  passwordHash: 'old',
  otpSealed: 'sealed-old',
  lastOtpStep: 7,
  lastLoginMs: 5,
}

describe('links', () => {
  it('end the earlier ones', () => {
    const first = withInvite(null, 'joe', pending('invite', 'h1'))
    const second = withInvite(first, 'joe', pending('invite', 'h2'))
    expect(liveInvite(first, 'h1', 0)).not.toBeNull()
    expect(liveInvite(second, 'h1', 0)).toBeNull()
    expect(liveInvite(second, 'h2', 0)).not.toBeNull()
  })

  it('to reset end password and second factor at once, others do not', () => {
    expect(withInvite(joe, 'joe', pending('reset'))).toMatchObject({
      passwordHash: null,
      otpSealed: null,
      lastLoginMs: 5,
    })
    expect(withInvite(joe, 'joe', pending('invite'))).toMatchObject({
      passwordHash: 'old',
      otpSealed: 'sealed-old',
    })
  })

  it('count until the moment at which they expire', () => {
    const current = withInvite(null, 'joe', pending('invite'))
    expect(liveInvite(current, 'h1', 999)).not.toBeNull()
    expect(liveInvite(current, 'h1', 1000)).toBeNull()
  })

  const facts = {
    hash: 'h1',
    otpSealed: 'sealed-h1',
    passwordHash: 'new',
    step: 9,
    secondFactor: true,
    nowMs: 0,
  }

  it('take no code of a secret that was replaced', () => {
    const shown = { hash: 'h1', otpSealed: 'sealed-anew', nowMs: 0 }
    const current = withSecret(withInvite(joe, 'joe', pending('reset')), shown)
    expect(withPassword(current, facts)).toBeNull()
    expect(withPassword(current, { ...facts, otpSealed: 'sealed-anew' })?.otpSealed).toBe(
      'sealed-anew',
    )
    expect(withSecret(current, { ...shown, hash: 'h2' })).toBeNull()
    expect(withSecret(current, { ...shown, nowMs: 1000 })).toBeNull()
  })

  it('give password and code secret together, and are gone', () => {
    const next = withPassword(withInvite(joe, 'joe', pending('reset')), facts)
    expect(next).toMatchObject({
      passwordHash: 'new',
      otpSealed: 'sealed-h1',
      lastOtpStep: 9,
      invite: null,
    })
    expect(withPassword(next, facts)).toBeNull()
  })

  it('leave no second factor where none is asked for', () => {
    const current = withInvite(joe, 'joe', pending('invite'))
    expect(withPassword(current, { ...facts, secondFactor: false })?.otpSealed).toBeNull()
  })

  it.each([
    ['a user who was deleted', null, facts],
    ['a user without a link', joe, facts],
    ['another link', withInvite(joe, 'joe', pending('invite', 'h2')), facts],
    ['one that is too old', withInvite(joe, 'joe', pending('invite')), { ...facts, nowMs: 1000 }],
  ])('do nothing for %s', (_what, current, what) => {
    expect(withPassword(current, what)).toBeNull()
  })
})
