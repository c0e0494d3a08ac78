import { parseSessionFacts, type RecordPlace } from '../../recording/index.ts'
import type { RecordedSession } from '../recorder-types.ts'

/**
 * The part of a record that is not cut into a chunk yet, as it lies in the spool: a line of JSON, which says where in the record it
 * begins, and the record's bytes as they came.
 */
export interface OpenHead extends RecordedSession {
  /** Of the chunk that it becomes. */
  readonly index: number
  readonly place: RecordPlace
  /** Bytes of the record before it. */
  readonly bytes: number
  /** The chain over the chunks before it. */
  readonly chain: Buffer
}

export const encodeOpenHead = ({ place, chain, ...head }: OpenHead): Buffer =>
  Buffer.from(
    `${JSON.stringify({
      version: 1,
      ...head,
      digest: place.digest.toString('hex'),
      atMs: place.atMs,
      isBeginning: place.isBeginning,
      chain: chain.toString('hex'),
    })}\n`,
    'utf8',
  )

/** The head, and the bytes behind it; null for what is none. */
export function parseOpenFile(file: Buffer): { head: OpenHead; record: Buffer } | null {
  const end = file.indexOf('\n')
  if (end < 0) return null
  let value: unknown
  try {
    value = JSON.parse(file.toString('utf8', 0, end))
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  const told = value as Readonly<Record<string, unknown>>
  const { version, index, bytes, atMs, isBeginning, digest, chain } = told
  const session = parseSession(told)
  if (version !== 1 || session === null || typeof isBeginning !== 'boolean') return null
  if (!isHash(digest) || !isHash(chain)) return null
  if (!isCount(index) || !isCount(bytes) || !isCount(atMs)) return null
  return {
    head: {
      ...session,
      index,
      bytes,
      place: { digest: Buffer.from(digest, 'hex'), atMs, isBeginning },
      chain: Buffer.from(chain, 'hex'),
    },
    record: file.subarray(end + 1),
  }
}

export function parseSession(told: Readonly<Record<string, unknown>>): RecordedSession | null {
  const { recipients } = told
  const facts = parseSessionFacts(JSON.stringify(told['facts']) ?? '')
  const isWhole =
    facts !== null &&
    Array.isArray(recipients) &&
    recipients.every((one) => typeof one === 'string')
  return isWhole ? { facts, recipients: recipients } : null
}

const isHash = (value: unknown): value is string =>
  typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
export const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
