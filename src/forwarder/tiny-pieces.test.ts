import { once } from 'node:events'
import { Readable } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { boundTinyPieces } from './tiny-pieces.ts'

/** A stream that is fed by hand, as parsers feed theirs. */
function fed(max: number): { source: Readable; calls: () => number } {
  const source = new Readable({ read() {} })
  let calls = 0
  boundTinyPieces(source, max, () => {
    calls += 1
  })
  return { source, calls: () => calls }
}

const turn = (): Promise<void> => new Promise((done) => setImmediate(done))

describe('boundTinyPieces()', () => {
  it('tells once of one piece more than may wait', async () => {
    const { source, calls } = fed(100)
    for (let count = 0; count < 100; count += 1) source.push(Buffer.from('x'))
    await turn()
    expect(calls()).toBe(0)
    for (let count = 0; count < 50; count += 1) source.push(Buffer.from('x'))
    await turn()
    expect(calls()).toBe(1)
  })

  it('says nothing of any number that is read in time', async () => {
    const { source, calls } = fed(100)
    source.resume()
    for (let count = 0; count < 10_000; count += 1) {
      source.push(Buffer.from('x'))
      if (count % 50 === 0) await turn()
    }
    await turn()
    expect(calls()).toBe(0)
  })

  it('says nothing of pieces that are worth their place', async () => {
    const { source, calls } = fed(100)
    for (let count = 0; count < 1000; count += 1) source.push(Buffer.alloc(64))
    await turn()
    expect(calls()).toBe(0)
  })

  it('is not led astray by what was read before, nor by large pieces between', async () => {
    const { source, calls } = fed(100)
    for (let count = 0; count < 1000; count += 1) {
      source.push(Buffer.alloc(16_384))
      source.read(16_384 - 1)
    }
    for (let count = 0; count < 101; count += 1) {
      source.push(Buffer.from('x'))
      source.push(Buffer.alloc(100))
    }
    await turn()
    expect(calls()).toBe(1)
  })

  it('changes nothing of what is read, nor of its end', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 100 })),
        async (pieces) => {
          const { source } = fed(5)
          const read: Buffer[] = []
          for (const piece of pieces) source.push(Buffer.from(piece))
          source.push(null)
          source.on('data', (chunk: Buffer) => read.push(chunk))
          await once(source, 'end')
          expect(Buffer.concat(read)).toEqual(Buffer.concat(pieces))
        },
      ),
    )
  })
})
