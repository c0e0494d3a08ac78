import type { Clock } from '../core/index.ts'
import type { Backend } from '../storage/index.ts'
import { CredentialStore } from './credentials.ts'
import { Invites } from './invites.ts'
import { Logins } from './logins.ts'
import { openPasswordHasher } from './password-hasher.ts'
import type { SecretCipher } from './ports.ts'

/** How a local user stands, for administrators. Times in milliseconds since the epoch. */
export interface LocalUserStatus {
  readonly passwordSet: boolean
  readonly lastLoginMs: number | null
  /** Until when attempts to log in are not looked at; null: they are. */
  readonly lockedUntilMs: number | null
}

/** Everything about the credentials of local users. */
export interface LocalUsers {
  readonly invites: Invites
  readonly logins: Logins
  statusOf(user: string): Promise<LocalUserStatus>
  /** Ends password, second factor and links of a user. */
  forget(user: string): Promise<void>
}

export async function openLocalUsers(options: {
  readonly backend: Backend
  readonly cipher: SecretCipher
  readonly clock: Clock
  /** Whether logins ask for a one-time code. */
  readonly secondFactor: boolean
}): Promise<LocalUsers> {
  const credentials = new CredentialStore(options.backend)
  const hasher = await openPasswordHasher()
  const logins = new Logins({ ...options, credentials, hasher })
  const invites = new Invites({ ...options, credentials, hasher })
  return {
    invites,
    logins,
    async statusOf(user) {
      const found = await credentials.find(user)
      return {
        passwordSet: found !== null && found.passwordHash !== null,
        lastLoginMs: found?.lastLoginMs ?? null,
        lockedUntilMs: logins.lockedUntilMs(user),
      }
    },
    async forget(user) {
      await invites.forget(user)
      logins.unlock(user)
    },
  }
}
