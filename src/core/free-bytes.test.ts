import { describe, expect, it } from 'vitest'
import { freeBytes } from './free-bytes.ts'

describe('freeBytes', () => {
  it('frees bytes that have their memory for themselves', () => {
    for (const bytes of [Buffer.allocUnsafeSlow(16_384), Buffer.concat([Buffer.alloc(262_144)])]) {
      const view = bytes.subarray(10, 20)
      freeBytes(bytes)
      expect([bytes.length, view.length]).toEqual([0, 0])
    }
  })

  it('leaves alone what is cut out of something larger', () => {
    const memory = Buffer.alloc(16_384, 1)
    for (const part of [memory.subarray(0, 16_000), memory.subarray(1)]) freeBytes(part)
    expect(memory.equals(Buffer.alloc(16_384, 1))).toBe(true)
  })

  it('leaves alone what shares its memory with other small ones', () => {
    const small = Array.from({ length: 64 }, (_, at) => Buffer.from(`text ${at} `.repeat(20)))
    for (const one of small.slice(0, 32)) freeBytes(one)
    for (const [at, one] of small.entries()) expect(one.toString()).toBe(`text ${at} `.repeat(20))
  })

  it('may be called again', () => {
    const bytes = Buffer.allocUnsafeSlow(16_384)
    freeBytes(bytes)
    freeBytes(bytes)
    expect(bytes.length).toBe(0)
  })
})
