import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { Places } from './places.ts'

describe('places', () => {
  it('are given in order, and no more than there are, whatever becomes of who had them', async () => {
    const places = new Places(2)
    const begun: number[] = []
    const ends: ((error?: Error) => void)[] = []
    const works = Array.from({ length: 5 }, (_, n) =>
      places.take(async () => {
        begun.push(n)
        await new Promise<void>((resolve, reject) => {
          ends[n] = (error) => (error === undefined ? resolve() : reject(error))
        })
        return n
      }),
    )
    const settled = Promise.allSettled(works)
    await nextTurn()
    expect(begun).toEqual([0, 1])
    ends[1]?.(new Error('failed'))
    await nextTurn()
    expect(begun).toEqual([0, 1, 2])
    ends[0]?.()
    ends[2]?.()
    await nextTurn()
    expect(begun).toEqual([0, 1, 2, 3, 4])
    ends[3]?.()
    ends[4]?.()
    expect((await settled).map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
      'fulfilled',
    ])
    expect(await places.take(async () => 'free again')).toBe('free again')
  })
})
