import type { Logger } from '../../core/index.ts'
import type { Store } from '../store/store.ts'

/** Runs something later. Gives the function that keeps it from happening. */
export interface Scheduler {
  after(ms: number, run: () => void): () => void
}

/** Everything that the API works with. */
export interface ApiEnv {
  readonly store: Store
  readonly now: () => number
  readonly scheduler: Scheduler
  readonly randomBytes: (count: number) => Buffer
  readonly log: Logger
}

/** A whole number from 0 to below `below`. */
export function randomBelow(env: Pick<ApiEnv, 'randomBytes'>, below: number): number {
  return env.randomBytes(4).readUInt32BE(0) % below
}

/** A version 4 UUID (RFC 9562). */
export function randomUuid(env: Pick<ApiEnv, 'randomBytes'>): string {
  const bytes = env.randomBytes(16)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** Kubernetes' alphabet for made-up names: no vowels, so that no words come out. */
const NAME_LETTERS = 'bcdfghjklmnpqrstvwxz2456789'

export const randomSuffix = (env: Pick<ApiEnv, 'randomBytes'>, length = 5): string =>
  [...env.randomBytes(length)].map((byte) => NAME_LETTERS[byte % NAME_LETTERS.length]).join('')

/** Milliseconds as Kubernetes writes them: whole seconds, UTC. */
export const timeText = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`
