import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { grownTogether } from '../../../test/support/spdy-frames.ts'
import { FrameDecoder } from './decode.ts'
import { encodeFrame } from './encode.ts'
import {
  describeFrame,
  type Frame,
  type GoAwayStatus,
  goAwayStatuses,
  type ResetStatus,
  resetStatuses,
} from './frame.ts'
import { HeaderEncoder } from './headers.ts'
import { defaultSpdyLimits } from './limits.ts'

const streamId = fc.integer({ min: 1, max: 0x7fffffff })
const fin = fc.boolean()
const uint32 = fc.integer({ min: 0, max: 0xffffffff })
const headers = fc
  .uniqueArray(
    fc.tuple(fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/), fc.stringMatching(/^[ -~]{0,40}$/)),
    {
      selector: ([name]) => name,
      maxLength: 6,
    },
  )
  .map((pairs) => pairs.map(([name, value]) => [name, value] as const))

const frames: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({
    type: fc.constant('synStream' as const),
    streamId,
    associatedStreamId: fc.integer({ min: 0, max: 0x7fffffff }),
    priority: fc.integer({ min: 0, max: 7 }),
    fin,
    unidirectional: fc.boolean(),
    headers,
  }),
  fc.record({ type: fc.constant('synReply' as const), streamId, fin, headers }),
  fc.record({ type: fc.constant('headers' as const), streamId, fin, headers }),
  fc.record({
    type: fc.constant('rstStream' as const),
    streamId,
    status: fc.constantFrom(...(Object.keys(resetStatuses) as ResetStatus[])),
  }),
  fc.record({
    type: fc.constant('settings' as const),
    clear: fc.boolean(),
    entries: fc.array(
      fc.record({
        flags: fc.integer({ min: 0, max: 255 }),
        id: fc.integer({ min: 0, max: 0xffffff }),
        value: uint32,
      }),
      { maxLength: 5 },
    ),
  }),
  fc.record({ type: fc.constant('ping' as const), id: uint32 }),
  fc.record({
    type: fc.constant('goAway' as const),
    lastStreamId: fc.integer({ min: 0, max: 0x7fffffff }),
    status: fc.constantFrom(...(Object.keys(goAwayStatuses) as GoAwayStatus[])),
  }),
  fc.record({
    type: fc.constant('windowUpdate' as const),
    streamId: fc.integer({ min: 0, max: 0x7fffffff }),
    delta: fc.integer({ min: 0, max: 0x7fffffff }),
  }),
  fc.record({
    type: fc.constant('data' as const),
    streamId,
    fin,
    data: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  }),
)

function written(all: readonly Frame[]): Buffer {
  const encoder = new HeaderEncoder()
  return Buffer.concat(all.map((frame) => encodeFrame(frame, encoder)))
}

const ping: Frame = { type: 'ping', id: 1 }

describe('SPDY frames', () => {
  it('are read as they were written', () => {
    fc.assert(
      fc.property(fc.array(frames, { maxLength: 10 }), (all) => {
        expect(new FrameDecoder().push(written(all))).toEqual(all)
      }),
    )
  })

  it('are the same however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(frames, { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 }),
        (all, cuts) => {
          const bytes = written(all)
          const decoder = new FrameDecoder()
          const read: Frame[] = []
          for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
            const length = cuts[turn % cuts.length] ?? 1
            read.push(...decoder.push(bytes.subarray(at, at + length)))
            at += length
          }
          expect(grownTogether(read)).toEqual(grownTogether(all))
          expect(decoder.pending).toBe(0)
        },
      ),
    )
  })

  it('that come byte by byte are whole in the end', () => {
    const data = Buffer.from(Array.from({ length: 40_000 }, (_byte, index) => index % 251))
    const all: Frame[] = [{ type: 'data', streamId: 1, fin: false, data }]
    const decoder = new FrameDecoder()
    const read = [...written([...all, ...all])].flatMap((byte) => decoder.push(Buffer.from([byte])))
    const bytes = read.map((frame) => (frame.type === 'data' ? frame.data : Buffer.alloc(0)))
    expect(Buffer.concat(bytes)).toEqual(Buffer.concat([data, data]))
    expect(decoder.pending).toBe(0)
  })

  it('of data are not waited for', () => {
    const decoder = new FrameDecoder()
    const frame = written([{ type: 'data', streamId: 1, fin: true, data: Buffer.from('abcdef') }])
    const cut = (from: number, to: number): unknown =>
      decoder.push(Buffer.from(frame.subarray(from, to)))
    expect(cut(0, 10)).toEqual([{ type: 'data', streamId: 1, fin: false, data: Buffer.from('ab') }])
    expect(cut(10, 14)).toEqual([
      { type: 'data', streamId: 1, fin: true, data: Buffer.from('cdef') },
    ])
    expect(decoder.pending).toBe(0)
  })

  it('keep nothing of a chunk that is lent', () => {
    const decoder = new FrameDecoder()
    const bytes = written([ping, { type: 'data', streamId: 1, fin: false, data: Buffer.from('x') }])
    const read: Frame[] = []
    for (let at = 0; at < bytes.length; at += 5) {
      const chunk = Buffer.from(bytes.subarray(at, at + 5))
      for (const frame of decoder.push(chunk)) {
        read.push(frame.type === 'data' ? { ...frame, data: Buffer.from(frame.data) } : frame)
      }
      chunk.fill(0xff)
    }
    expect(read).toEqual([ping, { type: 'data', streamId: 1, fin: false, data: Buffer.from('x') }])
  })

  it('of an unknown type are passed over', () => {
    const unknown = Buffer.from('8003000a00000002ffff', 'hex')
    expect(new FrameDecoder().push(Buffer.concat([unknown, written([ping])]))).toEqual([ping])
  })

  it.each([
    ['a control frame that is too large', '8003000100010001', 'SPDY_FRAME_TOO_LARGE'],
    ['SPDY/2', '8002000100000000', 'SPDY_VERSION_UNSUPPORTED'],
    ['an HTTP answer', '48545450', null],
    ['data for stream 0', '0000000000000000', 'SPDY_FRAME_MALFORMED'],
    ['a reset of stream 0', '80030003000000080000000000000001', 'SPDY_FRAME_MALFORMED'],
    ['a ping of three bytes', '8003000600000003000001', 'SPDY_FRAME_MALFORMED'],
    ['a SYN_STREAM without numbers', '800300010000000400000001', 'SPDY_FRAME_MALFORMED'],
    ['settings that count wrongly', '800300040000000400000002', 'SPDY_FRAME_MALFORMED'],
    ['settings that count to 2^32-1', '8003000400000004ffffffff', 'SPDY_FRAME_MALFORMED'],
  ])('%s', (_what, hex, code) => {
    const push = (): unknown => new FrameDecoder().push(Buffer.from(hex, 'hex'))
    if (code === null) expect(push()).toEqual([])
    else expect(push).toThrow(expect.objectContaining({ code, goAwayStatus: 'protocolError' }))
  })

  it('are judged by their length before a byte of them is kept', () => {
    const decoder = new FrameDecoder({ ...defaultSpdyLimits, maxDataBytes: 10 })
    expect(() => decoder.push(Buffer.from('000000010000000b', 'hex'))).toThrow(
      expect.objectContaining({ code: 'SPDY_FRAME_TOO_LARGE', facts: { length: 11 } }),
    )
  })

  it('of any bytes are read or refused with a code', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          new FrameDecoder().push(Buffer.from(bytes))
        } catch (error) {
          expect(error).toMatchObject({ name: 'SpdyError' })
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('are told without what is in them', () => {
    const secret = Buffer.from('secret')
    const data: Frame = { type: 'data', streamId: 5, fin: true, data: secret }
    const open: Frame = { type: 'synReply', streamId: 5, fin: false, headers: [['x', 'secret']] }
    expect(describeFrame(data)).toBe('data 5, 6 bytes, fin')
    expect(describeFrame(open)).toBe('synReply 5, 1 headers')
  })
})
