import { describe, expect, it } from 'vitest'
import { SpoolAccount } from './account.ts'

describe('SpoolAccount', () => {
  const account = (): SpoolAccount =>
    new SpoolAccount({ spoolBytes: 100, sessionBytes: 40, personBytes: 60 })
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
})
