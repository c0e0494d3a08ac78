import type { Clock } from '../core/index.ts'
import type { Backend } from '../storage/index.ts'
import { CredentialStore } from './credentials.ts'
import { Invites } from './invites.ts'
import { openPasswordHasher } from './password-hasher.ts'
import type { SecretCipher } from './ports.ts'

/** Everything about the credentials of local users. */
export interface LocalUsers {
  readonly invites: Invites
  /** Ends password, second factor and links of a user. */
  forget(user: string): Promise<void>
}

export async function openLocalUsers(options: {
  readonly backend: Backend
  readonly cipher: SecretCipher
  readonly clock: Clock
}): Promise<LocalUsers> {
  const { backend, cipher, clock } = options
  const credentials = new CredentialStore(backend)
  const hasher = await openPasswordHasher()
  return {
    invites: new Invites({ backend, credentials, cipher, hasher, clock }),
    forget: (user) => credentials.delete(user),
  }
}
