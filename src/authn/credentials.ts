import { createHash } from 'node:crypto'
import { errorCode } from '../core/index.ts'
import type { Backend, Item } from '../storage/index.ts'
import { AuthnError } from './errors.ts'
import { MAX_SWAP_ATTEMPTS } from './limits.ts'

export type InviteKind = 'invite' | 'reset'

/** A link that a user has and did not use yet. */
export interface PendingInvite {
  readonly kind: InviteKind
  readonly tokenHash: string
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number
  /** The secret that the user's app is shown; becomes the user's own when the link is used. */
  readonly otpSealed: string
}

/** With what a local user proves himself. One record a user, so that one compare-and-swap decides every race. */
export interface Credentials {
  readonly user: string
  /** argon2id in its own notation; null: cannot log in. */
  readonly passwordHash: string | null
  /** Null: has no second factor. */
  readonly otpSealed: string | null
  /** The step of the last code that was taken; only later ones count. */
  readonly lastOtpStep: number
  /** Milliseconds since the epoch; null: never. */
  readonly lastLoginMs: number | null
  readonly invite: PendingInvite | null
}

export const noCredentials = (user: string): Credentials => ({
  user,
  passwordHash: null,
  otpSealed: null,
  lastOtpStep: 0,
  lastLoginMs: null,
  invite: null,
})

/**
 * Names that somebody types may be anything; a hash of them is a key of one length, so each look-up costs the same.
 */
export const credentialsKey = (user: string): string =>
  `credentials/${createHash('sha256').update(user).digest('hex')}`

/** What a sealed one-time secret of a user is bound to. */
export const otpPlace = (user: string): string => `${credentialsKey(user)}/otp`

/** The credentials of all local users, over the backend. */
export class CredentialStore {
  readonly #backend: Backend

  constructor(backend: Backend) {
    this.#backend = backend
  }

  async find(user: string): Promise<Credentials | null> {
    const item = await this.#backend.get(credentialsKey(user))
    return item === null ? null : parse(item)
  }

  /**
   * Replaces a user's record by what `change` makes of it, which may be asked again when somebody else was faster; null
   * leaves everything as it is. Resolves to what was written, or null. Rejects with CREDENTIALS_BUSY.
   */
  async update(
    user: string,
    change: (current: Credentials | null) => Credentials | null,
  ): Promise<Credentials | null> {
    const key = credentialsKey(user)
    for (let attempt = 0; attempt < MAX_SWAP_ATTEMPTS; attempt += 1) {
      const item = await this.#backend.get(key)
      const next = change(item === null ? null : parse(item))
      if (next === null) return null
      const written = { key, value: JSON.stringify(next) }
      try {
        if (item === null) await this.#backend.create(written)
        else await this.#backend.compareAndSwap(written, item.revision)
        return next
      } catch (error) {
        if (errorCode(error) !== 'ALREADY_EXISTS' && errorCode(error) !== 'CONFLICT') throw error
      }
    }
    throw new AuthnError('CREDENTIALS_BUSY', 'the credentials change all the time')
  }

  async delete(user: string): Promise<void> {
    try {
      await this.#backend.delete(credentialsKey(user))
    } catch (error) {
      if (errorCode(error) !== 'NOT_FOUND') throw error
    }
  }
}

// What is stored was written by this file.
const parse = (item: Item): Credentials => JSON.parse(item.value) as Credentials
