import { addressKey, type Clock, networkKey } from '../core/index.ts'
import { type CredentialStore, type Credentials, otpPlace } from './credentials.ts'
import { ADDRESS_LOCKOUT, NETWORK_LOCKOUT, USER_LOCKOUT } from './limits.ts'
import { LockoutTable } from './lockout-table.ts'
import type { PasswordHasher } from './password-hasher.ts'
import type { SecretCipher } from './ports.ts'
import { newOtpSecret, otpStepOf } from './totp.ts'

export interface LoginAttempt {
  readonly user: string
  readonly password: string
  /** Null: none was given. */
  readonly otp: string | null
  /** Where it comes from, without the port. */
  readonly host: string
  /** Whether there is a user of this name. */
  readonly exists: boolean
}

/** `refused` has no reason: it is the same whatever was wrong. */
export type LoginOutcome =
  | { readonly kind: 'throttled'; readonly waitMs: number }
  | { readonly kind: 'refused' }
  | { readonly kind: 'proven' }

/** Nobody's name: what is unsealed when there is nothing to unseal. */
const NOBODY = ''

/**
 * Proves local users. Each attempt takes the same steps whether or not the user exists, has a password or a second factor:
 * one look-up, one hash, one code. Attempts are counted as failed when they begin, so a thousand at once count as thousand.
 */
export class Logins {
  readonly #credentials: CredentialStore
  readonly #cipher: SecretCipher
  readonly #hasher: PasswordHasher
  readonly #clock: Clock
  readonly #secondFactor: boolean
  readonly #users: LockoutTable
  readonly #addresses: LockoutTable
  readonly #networks: LockoutTable
  readonly #nobodysSecret: string

  constructor(options: {
    readonly credentials: CredentialStore
    readonly cipher: SecretCipher
    readonly hasher: PasswordHasher
    readonly clock: Clock
    /** Whether a one-time code is asked for. */
    readonly secondFactor: boolean
  }) {
    this.#credentials = options.credentials
    this.#cipher = options.cipher
    this.#hasher = options.hasher
    this.#clock = options.clock
    this.#secondFactor = options.secondFactor
    this.#users = new LockoutTable(USER_LOCKOUT, options.clock)
    this.#addresses = new LockoutTable(ADDRESS_LOCKOUT, options.clock)
    this.#networks = new LockoutTable(NETWORK_LOCKOUT, options.clock)
    this.#nobodysSecret = options.cipher.encrypt(otpPlace(NOBODY), newOtpSecret())
  }

  /** Rejects with HASHING_BUSY, or as storage does; such an attempt does not count. */
  async prove(attempt: LoginAttempt): Promise<LoginOutcome> {
    const { user, password, otp, host, exists } = attempt
    const wait = Math.max(this.#users.waitMs(user), this.#hostWaitMs(host))
    if (wait > 0) return { kind: 'throttled', waitMs: wait }
    this.#users.count(user)
    this.#countHost(host)
    let proven: boolean
    try {
      const found = await this.#credentials.find(user)
      proven = await this.#judge(user, exists ? found : null, { password, otp, host })
    } catch (error) {
      this.#withdraw(user, host)
      throw error
    }
    if (!proven) return { kind: 'refused' }
    // The failures of before stay: a name that was free of them again would tell that its user exists, and was here.
    this.#withdraw(user, host)
    return { kind: 'proven' }
  }

  /** Until when nobody may try a name, in milliseconds since the epoch; null: anybody may. */
  lockedUntilMs(user: string): number | null {
    const wait = this.#users.waitMs(user)
    return wait === 0 ? null : this.#clock.now() + wait
  }

  /** Forgets the failures of a name: its user proved himself otherwise, or is another one. */
  unlock(user: string): void {
    this.#users.clear(user)
  }

  /** Counts against an address what is no login: somebody tries links. Milliseconds to wait; 0: go on. */
  countStray(host: string): number {
    const wait = this.#hostWaitMs(host)
    if (wait === 0) this.#countHost(host)
    return wait
  }

  #hostWaitMs(host: string): number {
    return Math.max(
      this.#addresses.waitMs(addressKey(host)),
      this.#networks.waitMs(networkKey(host)),
    )
  }

  #countHost(host: string): void {
    this.#addresses.count(addressKey(host))
    this.#networks.count(networkKey(host))
  }

  #withdraw(user: string, host: string): void {
    this.#users.withdraw(user)
    this.#addresses.withdraw(addressKey(host))
    this.#networks.withdraw(networkKey(host))
  }

  async #judge(
    user: string,
    found: Credentials | null,
    typed: { readonly password: string; readonly otp: string | null; readonly host: string },
  ): Promise<boolean> {
    const passwordHash = found?.passwordHash ?? null
    const matches = await this.#hasher.matches(passwordHash, typed.password, typed.host)
    const nowMs = this.#clock.now()
    const step = this.#secondFactor ? this.#stepOf(user, found, typed.otp, nowMs) : null
    if (!matches || (this.#secondFactor && step === null)) return false
    const facts = { passwordHash, step, nowMs }
    // First without storage: a right password with a used code must not take longer than a wrong one.
    if (withLogin(found, facts) === null) return false
    const written = await this.#credentials.update(user, (current) => withLogin(current, facts))
    return written !== null
  }

  #stepOf(
    user: string,
    found: Credentials | null,
    otp: string | null,
    nowMs: number,
  ): number | null {
    const sealed = found?.otpSealed ?? null
    const secret =
      sealed === null
        ? this.#cipher.decrypt(otpPlace(NOBODY), this.#nobodysSecret)
        : this.#cipher.decrypt(otpPlace(user), sealed)
    const step = otpStepOf(secret, otp ?? '', nowMs)
    return sealed === null ? null : step
  }
}

/**
 * The credentials after a login; null when it must not count: the password was replaced in between, or the code, or a later
 * one, was taken already. Pure.
 */
export function withLogin(
  current: Credentials | null,
  facts: {
    readonly passwordHash: string | null
    /** Null: no code was asked for. */
    readonly step: number | null
    readonly nowMs: number
  },
): Credentials | null {
  if (current === null || current.passwordHash === null) return null
  if (current.passwordHash !== facts.passwordHash) return null
  if (facts.step !== null && facts.step <= current.lastOtpStep) return null
  return {
    ...current,
    lastOtpStep: facts.step ?? current.lastOtpStep,
    lastLoginMs: facts.nowMs,
  }
}
