import fc from 'fast-check'
import { expect, it } from 'vitest'
import { fileNameOf } from './file-name.ts'

it.each([
  ['joe@example.com:3080', 'joe@example.com%3a3080'],
  ['Joe', '%4aoe'],
  ['..', '%2e.'],
  ['a/b\0', 'a%2fb%00'],
  ['é', '%c3%a9'],
])('%j is %s', (text, name) => {
  expect(fileNameOf(text)).toBe(name)
})

it('is one name for each text, safe everywhere', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (one, other) => {
      expect(fileNameOf(one)).toMatch(/^[a-z0-9%@_-][a-z0-9%@._-]*$/)
      if (one !== other) expect(fileNameOf(one)).not.toBe(fileNameOf(other))
    }),
  )
  expect(fileNameOf('x'.repeat(1000))).toHaveLength(65)
})
