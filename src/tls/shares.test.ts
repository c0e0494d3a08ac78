import { describe, expect, it } from 'vitest'
import { Shares } from './shares.ts'

describe('Shares', () => {
  it('gives each holder his share, and all of them what there is', () => {
    const shares = new Shares({ most: 3, mostEach: 2 })
    expect(shares.take('a')).not.toBeNull()
    expect(shares.take('a')).not.toBeNull()
    expect(shares.take('a')).toBeNull()
    expect(shares.take('b')).not.toBeNull()
    expect(shares.take('b')).toBeNull()
    expect(shares.taken).toBe(3)
  })

  it('takes a place back once, however often it is given', () => {
    const shares = new Shares({ most: 2, mostEach: 1 })
    const back = shares.take('a')
    expect(shares.take('b')).not.toBeNull()
    back?.()
    back?.()
    expect(shares.taken).toBe(1)
    expect(shares.take('a')).not.toBeNull()
    expect(shares.take('c')).toBeNull()
  })

  it('tells once that a share is used up, and again when it was free in between', () => {
    const told: [string, number][] = []
    const shares = new Shares({ most: 9, mostEach: 1 }, (...full) => told.push(full))
    const back = shares.take('a')
    for (let count = 0; count < 3; count += 1) shares.take('a')
    expect(told).toEqual([['a', 1]])
    back?.()
    shares.take('a')
    shares.take('a')
    expect(told).toEqual([
      ['a', 1],
      ['a', 1],
    ])
  })
})
