import { existsSync } from 'node:fs'
import { expect, it } from 'vitest'
import { LONGEST, rankOf } from './longest-first.ts'

it('puts files that wait for minutes before all others', () => {
  const paths = ['/x/src/a.test.ts', ...LONGEST.map((name) => `/x/${name}`).toReversed()]
  const sorted = paths.toSorted((a, b) => rankOf(a) - rankOf(b))
  expect(sorted).toEqual([...LONGEST.map((name) => `/x/${name}`), '/x/src/a.test.ts'])
})

it.each(LONGEST)('%s is there', (name) => {
  expect(existsSync(name)).toBe(true)
})
