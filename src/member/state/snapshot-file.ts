import { readFile } from 'node:fs/promises'
import { errorCode } from '../../core/index.ts'
import { writePrivateFile } from '../../files/index.ts'
import { SnapshotError } from './errors.ts'
import type { SignedState } from './read-state.ts'

/** The state on disk (0600). Null: there is none. Rejects with SnapshotError SNAPSHOT_MALFORMED. */
export async function readSnapshot(path: string): Promise<SignedState | null> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null
    throw error
  }
  try {
    const value: unknown = JSON.parse(text)
    if (isSigned(value)) return value
  } catch (cause) {
    throw new SnapshotError('SNAPSHOT_MALFORMED', 'it is not JSON', { cause })
  }
  throw new SnapshotError('SNAPSHOT_MALFORMED', 'it is no signed state')
}

export async function writeSnapshot(path: string, signed: SignedState): Promise<void> {
  const { statement, signature, state } = signed
  await writePrivateFile(path, JSON.stringify({ statement, signature, state }))
}

const isSigned = (value: unknown): value is SignedState =>
  typeof value === 'object' &&
  value !== null &&
  ['statement', 'signature', 'state'].every(
    (name) => typeof (value as Record<string, unknown>)[name] === 'string',
  )
