import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sessionFacts } from '../../test/support/session-facts.ts'
import { packChunk } from './chunk.ts'
import { RecordEncoder } from './encode.ts'
import type { RecordFrame } from './frame.ts'
import { RecordReader, recordBytes } from './read-record.ts'
import { NO_RECORD } from './running-hash.ts'

const FRAMES: readonly RecordFrame[] = [
  {
    kind: 'begin',
    atMs: 0,
    facts: sessionFacts(),
  },
  { kind: 'data', atMs: 5, stream: 'stdout', data: Buffer.from('hello ') },
  { kind: 'data', atMs: 9, stream: 'stdout', data: Buffer.from('world') },
  { kind: 'end', atMs: 12, exitCode: 0, reason: 'exited' },
]

/** A record as a store has it, cut after the frames of these numbers. */
function piecesOf(frames: readonly RecordFrame[], cuts: readonly number[]): Buffer[] {
  const encoder = new RecordEncoder()
  const pieces: Buffer[] = []
  let piece: Buffer[] = []
  for (const [at, frame] of frames.entries()) {
    piece.push(encoder.frame(frame))
    if (!cuts.includes(at) && at < frames.length - 1) continue
    pieces.push(Buffer.concat([...piece, encoder.seal()]))
    piece = []
  }
  return pieces
}

function chunksOf(frames: readonly RecordFrame[], cuts: readonly number[]): Buffer[] {
  let before = NO_RECORD
  return piecesOf(frames, cuts).map((piece, index) => {
    const chunk = packChunk(index, before, piece)
    before = piece.subarray(-32)
    return chunk
  })
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
      fc.asyncProperty(fc.array(fc.nat({ max: 4 }), { maxLength: 6 }), async (cuts) => {
        expect(await read(chunksOf(FRAMES, cuts))).toEqual({
          frames: FRAMES,
          isWhole: true,
          error: null,
        })
      }),
    )
  })

  it('without its last chunk gives what is there, and is not whole', async () => {
    const files = chunksOf(FRAMES, [1]).slice(0, -1)
    const { frames, isWhole, error } = await read(files)
    expect(frames[0]).toEqual(FRAMES[0])
    expect({ isWhole, error }).toEqual({ isWhole: false, error: null })
  })

  it('with a chunk missing in between gives the frames before it, and says so', async () => {
    const files = chunksOf(FRAMES, [0, 1])
    const { frames, error } = await read([...files.slice(0, 1), ...files.slice(2)])
    expect(frames.length).toBeGreaterThan(0)
    expect(error).toMatchObject({ code: 'RECORD_OUT_OF_ORDER' })
  })

  it('that does not end with a seal is none, when another follows it', async () => {
    const [first, second] = piecesOf(FRAMES, [1])
    const unsealed = first?.subarray(0, -35) ?? Buffer.alloc(0)
    const files = [packChunk(0, NO_RECORD, unsealed), packChunk(1, NO_RECORD, second ?? unsealed)]
    const { frames, error } = await read(files)
    expect(frames).toEqual(FRAMES.slice(0, 2))
    expect(error).toMatchObject({ code: 'RECORD_MALFORMED' })
  })

  it('is unpacked by who can do so', async () => {
    const reader = new RecordReader()
    const seen: number[] = []
    const files = piecesOf(FRAMES, [1])
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
    const pieces: Buffer[] = []
    for await (const piece of recordBytes(each(chunksOf(FRAMES, [0, 2])))) pieces.push(piece)
    expect(pieces).toEqual(piecesOf(FRAMES, [0, 2]))
    const reader = new RecordReader()
    const frames: RecordFrame[] = []
    for await (const frame of reader.bytes(each(pieces))) frames.push(frame)
    expect(frames).toEqual(FRAMES)
  })
})
