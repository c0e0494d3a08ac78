import { describe, expect, it } from 'vitest'

describe('a suite', () => {
  it('runs', () => expect(1).toBe(1))
  it.skip('is left out', () => expect(1).toBe(2))
})
