import { describe, expect, it } from 'vitest'
import { codecs } from './codecs.ts'
import { mutate, pieces } from './mutate.ts'
import { Random, randomOf } from './random.ts'
import { Finding, fuzz } from './run.ts'

const INPUTS = 10_000

describe('bytes from outside', () => {
  it.each(Object.keys(codecs))(
    `are read by %s without a crash, ${INPUTS} times`,
    async (codec) => {
      await fuzz(codec, { seed: 20_261_126, from: 0, inputs: INPUTS })
    },
    240_000,
  )
})

describe('an input', () => {
  it('is the same for the same number, and another one for another', () => {
    const bytes = (seed: number, codec: string, index: number): string =>
      randomOf(seed, codec, index).bytes(16).toString('hex')
    expect(bytes(1, 'record', 7)).toBe(bytes(1, 'record', 7))
    const others = [bytes(2, 'record', 7), bytes(1, 'chunk', 7), bytes(1, 'record', 8)]
    expect(new Set([bytes(1, 'record', 7), ...others]).size).toBe(4)
  })

  it('in pieces is the same bytes', () => {
    const random = new Random(3)
    for (let round = 0; round < 200; round += 1) {
      const bytes = mutate(random, [Buffer.from('something that is right')])
      expect(Buffer.concat(pieces(random, bytes)).equals(bytes)).toBe(true)
    }
  })

  it('is the beginning of most others: right more often than noise', () => {
    const random = new Random(5)
    const right = Buffer.from('right')
    const mutated = Array.from({ length: 500 }, () => mutate(random, [right]))
    expect(mutated.filter((bytes) => bytes.equals(right)).length).toBeGreaterThan(20)
    expect(mutated.filter((bytes) => bytes[0] === right[0]).length).toBeGreaterThan(200)
  })

  it('that breaks a codec is named, so that it comes again', () => {
    const finding = new Finding('record', 7, 42, new Error('boom'))
    expect(finding.message).toContain('--only=record --seed=7 --from=42 --inputs=1')
    expect(finding.message).toContain('boom')
  })

  it('of a codec that is none is an error', async () => {
    await expect(fuzz('nothing', { seed: 1, from: 0, inputs: 1 })).rejects.toThrow('no codec')
  })
})
