import { describe, expect, it } from 'vitest'
import { SpoolAccount } from './account.ts'

const WAITS = { awayMs: 3_600_000, holdMs: 3_600_000 }

describe('SpoolAccount', () => {
  const account = (): SpoolAccount =>
    new SpoolAccount({ spoolBytes: 100, sessionBytes: 40, personBytes: 60, ...WAITS })
  const full = { code: 'RECORDER_FULL' }
  const shareFull = { code: 'RECORDER_SHARE_FULL' }

  it('gives a session its share, and says so when that is taken', () => {
    const spool = account()
    spool.belongs('a', 'joe')
    spool.take('a', 40)
    expect(() => spool.take('a', 1)).toThrow(expect.objectContaining(shareFull))
    expect(spool.of('a')).toBe(40)
  })

  it('gives a person a share over all of his sessions, and all others the rest', () => {
    const spool = account()
    for (const id of ['a', 'b', 'c']) spool.belongs(id, 'joe')
    spool.belongs('d', 'eve')
    spool.take('a', 30)
    spool.take('b', 30)
    expect(() => spool.take('c', 1)).toThrow(expect.objectContaining(shareFull))
    expect(() => spool.take('c', 1)).toThrow('of this one person')
    spool.take('d', 40)
    expect([spool.used, spool.ofPerson('joe'), spool.ofPerson('eve')]).toEqual([100, 60, 40])
    spool.drop('a')
    spool.take('c', 30)
    expect(spool.ofPerson('joe')).toBe(60)
  })

  it('has room for nobody when all of it is taken', () => {
    const spool = account()
    for (const [id, person] of [
      ['a', 'joe'],
      ['b', 'eve'],
      ['c', 'bob'],
    ] as const) {
      spool.belongs(id, person)
      if (id !== 'c') spool.take(id, 40)
    }
    spool.take('c', 20)
    expect(() => spool.take('c', 1)).toThrow(expect.objectContaining(full))
  })

  it('counts what lay there before it was known whose it is', () => {
    const spool = account()
    spool.add('a', 70)
    expect(spool.ofPerson('joe')).toBe(0)
    spool.belongs('a', 'joe')
    spool.belongs('a', 'joe')
    expect([spool.used, spool.of('a'), spool.ofPerson('joe')]).toEqual([70, 70, 70])
    spool.belongs('b', 'joe')
    expect(() => spool.take('b', 1)).toThrow(expect.objectContaining(shareFull))
    spool.set('a', 10)
    spool.take('b', 40)
    for (const id of ['a', 'b']) spool.drop(id)
    expect([spool.used, spool.of('a'), spool.ofPerson('joe')]).toEqual([0, 0, 0])
  })

  describe('for who waits', () => {
    const waits = (but: Partial<typeof WAITS> = {}): SpoolAccount =>
      new SpoolAccount({ spoolBytes: 100, sessionBytes: 40, personBytes: 60, ...WAITS, ...but })
    const stays = new AbortController().signal

    it('has room as soon as there is some, in their order, and each for itself', async () => {
      const spool = waits()
      for (const id of ['a', 'b']) spool.take(id, 40)
      const settled: string[] = []
      const wait = async (id: string, bytes: number): Promise<void> => {
        await spool.takeWhenRoom(id, bytes, stays)
        settled.push(id)
      }
      const waiting = [wait('a', 30), wait('b', 10), wait('b', 5)]
      // Whoever has room is not held up by those.
      expect(await spool.takeWhenRoom('c', 20, stays)).toBe(true)
      spool.add('b', -10)
      await Promise.resolve()
      expect(spool.of('b')).toBe(40)
      spool.drop('b')
      spool.add('a', -40)
      await Promise.all(waiting)
      expect(settled).toEqual(['b', 'b', 'a'])
      expect([spool.of('a'), spool.of('b'), spool.used]).toEqual([30, 5, 55])
    })

    it('says that there is none when nothing is delivered any more, and later at once', async () => {
      const spool = waits({ awayMs: 1 })
      spool.take('a', 40)
      const waiting = [spool.takeWhenRoom('a', 1, stays), spool.takeWhenRoom('a', 2, stays)]
      spool.setAway(true)
      for (const wait of waiting) await expect(wait).rejects.toMatchObject(shareFull)
      await expect(spool.takeWhenRoom('a', 1, stays)).rejects.toMatchObject(shareFull)
      expect(spool.of('a')).toBe(40)
      spool.setAway(false)
      const again = spool.takeWhenRoom('a', 1, stays)
      spool.add('a', -1)
      expect(await again).toBe(true)
    })

    it('says so also where others are delivered, after a while', async () => {
      const spool = waits({ holdMs: 1 })
      spool.take('a', 40)
      await expect(spool.takeWhenRoom('a', 1, stays)).rejects.toMatchObject(shareFull)
    })

    it('takes nothing for who goes away', async () => {
      const spool = waits()
      spool.take('a', 40)
      const leaves = new AbortController()
      const waiting = spool.takeWhenRoom('a', 1, leaves.signal)
      leaves.abort()
      expect(await waiting).toBe(false)
      expect(await spool.takeWhenRoom('b', 1, leaves.signal)).toBe(false)
      spool.drop('a')
      expect(spool.used).toBe(0)
    })
  })
})
