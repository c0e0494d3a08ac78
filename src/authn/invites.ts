import type { Clock } from '../core/index.ts'
import type { Backend } from '../storage/index.ts'
import {
  type CredentialStore,
  type Credentials,
  type InviteKind,
  noCredentials,
  otpPlace,
  type PendingInvite,
} from './credentials.ts'
import type { PasswordHasher } from './password-hasher.ts'
import { judgePassword, type PasswordProblem } from './password-rules.ts'
import type { SecretCipher } from './ports.ts'
import { newToken, tokenHash } from './tokens.ts'
import { newOtpSecret, otpStepOf } from './totp.ts'

/** A link that leads somewhere, as its holder may see it. */
export interface Invitation {
  readonly user: string
  readonly kind: InviteKind
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number
}

/** What became of a password that somebody wants to set. */
export type Acceptance =
  | { readonly kind: 'invalid' }
  | { readonly kind: 'weak'; readonly problem: PasswordProblem }
  | { readonly kind: 'otp-wrong' }
  | {
      readonly kind: 'ready'
      readonly user: string
      /** Sets the password and ends the link, unless the link ended, or was looked at anew, in between. Rejects with HASHING_BUSY. */
      commit(): Promise<'set' | 'invalid' | 'otp-wrong'>
    }

/**
 * Links with which users set a password, once. A user has at most one; it lives in his credentials, so using it, replacing
 * it and deleting the user exclude each other. What leads from a token to its user is a pointer that decides nothing.
 */
export class Invites {
  readonly #backend: Backend
  readonly #credentials: CredentialStore
  readonly #cipher: SecretCipher
  readonly #hasher: PasswordHasher
  readonly #clock: Clock
  readonly #secondFactor: boolean

  constructor(options: {
    readonly backend: Backend
    readonly credentials: CredentialStore
    readonly cipher: SecretCipher
    readonly hasher: PasswordHasher
    readonly clock: Clock
    /** Whether a one-time code is asked for. */
    readonly secondFactor: boolean
  }) {
    this.#backend = options.backend
    this.#credentials = options.credentials
    this.#cipher = options.cipher
    this.#hasher = options.hasher
    this.#clock = options.clock
    this.#secondFactor = options.secondFactor
  }

  /** Makes a link, which ends the user's earlier one. A reset also ends password and second factor, at once. */
  async create(
    user: string,
    kind: InviteKind,
    ttlMs: number,
  ): Promise<{ readonly token: string; readonly expiresAtMs: number }> {
    const token = newToken()
    const invite: PendingInvite = {
      kind,
      tokenHash: tokenHash(token),
      expiresAtMs: this.#clock.now() + ttlMs,
      otpSealed: this.#cipher.encrypt(otpPlace(user), newOtpSecret()),
    }
    await this.#backend.put({
      key: pointerKey(invite.tokenHash),
      value: JSON.stringify({ user }),
      expiresAtMs: invite.expiresAtMs,
    })
    let replaced: string | null = null
    await this.#credentials.update(user, (current) => {
      replaced = current?.invite?.tokenHash ?? null
      return withInvite(current, user, invite)
    })
    await this.#dropPointer(replaced)
    return { token, expiresAtMs: invite.expiresAtMs }
  }

  /** Ends the user's link, and all else with which he proves himself. */
  async forget(user: string): Promise<void> {
    const found = await this.#credentials.find(user)
    await this.#credentials.delete(user)
    await this.#dropPointer(found?.invite?.tokenHash ?? null)
  }

  /** Null for a token that never was, was used, was replaced or is too old: nobody is told which. */
  async find(token: string): Promise<Invitation | null> {
    const found = await this.#pending(token)
    if (found === null) return null
    const { user, invite } = found
    return { user, kind: invite.kind, expiresAtMs: invite.expiresAtMs }
  }

  /**
   * A new secret for the one-time codes of a link, in base32; the one before is worth nothing any more. Whoever has seen a link that
   * somebody else uses later knows none that counts, and whoever looks in between is noticed: the code of the other is wrong then.
   * Null as `find`.
   */
  async renewSecret(token: string): Promise<string | null> {
    const found = await this.#pending(token)
    if (found === null) return null
    const { user } = found
    const secret = newOtpSecret()
    const otpSealed = this.#cipher.encrypt(otpPlace(user), secret)
    const hash = tokenHash(token)
    const written = await this.#credentials.update(user, (current) =>
      withSecret(current, { hash, otpSealed, nowMs: this.#clock.now() }),
    )
    return written === null ? null : secret
  }

  /** Judges what would be set. `otp` null: none was given. */
  async accept(request: {
    readonly token: string
    readonly password: string
    readonly otp: string | null
    readonly address: string
  }): Promise<Acceptance> {
    const { token, password, otp, address } = request
    const found = await this.#pending(token)
    if (found === null) return { kind: 'invalid' }
    const { user, invite } = found
    const { otpSealed } = invite
    const problem = judgePassword(password, user)
    if (problem !== null) return { kind: 'weak', problem }
    const secondFactor = this.#secondFactor
    const secret = this.#cipher.decrypt(otpPlace(user), otpSealed)
    const step = secondFactor ? otpStepOf(secret, otp ?? '', this.#clock.now()) : 0
    if (step === null) return { kind: 'otp-wrong' }
    return {
      kind: 'ready',
      user,
      commit: async () => {
        const passwordHash = await this.#hasher.hash(password, address)
        const nowMs = this.#clock.now()
        const hash = tokenHash(token)
        const written = await this.#credentials.update(user, (current) =>
          withPassword(current, { hash, otpSealed, passwordHash, step, secondFactor, nowMs }),
        )
        if (written === null) return (await this.find(token)) === null ? 'invalid' : 'otp-wrong'
        await this.#dropPointer(hash)
        return 'set'
      },
    }
  }

  /** It leads nowhere any more; should this fail, it expires. */
  async #dropPointer(hash: string | null): Promise<void> {
    if (hash !== null) await this.#backend.delete(pointerKey(hash)).catch(() => {})
  }

  async #pending(token: string): Promise<{ user: string; invite: PendingInvite } | null> {
    const hash = tokenHash(token)
    const pointer = await this.#backend.get(pointerKey(hash))
    if (pointer === null) return null
    const { user } = JSON.parse(pointer.value) as { user: string }
    const invite = liveInvite(await this.#credentials.find(user), hash, this.#clock.now())
    return invite === null ? null : { user, invite }
  }
}

/** The first link of a user or another one. Pure. */
export function withInvite(
  current: Credentials | null,
  user: string,
  invite: PendingInvite,
): Credentials {
  const before = current ?? noCredentials(user)
  return invite.kind === 'reset'
    ? { ...before, passwordHash: null, otpSealed: null, invite }
    : { ...before, invite }
}

/** The link that a hash belongs to, unless its time is over. Pure. */
export function liveInvite(
  current: Credentials | null,
  hash: string,
  nowMs: number,
): PendingInvite | null {
  const invite = current?.invite ?? null
  return invite !== null && invite.tokenHash === hash && nowMs < invite.expiresAtMs ? invite : null
}

/** The credentials with another secret for the codes of a link; null when the link does not count any more. Pure. */
export function withSecret(
  current: Credentials | null,
  facts: { readonly hash: string; readonly otpSealed: string; readonly nowMs: number },
): Credentials | null {
  const invite = liveInvite(current, facts.hash, facts.nowMs)
  if (current === null || invite === null) return null
  return { ...current, invite: { ...invite, otpSealed: facts.otpSealed } }
}

/** The credentials after a link was used; null when the link, or the secret of its codes, does not count any more. Pure. */
export function withPassword(
  current: Credentials | null,
  facts: {
    readonly hash: string
    /** Of the secret that the code was held against. */
    readonly otpSealed: string
    readonly passwordHash: string
    readonly step: number
    readonly secondFactor: boolean
    readonly nowMs: number
  },
): Credentials | null {
  const invite = liveInvite(current, facts.hash, facts.nowMs)
  if (current === null || invite === null || invite.otpSealed !== facts.otpSealed) return null
  return {
    ...current,
    passwordHash: facts.passwordHash,
    otpSealed: facts.secondFactor ? invite.otpSealed : null,
    lastOtpStep: facts.step,
    invite: null,
  }
}

const pointerKey = (hash: string): string => `invites/${hash}`
