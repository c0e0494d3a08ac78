import { readFile } from 'node:fs/promises'
import type { ApiClient } from '../../../client/index.ts'
import type { RecordingResource } from '../../../contract/index.ts'
import { fileWords } from '../../../core/index.ts'
import {
  type ChunkOpener,
  chainedChunks,
  decryptChunk,
  openChunk,
  parseIdentities,
  RecordError,
  RecordReader,
  recordBytes,
} from '../../../recording/index.ts'
import { CliError } from '../../errors.ts'
import { KEPT_CHUNK_BYTES } from './limits.ts'
import { CUT, type Recording } from './recording.ts'

/** What is said of a session that has not ended. */
const LIVE = 'the session goes on: this is what was recorded of it so far'
/** Chunks that are asked for before they are needed: a proxy may be far away. */
const AHEAD = 4

/**
 * A recording of the auth service, piece by piece: no more of it is held than a few pieces, and those that are kept for going
 * back. Rejects with ApiCallError and ClientError; CliError RECORDING_LOCKED for an encrypted one without its key.
 */
export async function openStoredRecording(
  client: ApiClient,
  id: string,
  options: {
    readonly identityFiles: readonly string[]
    /** It will be read again and again. */
    readonly keep: boolean
  },
): Promise<Recording> {
  const recording = await client.call('recordings.get', { params: { id } })
  const identities = await readIdentities(options.identityFiles)
  if (recording.encrypted && identities.length === 0) {
    throw new CliError('RECORDING_LOCKED', 'the recording is encrypted', {
      hint: 'give the age identity of one of its recipients: --age-identity=<file>',
    })
  }
  const read: ReadChunk = (index) => readChunk(client, id, index)
  const kept = options.keep ? keeping(read) : read
  const open: ChunkOpener = async (file, expected) =>
    openChunk(await unlocked(file, identities), expected)
  const { sha256, state } = recording
  const chunks = (): AsyncGenerator<Buffer, void, undefined> => {
    const files = ahead(kept, recording.chunks)
    return sha256 === null ? files : chainedChunks(files, sha256)
  }
  // One of which nobody said how it ended, or which was cut off, is as good as it is.
  const judge = (reader: RecordReader): void => {
    if (state === 'complete') reader.assertWhole()
  }
  return {
    title: titleOf(recording),
    durationMs: recording.duration_ms,
    missing: () => (state === 'complete' ? null : state === 'live' ? LIVE : CUT),
    async *bytes() {
      const reader = new RecordReader()
      yield* reader.verified(recordBytes(chunks(), open))
      judge(reader)
    },
    async *frames() {
      const reader = new RecordReader()
      yield* reader.chunks(chunks(), open)
      judge(reader)
    },
  }
}

const titleOf = ({ user, kube_cluster, namespace, pod }: RecordingResource): string =>
  `${user} in ${kube_cluster}: ${namespace}/${pod}`

async function readChunk(client: ApiClient, id: string, index: number): Promise<Buffer> {
  const bytes = await client.call('recordings.chunk', { params: { id, index: String(index) } })
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

async function unlocked(file: Buffer, identities: readonly string[]): Promise<Buffer> {
  try {
    return await decryptChunk(file, identities)
  } catch (error) {
    if (!(error instanceof RecordError) || error.code !== 'RECORD_LOCKED') throw error
    throw new CliError('RECORDING_LOCKED', error.message, {
      cause: error,
      hint: 'give the age identity of one of its recipients: --age-identity=<file>',
    })
  }
}

async function readIdentities(paths: readonly string[]): Promise<readonly string[]> {
  const all: string[] = []
  for (const path of paths) {
    const text = await readFile(path, 'utf8').catch((error: unknown) => {
      throw new CliError('FILE_UNREADABLE', `cannot read ${path}: ${fileWords(error)}`, {
        cause: error,
      })
    })
    all.push(...parseIdentities(text))
  }
  return all
}

type ReadChunk = (index: number) => Promise<Buffer>

/** The first pieces are kept, as many as may be; the others are read again each time. */
function keeping(read: ReadChunk): ReadChunk {
  const kept: Buffer[] = []
  let bytes = 0
  return async (index) => {
    const found = kept[index]
    if (found !== undefined) return found
    const chunk = await read(index)
    if (index === kept.length && bytes + chunk.length <= KEPT_CHUNK_BYTES) {
      kept.push(chunk)
      bytes += chunk.length
    }
    return chunk
  }
}

/** All pieces in order, some of which are underway before they are asked for; none before the first is there, with which the reading is audited. */
async function* ahead(read: ReadChunk, count: number): AsyncGenerator<Buffer, void, undefined> {
  const underway: Promise<Buffer>[] = []
  let next = 0
  let isBegun = false
  while (next < count || underway.length > 0) {
    const most = isBegun ? AHEAD : 1
    while (underway.length < most && next < count) {
      const chunk = read(next)
      // Whoever awaits it hears of it; until then it is nobody's failure.
      chunk.catch(() => {})
      underway.push(chunk)
      next += 1
    }
    const first = underway.shift()
    if (first !== undefined) yield await first
    isBegun = true
  }
}
