import { describe, expect, it } from 'vitest'
import { SharedSyncs } from './shared-syncs.ts'

describe('SharedSyncs', () => {
  const underway: PromiseWithResolvers<void>[] = []
  const syncs = (): SharedSyncs => {
    underway.length = 0
    return new SharedSyncs(() => {
      const one = Promise.withResolvers<void>()
      underway.push(one)
      return one.promise
    })
  }

  it('serves all who asked while one was underway with the one that begins after it', async () => {
    const shared = syncs()
    const first = shared.sync('a')
    const done: number[] = []
    const others = [1, 2, 3].map((n) => shared.sync('a').then(() => done.push(n)))
    expect(underway).toHaveLength(1)
    underway[0]?.resolve()
    await first
    await expect.poll(() => underway.length).toBe(2)
    expect(done).toEqual([])
    underway[1]?.resolve()
    await Promise.all(others)
    expect(underway).toHaveLength(2)
    const last = shared.sync('a')
    expect(underway).toHaveLength(3)
    underway[2]?.resolve()
    await last
  })

  it('keeps directories apart, and tells a failure only those whom it concerns', async () => {
    const shared = syncs()
    const a = shared.sync('a')
    const later = shared.sync('a')
    const b = shared.sync('b')
    expect(underway).toHaveLength(2)
    underway[0]?.reject(new Error('no'))
    await expect(a).rejects.toThrow('no')
    await expect.poll(() => underway.length).toBe(3)
    underway[1]?.resolve()
    underway[2]?.resolve()
    await Promise.all([b, later])
  })
})
