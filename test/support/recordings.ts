import { createHash, randomUUID } from 'node:crypto'
import {
  encryptChunk,
  NO_CHUNKS,
  nextChain,
  packChunk,
  RecordEncoder,
  type RecordFrame,
  type SessionFacts,
} from '../../src/recording/index.ts'
import type { RecordingStore } from '../../src/recordings/index.ts'
import { sessionFacts } from './session-facts.ts'

/** Of a session of its own, which began a minute ago. */
export const freshFacts = (but: Partial<SessionFacts> = {}): SessionFacts =>
  sessionFacts({
    sessionId: randomUUID(),
    image: 'registry.example.com/web:1.4',
    serverId: '6b9a3b36-6f5d-4d9e-8a63-0d3c4f2f9e11',
    startedMs: Date.now() - 60_000,
    ...but,
  })

export const output = (
  atMs: number,
  data: string | Buffer,
  stream: 'stdin' | 'stdout' | 'stderr' = 'stdout',
): RecordFrame => ({ kind: 'data', atMs, stream, data: Buffer.from(data) })

/** What happened in a session, from its beginning to its end. */
export const session = (
  facts: SessionFacts,
  frames: readonly RecordFrame[],
  end: { readonly exitCode: number | null; readonly reason: string } | null = {
    exitCode: 0,
    reason: 'exited',
  },
): RecordFrame[] => {
  const lastMs = frames.at(-1)?.atMs ?? 0
  return [
    { kind: 'begin', atMs: 0, facts },
    ...frames,
    ...(end === null ? [] : [{ kind: 'end' as const, atMs: lastMs + 10, ...end }]),
  ]
}

const HASH_BYTES = 32

/** The chunks of a record, so many frames in each, sealed as services do. */
export function chunksOf(frames: readonly RecordFrame[], framesPerChunk = 3): Buffer[] {
  const encoder = new RecordEncoder()
  const chunks: Buffer[] = []
  let seal: Buffer = Buffer.alloc(0)
  for (let at = 0; at < frames.length; at += framesPerChunk) {
    const pieces = frames.slice(at, at + framesPerChunk).map((frame) => encoder.frame(frame))
    // The hash with which the chunk before it was sealed.
    const before = at === 0 ? createHash('sha256').digest() : seal.subarray(-HASH_BYTES)
    seal = encoder.seal()
    chunks.push(packChunk(chunks.length, before, Buffer.concat([...pieces, seal])))
  }
  return chunks
}

/** Puts a recording into a store, as a service would deliver it. */
export async function keepRecording(
  store: RecordingStore,
  frames: readonly RecordFrame[],
  options: {
    readonly framesPerChunk?: number
    /** age1…: it is encrypted to them. */
    readonly recipients?: readonly string[]
    /** `live`: nobody said how it ended. */
    readonly end?: 'whole' | 'cut' | 'live'
  } = {},
): Promise<SessionFacts> {
  const [first] = frames
  if (first?.kind !== 'begin') throw new Error('a session begins with its facts')
  const { facts } = first
  const { recipients = [], end = 'whole' } = options
  const encrypted = recipients.length > 0
  await store.begin({ facts, encrypted })
  const packed = chunksOf(frames, options.framesPerChunk)
  let chain: Buffer = NO_CHUNKS
  for (const [index, chunk] of packed.entries()) {
    const kept = encrypted ? await encryptChunk(chunk, recipients) : chunk
    await store.putChunk(facts.sessionId, index, kept)
    chain = nextChain(chain, createHash('sha256').update(kept).digest())
  }
  if (end === 'live') return facts
  const last = frames.at(-1)
  await store.complete(facts.sessionId, {
    chunks: packed.length,
    bytes: packed.reduce((sum, chunk) => sum + chunk.readUInt32BE(9), 0),
    sha256: chain.toString('hex'),
    endedMs: facts.startedMs + (last?.atMs ?? 0),
    exitCode: last?.kind === 'end' ? last.exitCode : null,
    reason: last?.kind === 'end' ? last.reason : 'cut',
    cut: end === 'cut',
  })
  return facts
}
