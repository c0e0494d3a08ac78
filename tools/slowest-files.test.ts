import { expect, it } from 'vitest'
import { slowest } from './slowest-files.ts'

it('the longest files come first, and no more than are shown', () => {
  const files = [
    { name: 'a.test.ts', ms: 1_000 },
    { name: 'b.test.ts', ms: 61_234 },
    { name: 'c.test.ts', ms: 20 },
  ]
  expect(slowest(files, 2)).toEqual(['    61.2 s  b.test.ts', '     1.0 s  a.test.ts'])
})
