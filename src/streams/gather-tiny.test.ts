import { once } from 'node:events'
import { Readable } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { gatherTinyPieces } from './gather-tiny.ts'

/** A stream that is fed by hand, as sockets feed theirs. */
function fed(): { source: Readable; pieces: Buffer[] } {
  const source = new Readable({ read() {}, highWaterMark: 64 * 1024 })
  const pieces: Buffer[] = []
  gatherTinyPieces(source)
  source.on('data', (piece: Buffer) => pieces.push(piece))
  return { source, pieces }
}

describe('gatherTinyPieces()', () => {
  it('keeps few pieces of many that wait, and takes no more than there is room for', async () => {
    const { source, pieces } = fed()
    source.pause()
    let sent = 0
    while (sent < 200_000 && source.push(Buffer.from([sent & 255]))) sent += 1
    // A block may be underway.
    expect(sent).toBeGreaterThanOrEqual(64 * 1024 - 1)
    expect(sent).toBeLessThan(64 * 1024 + 8 * 1024)
    source.resume()
    source.push(null)
    await once(source, 'end')
    expect(pieces.length).toBeLessThan(40)
    const all = Buffer.concat(pieces)
    expect(all.length).toBe(sent + 1)
    expect(all.every((byte, at) => byte === (at & 255))).toBe(true)
  })

  it('gives what flows at once, and the last of what waited with the first reading', async () => {
    const { source, pieces } = fed()
    source.push(Buffer.from('a'))
    await expect.poll(() => pieces.map(String)).toEqual(['a'])
    source.pause()
    source.push(Buffer.from('b'))
    source.push(Buffer.from('c'))
    source.resume()
    await expect.poll(() => pieces.map(String)).toEqual(['a', 'bc'])
  })

  it('changes no byte and no order, however it is stopped and gone on with', async () => {
    const step = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 200 }),
      fc.constantFrom('pause' as const, 'resume' as const, 'turn' as const),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 200 }), async (steps) => {
        const { source, pieces } = fed()
        const sent: Uint8Array[] = []
        for (const each of steps) {
          if (each === 'pause') source.pause()
          else if (each === 'resume') source.resume()
          else if (each === 'turn') await new Promise((done) => setImmediate(done))
          else {
            sent.push(each)
            source.push(Buffer.from(each))
          }
        }
        source.push(null)
        source.resume()
        await once(source, 'end')
        expect(Buffer.concat(pieces)).toEqual(Buffer.concat(sent))
      }),
    )
  })
})
