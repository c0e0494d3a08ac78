import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compilePattern } from './pattern.ts'

const traits = {
  team: ['red', 'blue'],
  star: ['*', '^.*$', 'a*'],
  nested: ['{{external.team}}'],
  none: [],
}
const matches = (pattern: string, value: string): boolean =>
  compilePattern(pattern).matches(value, traits)

describe('compilePattern()', () => {
  it.each([
    ['prod', 'prod', true],
    ['prod', 'Prod', false],
    ['prod', 'production', false],
    ['*', '', true],
    ['*', 'anything', true],
    ['**', 'x', true],
    ['eu-*', 'eu-', true],
    ['eu-*', 'eu-1', true],
    ['eu-*', 'us-1', false],
    ['*-1', 'eu-1', true],
    ['*-1', 'eu-12', false],
    ['a*b*c', 'abc', true],
    ['a*b*c', 'a.b.b.c', true],
    ['a*b*c', 'ac', false],
    ['a*a', 'a', false],
    ['ab*ba', 'aba', false],
    ['*bc*c', 'abc', false],
    ['a?c', 'abc', false],
    ['a.c', 'abc', false],
    ['^eu-[0-9]+$', 'eu-12', true],
    ['^eu-[0-9]+$', 'eu-12x', false],
    ['^a|b$', 'b', true],
    ['^a|b$', 'ax', false],
    ['^(?i)PROD$', 'prod', true],
    ['^eu', '^eu', true],
    ['eu$', 'eu$', true],
    ['a{2}', 'a{2}', true],
  ])('%s against %j: %s', (pattern, value, expected) => {
    expect(matches(pattern, value)).toBe(expected)
  })

  it.each([
    ['{{external.team}}', 'blue', true],
    ['{{external.team}}', 'green', false],
    ['team-{{external.team}}', 'team-red', true],
    ['{{external.team}}-*', 'red-1', true],
    ['*-{{external.team}}-*', 'eu-red-1', true],
    ['*-{{external.team}}-*', 'eu-green-1', false],
    ['{{external.none}}', '', false],
    ['{{external.missing}}*', 'x', false],
    // What comes out of a trait is literal.
    ['{{external.star}}', 'anything', false],
    ['{{external.star}}', '*', true],
    ['{{external.star}}', '^.*$', true],
    ['x{{external.star}}', 'xab', false],
    ['{{external.star}}-*', 'a*-1', true],
    ['{{external.star}}-*', 'ab-1', false],
    ['{{external.nested}}', 'red', false],
  ])('%s against %j: %s', (pattern, value, expected) => {
    expect(matches(pattern, value)).toBe(expected)
  })

  it.each([
    ['^($', /missing|unexpected|unmatched/i],
    ['^(a{1000}){1000}$', /repeat/],
    ['^(?=a)a$', /.+/],
    ['^{{external.team}}$', /glob/],
    ['{{external}}', /not a template/],
  ])('refuses %s', (pattern, words) => expect(() => compilePattern(pattern)).toThrow(words))

  it.each(['^(a+)+$', '^(a|aa)+$', '^(.*)(.*)(.*)(.*)b$', '^(a?){50}a{50}$'])(
    'ends with %s on 100,000 characters',
    (pattern) => {
      expect(matches(pattern, `${'a'.repeat(100_000)}!`)).toBe(false)
    },
  )

  it('ends with a glob of many stars', () => {
    expect(matches(`${'*a'.repeat(1000)}b`, 'a'.repeat(100_000))).toBe(false)
  })

  it('globs as a regular expression with .* would', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 })
    fc.assert(
      fc.property(
        text,
        fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 12 }),
        (glob, value) => {
          const regex = new RegExp(`^${glob.replaceAll('*', '.*')}$`)
          expect(matches(glob, value)).toBe(regex.test(value))
        },
      ),
    )
  })

  it('takes a trait for itself and nothing else, around any text', () => {
    const any = fc.string({
      unit: fc.constantFrom('a', 'b', '*', '^', '$', '.', '('),
      minLength: 1,
    })
    fc.assert(
      fc.property(any, any, (inserted, value) => {
        const pattern = compilePattern('{{external.x}}')
        expect(pattern.matches(value, { x: [inserted] })).toBe(value === inserted)
      }),
    )
  })
})
