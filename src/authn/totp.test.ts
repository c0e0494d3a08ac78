import { Secret } from 'otpauth'
import { describe, expect, it } from 'vitest'
import { newOtpSecret, otpStepOf, otpUri } from './totp.ts'

/** RFC 6238, appendix B, with its last six digits. */
const SECRET = Secret.fromUTF8('12345678901234567890').base32

describe('one-time codes', () => {
  it.each([
    [59, '287082'],
    [1_111_111_109, '081804'],
    [1_111_111_111, '050471'],
    [1_234_567_890, '005924'],
    [2_000_000_000, '279037'],
    [20_000_000_000, '353130'],
  ])('are those of RFC 6238 at %i s', (seconds, code) => {
    expect(otpStepOf(SECRET, code, seconds * 1000)).toBe(Math.floor(seconds / 30))
  })

  it('are taken half a minute early or late, with the step that they belong to', () => {
    const step = Math.floor(1_234_567_890 / 30)
    const at = (steps: number): number | null =>
      otpStepOf(SECRET, '005924', (step + steps) * 30_000)
    expect([-2, -1, 0, 1, 2].map(at)).toEqual([null, step, step, step, null])
  })

  it('may be typed in two groups', () => {
    expect(otpStepOf(SECRET, '005 924', 1_234_567_890_000)).not.toBeNull()
  })

  it.each(['', '5924', '0059240', '00592a', '-05924', '００５９２４'])(
    'are six digits, not %j',
    (code) => {
      expect(otpStepOf(SECRET, code, 1_234_567_890_000)).toBeNull()
    },
  )

  it('come from secrets of 160 bits, in the URI that apps read', () => {
    const secret = newOtpSecret()
    expect(Secret.fromBase32(secret).bytes).toHaveLength(20)
    expect(newOtpSecret()).not.toBe(secret)
    const uri = new URL(otpUri({ secret, issuer: 'example.com', user: 'joe@example.com' }))
    expect(uri.protocol).toBe('otpauth:')
    expect(uri.host).toBe('totp')
    expect(decodeURIComponent(uri.pathname)).toBe('/example.com:joe@example.com')
    expect(Object.fromEntries(uri.searchParams)).toEqual({
      issuer: 'example.com',
      secret,
      algorithm: 'SHA1',
      digits: '6',
      period: '30',
    })
  })
})
