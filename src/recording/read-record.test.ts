import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { packChunk } from './chunk.ts'
import { RecordEncoder } from './encode.ts'
import type { RecordFrame } from './frame.ts'
import { RecordReader, recordBytes } from './read-record.ts'

const FRAMES: readonly RecordFrame[] = [
  {
    kind: 'begin',
    atMs: 0,
    facts: {
      sessionId: 'id',
      kind: 'exec',
      user: 'alice',
      teleportCluster: 'example.com',
      kubeCluster: 'west',
      namespace: 'team',
      pod: 'web-0',
      container: 'main',
      command: ['sh'],
      tty: true,
      startedMs: 1_764_000_000_000,
    },
  },
  { kind: 'data', atMs: 5, stream: 'stdout', data: Buffer.from('hello ') },
  { kind: 'data', atMs: 9, stream: 'stdout', data: Buffer.from('world') },
  { kind: 'end', atMs: 12, exitCode: 0, reason: 'exited' },
]

/** A record as a store has it, cut after each so many bytes. */
function chunksOf(frames: readonly RecordFrame[], sizes: readonly number[]): Buffer[] {
  const encoder = new RecordEncoder()
  const bytes = Buffer.concat([...frames.map((frame) => encoder.frame(frame)), encoder.seal()])
  const hash = createHash('sha256')
  const files: Buffer[] = []
  let at = 0
  for (const size of [...sizes, bytes.length]) {
    const piece = bytes.subarray(at, at + size)
    at += piece.length
    files.push(packChunk(files.length, hash.copy().digest(), piece))
    hash.update(piece)
  }
  return files
}

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items
}

async function read(
  files: readonly Buffer[],
): Promise<{ frames: RecordFrame[]; isWhole: boolean; error: unknown }> {
  const reader = new RecordReader()
  const frames: RecordFrame[] = []
  let error: unknown = null
  try {
    for await (const frame of reader.chunks(each(files))) frames.push(frame)
  } catch (caught) {
    error = caught
  }
  return { frames, isWhole: reader.isWhole, error }
}

describe('a record in chunks', () => {
  it('gives the same frames wherever it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: 200 }), { maxLength: 6 }), async (sizes) => {
        expect(await read(chunksOf(FRAMES, sizes))).toEqual({
          frames: FRAMES,
          isWhole: true,
          error: null,
        })
      }),
    )
  })

  it('without its last chunk gives what is there, and is not whole', async () => {
    const files = chunksOf(FRAMES, [300]).slice(0, -1)
    const { frames, isWhole, error } = await read(files)
    expect(frames[0]).toEqual(FRAMES[0])
    expect({ isWhole, error }).toEqual({ isWhole: false, error: null })
  })

  it('with a chunk missing in between gives the frames before it, and says so', async () => {
    const files = chunksOf(FRAMES, [400, 6])
    const { frames, error } = await read([...files.slice(0, 1), ...files.slice(2)])
    expect(frames.length).toBeGreaterThan(0)
    expect(error).toMatchObject({ code: 'RECORD_OUT_OF_ORDER' })
  })

  it('is unpacked by who can do so', async () => {
    const reader = new RecordReader()
    const seen: number[] = []
    const encoder = new RecordEncoder()
    const bytes = Buffer.concat([...FRAMES.map((frame) => encoder.frame(frame)), encoder.seal()])
    const files = [bytes.subarray(0, 10), bytes.subarray(10)]
    const frames: RecordFrame[] = []
    for await (const frame of reader.chunks(each(files), async (file, { index }) => {
      seen.push(index)
      return file
    })) {
      frames.push(frame)
    }
    expect({ frames, seen }).toEqual({ frames: FRAMES, seen: [0, 1] })
  })

  it('is, bare, what was written', async () => {
    const encoder = new RecordEncoder()
    const bytes = Buffer.concat([...FRAMES.map((frame) => encoder.frame(frame)), encoder.seal()])
    const pieces: Buffer[] = []
    for await (const piece of recordBytes(each(chunksOf(FRAMES, [7, 30])))) pieces.push(piece)
    expect(Buffer.concat(pieces)).toEqual(bytes)
    const reader = new RecordReader()
    const frames: RecordFrame[] = []
    for await (const frame of reader.bytes(each(pieces))) frames.push(frame)
    expect(frames).toEqual(FRAMES)
  })
})
