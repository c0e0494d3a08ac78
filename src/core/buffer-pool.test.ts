import { describe, expect, it } from 'vitest'
import { BufferPool } from './buffer-pool.ts'

describe('a pool of buffers', () => {
  it('gives out a piece again only after it was given back', () => {
    const pool = new BufferPool(16, 2)
    const [one, two] = [pool.take(), pool.take()]
    expect(one).not.toBe(two)
    expect(one.buffer).not.toBe(two.buffer)
    pool.give(one)
    expect(pool.take()).toBe(one)
    expect(pool.take()).not.toBe(two)
  })

  it('keeps no more than it may', () => {
    const pool = new BufferPool(16, 1)
    const [one, two] = [pool.take(), pool.take()]
    pool.give(one)
    pool.give(two)
    expect([pool.take(), pool.take()]).not.toContain(two)
  })
})
