import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sessionFacts } from '../../test/support/session-facts.ts'
import { RecordDecoder } from './decode.ts'
import { RecordEncoder } from './encode.ts'
import { RecordError } from './errors.ts'
import { dataStreams, type RecordFrame } from './frame.ts'
import { MAX_DATA_BYTES } from './limits.ts'
import type { SessionFacts } from './session-facts.ts'

const FACTS: SessionFacts = sessionFacts({
  sessionId: '2f0c5f6e-6a5e-4d8e-9a55-0b7a5a7f2d11',
  command: ['sh', '-c', 'echo "ä\n"'],
})
const begin: RecordFrame = { kind: 'begin', atMs: 0, facts: FACTS }

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array))
const stream = fc.constantFrom(...dataStreams)
const safe = fc.nat({ max: Number.MAX_SAFE_INTEGER })
const middle = fc.oneof(
  fc.record({ kind: fc.constant('data' as const), atMs: safe, stream, data: bytes }),
  fc.record({ kind: fc.constant('resize' as const), atMs: safe, width: safe, height: safe }),
  fc.record({
    kind: fc.constant('omitted' as const),
    atMs: safe,
    stream,
    bytes: safe,
    sha256: fc
      .uint8Array({ minLength: 32, maxLength: 32 })
      .map((array) => Buffer.from(array).toString('hex')),
  }),
  fc.record({ kind: fc.constant('marker' as const), atMs: safe, label: fc.string() }),
)
const end = fc.record({
  kind: fc.constant('end' as const),
  atMs: safe,
  exitCode: fc.option(fc.nat({ max: 255 })),
  reason: fc.constantFrom('exited', 'client', 'cut'),
})
/** Times that do not go back, as sessions have them. */
const session: fc.Arbitrary<RecordFrame[]> = fc
  .tuple(fc.array(middle, { maxLength: 20 }), end)
  .map(([frames, last]) => {
    const times = [...frames, last].map(({ atMs }) => atMs).sort((a, b) => a - b)
    return [begin, ...[...frames, last].map((frame, at) => ({ ...frame, atMs: times[at] ?? 0 }))]
  })

function write(frames: readonly RecordFrame[], sealAfter: readonly number[] = []): Buffer {
  const encoder = new RecordEncoder()
  const parts: Buffer[] = []
  for (const [at, frame] of frames.entries()) {
    parts.push(encoder.frame(frame))
    if (sealAfter.includes(at)) parts.push(encoder.seal())
  }
  parts.push(encoder.seal())
  return Buffer.concat(parts)
}

function cut(whole: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...cuts.map((at) => at % (whole.length + 1)), whole.length].sort((a, b) => a - b)
  let from = 0
  return places.map((to) => {
    const piece = whole.subarray(from, to)
    from = to
    return piece
  })
}

/** What can be read of bytes that may be spoilt, and why no more. */
function readAll(record: Buffer): { frames: RecordFrame[]; error: unknown; isWhole: boolean } {
  const decoder = new RecordDecoder()
  const frames: RecordFrame[] = []
  try {
    for (const frame of decoder.frames(record)) frames.push(frame)
    return { frames, error: null, isWhole: decoder.isWhole }
  } catch (error) {
    return { frames, error, isWhole: decoder.isWhole }
  }
}

describe('a record', () => {
  it('gives back what was written, however its bytes are cut', () => {
    fc.assert(
      fc.property(
        session,
        fc.array(fc.nat({ max: 20 })),
        fc.array(fc.nat()),
        (frames, seals, cuts) => {
          const decoder = new RecordDecoder()
          const read = cut(write(frames, seals), cuts).flatMap((piece) => decoder.push(piece))
          expect(read).toEqual(frames)
          expect(decoder.isWhole).toBe(true)
          expect(decoder.pending).toBe(0)
        },
      ),
    )
  })

  it('gives the frames before a cut, and says that it is not whole', () => {
    fc.assert(
      fc.property(session, fc.nat(), (frames, at) => {
        const record = write(frames)
        const { frames: read, error, isWhole } = readAll(record.subarray(0, at % record.length))
        expect(error).toBe(null)
        expect(isWhole).toBe(false)
        expect(read).toEqual(frames.slice(0, read.length))
      }),
    )
  })

  it('notices every changed byte', () => {
    fc.assert(
      fc.property(
        session,
        fc.array(fc.nat({ max: 20 })),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (frames, seals, at, change) => {
          const record = write(frames, seals)
          const index = at % record.length
          record[index] = (record[index] ?? 0) ^ change
          const { error, isWhole } = readAll(record)
          // A changed length may make the rest look like the beginning of a frame.
          if (error === null) expect(isWhole).toBe(false)
          else expect(error).toBeInstanceOf(RecordError)
        },
      ),
    )
  })

  it('notices a changed byte of its last seal', () => {
    const record = write([begin, { kind: 'end', atMs: 1, exitCode: 0, reason: 'exited' }])
    for (let at = record.length - 35; at < record.length; at += 1) {
      const spoilt = Buffer.from(record)
      spoilt[at] = (spoilt[at] ?? 0) ^ 1
      const { error, isWhole } = readAll(spoilt)
      expect(error !== null || !isWhole, `byte ${at}`).toBe(true)
    }
  })

  it('can be gone on with behind any seal, by who knows the place and nothing else', () => {
    fc.assert(
      fc.property(session, fc.nat(), (frames, at) => {
        const first = new RecordEncoder()
        const split = at % frames.length
        const before = Buffer.concat([
          ...frames.slice(0, split).map((frame) => first.frame(frame)),
          ...(split === 0 ? [] : [first.seal()]),
        ])
        const place = first.place()
        const second = new RecordEncoder(place)
        const after = Buffer.concat([
          ...frames.slice(split).map((frame) => second.frame(frame)),
          second.seal(),
        ])
        expect(readAll(Buffer.concat([before, after]))).toEqual({
          frames,
          error: null,
          isWhole: true,
        })
        expect(new RecordDecoder(place).push(after)).toEqual(frames.slice(split))
      }),
    )
  })

  it('is never more than an error, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (random, behind) => {
        const start = behind ? new RecordEncoder().frame(begin) : Buffer.alloc(0)
        const { error } = readAll(Buffer.concat([start, random]))
        expect(error === null || error instanceof RecordError).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })

  it('fails again when it is read on after a mistake', () => {
    const decoder = new RecordDecoder()
    const wrong = Buffer.from('TKREC\x00\x00\x02', 'latin1')
    expect(() => decoder.push(wrong)).toThrowError(/later version/)
    expect(() => decoder.push(write([begin]))).toThrowError(/later version/)
  })

  it('splits data that are longer than a frame', () => {
    const data = Buffer.alloc(2 * MAX_DATA_BYTES + 1, 7)
    const { frames } = readAll(write([begin, { kind: 'data', atMs: 5, stream: 'stdout', data }]))
    const pieces = frames.flatMap((frame) => (frame.kind === 'data' ? [frame] : []))
    expect(pieces.map(({ data: piece }) => piece.length)).toEqual([
      MAX_DATA_BYTES,
      MAX_DATA_BYTES,
      1,
    ])
    expect(pieces.map(({ atMs }) => atMs)).toEqual([5, 5, 5])
  })

  it('judges a length before it waits for the bytes', () => {
    const head = Buffer.from([3, 0, 0xff, 0xff, 0xff, 0xff, 0x0f])
    const { error } = readAll(Buffer.concat([new RecordEncoder().frame(begin), head]))
    expect(error).toMatchObject({ code: 'RECORD_MALFORMED' })
  })

  it('has times that never go back, even when the clock does', () => {
    const at = (atMs: number): RecordFrame => ({ kind: 'marker', atMs, label: 'x' })
    const { frames } = readAll(write([begin, at(10), at(4), at(12)]))
    expect(frames.map(({ atMs }) => atMs)).toEqual([0, 10, 10, 12])
  })

  it.each<[string, RecordFrame[]]>([
    ['without facts', [{ kind: 'marker', atMs: 0, label: 'x' }]],
    ['with facts twice', [begin, begin]],
  ])('is not written %s', (_name, frames) => {
    expect(() => write(frames)).toThrow(TypeError)
  })

  it('ends with its end', () => {
    const encoder = new RecordEncoder()
    const record = Buffer.concat([
      encoder.frame(begin),
      encoder.frame({ kind: 'end', atMs: 1, exitCode: 0, reason: 'exited' }),
      encoder.frame({ kind: 'marker', atMs: 2, label: 'x' }),
    ])
    expect(readAll(record)).toMatchObject({
      error: { code: 'RECORD_MALFORMED' },
      frames: [{ kind: 'begin' }, { kind: 'end' }],
    })
  })

  it('is whole only when a seal stands behind its end', () => {
    const encoder = new RecordEncoder()
    const record = Buffer.concat([
      encoder.frame(begin),
      encoder.frame({ kind: 'end', atMs: 1, exitCode: null, reason: 'client' }),
    ])
    expect(readAll(record)).toMatchObject({ error: null, isWhole: false })
  })
})
