import { parseSessionFacts } from '../../recording/index.ts'
import type { KeptEnd, RecordingHead } from './types.ts'

/** What lies beside the chunks of a recording, as JSON. */
export interface HeadFile extends RecordingHead {
  /** With the bytes of all chunks as they are kept, so that nobody needs to look at each. */
  readonly end: KeptEnd | null
}

export const encodeHead = ({ facts, encrypted, end }: HeadFile): string =>
  `${JSON.stringify({ version: 1, encrypted, facts, end })}\n`

/** Null for what is none, or of a later version. */
export function parseHead(text: string): HeadFile | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  const { version, encrypted, facts: told, end } = value as Readonly<Record<string, unknown>>
  const facts = parseSessionFacts(JSON.stringify(told) ?? '')
  if (version !== 1 || typeof encrypted !== 'boolean' || facts === null) return null
  if (end !== null && !isEnd(end)) return null
  return { facts, encrypted, end }
}

function isEnd(value: unknown): value is KeptEnd {
  if (typeof value !== 'object' || value === null) return false
  const { chunks, bytes, sha256, endedMs, exitCode, reason, cut, size } = value as Readonly<
    Record<string, unknown>
  >
  return (
    [chunks, bytes, endedMs, size].every((number) => Number.isSafeInteger(number)) &&
    typeof sha256 === 'string' &&
    (exitCode === null || Number.isSafeInteger(exitCode)) &&
    typeof reason === 'string' &&
    typeof cut === 'boolean'
  )
}
