import { Secret, TOTP } from 'otpauth'
import { OTP_DIGITS, OTP_PERIOD_MS, OTP_SECRET_BYTES, OTP_WINDOW_STEPS } from './limits.ts'

/** A new secret for an authenticator app, in base32. */
export const newOtpSecret = (): string => new Secret({ size: OTP_SECRET_BYTES }).base32

/** `otpauth://totp/…`, which apps read from a QR code. */
export const otpUri = (facts: {
  readonly secret: string
  /** The Teleport cluster. */
  readonly issuer: string
  readonly user: string
}): string => totpOf(facts.secret, facts.issuer, facts.user).toString()

/** The time step to which a code belongs; null when it is none of now, of just before or just after. */
export function otpStepOf(secret: string, code: string, nowMs: number): number | null {
  const digits = code.replaceAll(/\s/g, '')
  if (!/^\d{6}$/.test(digits)) return null
  const delta = totpOf(secret).validate({
    token: digits,
    timestamp: nowMs,
    window: OTP_WINDOW_STEPS,
  })
  return delta === null ? null : Math.floor(nowMs / OTP_PERIOD_MS) + delta
}

const totpOf = (secret: string, issuer = '', label = 'user'): TOTP =>
  new TOTP({
    issuer,
    label,
    secret: Secret.fromBase32(secret),
    algorithm: 'SHA1',
    digits: OTP_DIGITS,
    period: OTP_PERIOD_MS / 1000,
  })
