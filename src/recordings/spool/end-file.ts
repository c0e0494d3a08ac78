import type { RecordedSession } from '../recorder-types.ts'
import type { RecordingEnd } from '../store/types.ts'
import { isCount, parseSession } from './open-file.ts'

/** That a record is whole, and which; it takes the place of the open part. */
export interface EndFile extends RecordedSession {
  readonly end: RecordingEnd
}

export const encodeEnd = ({ facts, recipients, end }: EndFile): Buffer =>
  Buffer.from(`${JSON.stringify({ version: 1, facts, recipients, end })}\n`, 'utf8')

/** Null for what is none. */
export function parseEnd(file: Buffer): EndFile | null {
  let value: unknown
  try {
    value = JSON.parse(file.toString('utf8'))
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  const told = value as Readonly<Record<string, unknown>>
  const { version, end } = told
  const session = parseSession(told)
  if (version !== 1 || session === null || typeof end !== 'object' || end === null) return null
  const { chunks, bytes, sha256, endedMs, exitCode, reason, cut } = end as Readonly<
    Record<string, unknown>
  >
  if (!isCount(chunks) || !isCount(bytes) || !isCount(endedMs)) return null
  if (typeof sha256 !== 'string' || typeof reason !== 'string' || typeof cut !== 'boolean') {
    return null
  }
  if (exitCode !== null && !Number.isSafeInteger(exitCode)) return null
  return {
    ...session,
    end: { chunks, bytes, sha256, endedMs, exitCode: exitCode as number | null, reason, cut },
  }
}
