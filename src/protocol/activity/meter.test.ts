import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { activityMeter } from './meter.ts'

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex')

const spdy = {
  ping: bytes('8003 0006 00 000004 00000001'),
  settings: bytes('8003 0004 00 00000c 00000001 04000000 00000064'),
  window: bytes('8003 0009 00 000008 00000001 00001000'),
  reply: bytes('8003 0002 00 000008 00000001 00000000'),
  open: bytes('8003 0001 00 00000a 00000001 00000000 0000'),
  data: bytes('00000005 00 000003 6c730a'),
  end: bytes('00000005 01 000000'),
}

/** A frame as clients send it: masked. */
function message(opcode: number, payload: Buffer, mask = bytes('0a0b0c0d')): Buffer {
  const { length } = payload
  const size =
    length < 126
      ? Buffer.from([0x80 | length])
      : length < 65536
        ? Buffer.from([0x80 | 126, length >> 8, length & 255])
        : Buffer.concat([Buffer.from([0x80 | 127, 0, 0, 0, 0]), uint32(length)])
  const masked = payload.map((byte, index) => byte ^ (mask[index & 3] ?? 0))
  return Buffer.concat([Buffer.from([0x80 | opcode]), size, mask, masked])
}

function uint32(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeUInt32BE(value)
  return buffer
}

const webSocket = {
  ping: message(9, Buffer.alloc(0)),
  pingWithWords: message(9, Buffer.from('heartbeat')),
  pong: message(10, Buffer.alloc(0)),
  stdin: message(2, bytes('00 6c 73 0a')),
  resize: message(2, Buffer.from('\u0004{"Width":80,"Height":24}')),
  short: message(2, Buffer.alloc(300, 1)),
  long: message(2, Buffer.alloc(70_000, 1)),
  unmasked: bytes('82 02 00 61'),
}

const tunnelled = {
  ping: message(2, spdy.ping),
  window: message(2, spdy.window),
  data: message(2, spdy.data),
  open: message(2, spdy.open),
  controlPing: webSocket.ping,
}

const protocols = [
  ['SPDY/3.1', null, spdy, ['open', 'data', 'end']],
  ['websocket', 'v5.channel.k8s.io', webSocket, ['stdin', 'resize', 'short', 'long', 'unmasked']],
  ['websocket', 'SPDY/3.1+portforward.k8s.io', tunnelled, ['data', 'open']],
] as const

describe.each(protocols)('activityMeter(%s, %s)', (upgrade, subprotocol, frames, active) => {
  const all = Object.entries<Buffer>(frames)

  it.each(all)('knows what %s is', (name, frame) => {
    const counts = (active as readonly string[]).includes(name)
    expect(activityMeter(upgrade, subprotocol).push(frame)).toBe(counts)
  })

  it('is not confused by what came before', () => {
    for (const [name, frame] of all) {
      const meter = activityMeter(upgrade, subprotocol)
      for (const [, before] of all) meter.push(before)
      expect(meter.push(frame), name).toBe((active as readonly string[]).includes(name))
    }
  })

  it('sees the same, however the bytes are split', () => {
    const quiet = all.filter(([name]) => !(active as readonly string[]).includes(name))
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...all), { maxLength: 6 }),
        fc.array(fc.nat({ max: 40 }), { minLength: 1, maxLength: 20 }),
        (chosen, sizes) => {
          const stream = Buffer.concat(chosen.map(([, frame]) => frame))
          const meter = activityMeter(upgrade, subprotocol)
          let heard = false
          let at = 0
          for (let turn = 0; at < stream.length; turn += 1) {
            const size = (sizes[turn % sizes.length] ?? 0) + 1
            heard = meter.push(stream.subarray(at, at + size)) || heard
            at += size
          }
          expect(heard).toBe(chosen.some((frame) => !quiet.includes(frame)))
        },
      ),
    )
  })

  it('goes on with whatever it gets', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 })), (chunks) => {
        const meter = activityMeter(upgrade, subprotocol)
        for (const chunk of chunks) expect(typeof meter.push(chunk)).toBe('boolean')
      }),
    )
  })
})

describe('activityMeter()', () => {
  it('counts every byte of a protocol that it does not know', () => {
    const meter = activityMeter('other', null)
    expect(meter.push(Buffer.from('x'))).toBe(true)
    expect(meter.push(Buffer.alloc(0))).toBe(false)
  })

  it('takes the largest lengths that a header can say', () => {
    const large = activityMeter('SPDY/3.1', null)
    expect(large.push(bytes('00000005 00 ffffff 00'))).toBe(true)
    const endless = activityMeter('websocket', null)
    expect(endless.push(bytes('82 7f ffffffffffffffff'))).toBe(false)
    expect(endless.push(bytes('00'))).toBe(true)
  })
})
