import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { hash, verify } from '@node-rs/argon2'
import { HashQueue } from './hash-queue.ts'
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

/** Hashes passwords and compares them. Both reject with HASHING_BUSY; `address` is who asks. */
export interface PasswordHasher {
  hash(password: string, address: string): Promise<string>
  /** Without a hash it takes as long, and is false. */
  matches(stored: string | null, password: string, address: string): Promise<boolean>
}

export async function openPasswordHasher(): Promise<PasswordHasher> {
  const queue = new HashQueue({
    // One processor is left to everybody else.
    running: Math.max(1, Math.min(MAX_HASHES_AT_ONCE, availableParallelism() - 1)),
    waiting: MAX_HASHES_WAITING,
    perKey: MAX_HASHES_PER_ADDRESS,
  })
  // Nobody's: what is compared when there is nothing to compare, so that the time tells nothing.
  const nobodys = await hash(randomBytes(32), OPTIONS)
  return {
    hash: (password, address) => queue.run(address, () => hash(normalPassword(password), OPTIONS)),
    matches: (stored, password, address) =>
      queue.run(address, async () => {
        const same = await verify(stored ?? nobodys, normalPassword(password))
        return same && stored !== null
      }),
  }
}
