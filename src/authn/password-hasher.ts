import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { hash, verify } from '@node-rs/argon2'
import { addressKey, networkKey } from '../core/index.ts'
import { type Asker, HashQueue } from './hash-queue.ts'
import {
  ARGON2_LANES,
  ARGON2_MEMORY_KIB,
  ARGON2_PASSES,
  MAX_HASHES_AT_ONCE,
  MAX_HASHES_PER_ADDRESS,
  MAX_HASHES_WAITING,
} from './limits.ts'
import { normalPassword } from './password-rules.ts'

/** argon2id is the library's default; a test reads it in what comes out. */
const OPTIONS = {
  memoryCost: ARGON2_MEMORY_KIB,
  timeCost: ARGON2_PASSES,
  parallelism: ARGON2_LANES,
}

/** Hashes passwords and compares them. Both reject with HASHING_BUSY; `host` is who asks: an address without its port. */
export interface PasswordHasher {
  hash(password: string, host: string): Promise<string>
  /** Without a hash it takes as long, and is false. */
  matches(stored: string | null, password: string, host: string): Promise<boolean>
}

export async function openPasswordHasher(): Promise<PasswordHasher> {
  const queue = new HashQueue({
    // One processor is left to everybody else.
    running: Math.max(1, Math.min(MAX_HASHES_AT_ONCE, availableParallelism() - 1)),
    waiting: MAX_HASHES_WAITING,
    perAddress: MAX_HASHES_PER_ADDRESS,
  })
  // Nobody's: what is compared when there is nothing to compare, so that the time tells nothing.
  const nobodys = await hash(randomBytes(32), OPTIONS)
  return {
    hash: (password, host) =>
      queue.run(askerOf(host), () => hash(normalPassword(password), OPTIONS)),
    matches: (stored, password, host) =>
      queue.run(askerOf(host), async () => {
        const same = await verify(stored ?? nobodys, normalPassword(password))
        return same && stored !== null
      }),
  }
}

const askerOf = (host: string): Asker => ({ address: addressKey(host), network: networkKey(host) })
