import { RE2JS } from 're2js'
import { describe, expect, it } from 'vitest'
import { parseReplacement, replaceAll } from './replacement.ts'

const replace = (pattern: string, value: string, by: string): string | null => {
  const compiled = RE2JS.compile(pattern)
  return replaceAll(compiled, value, parseReplacement(by, compiled))
}

describe('replaceAll()', () => {
  it.each([
    ['^(.*)@example.com$', 'dave@example.com', '$1', 'dave'],
    ['^(.*)@example.com$', 'dave@example.com', 'u-${1}1', 'u-dave1'],
    ['(?P<who>.*)@.*', 'dave@x', '<$who>', '<dave>'],
    ['(?P<who>.*)@.*', 'dave@x', '${who}s', 'daves'],
    ['(a)(b)?', 'a', '$1$2', 'a'],
    ['a', 'banana', 'o', 'bonono'],
    ['a', 'banana', '', 'bnn'],
    ['a', 'banana', '$0$0', 'baanaanaa'],
    ['a', 'a', '$$1', '$1'],
    ['a', 'a', '$', '$'],
    ['a', 'a', '${', '${'],
    ['a', 'a', 'x$-y', 'x$-y'],
    ['a*', 'baac', '-', '-b-c-'],
    ['', 'ab', '-', '-a-b-'],
    ['ö', 'zöe👩ö', 'o', 'zoe👩o'],
    ['x', 'abc', 'y', null],
  ])('%s in %s by %s', (pattern, value, by, expected) => {
    expect(replace(pattern, value, by)).toBe(expected)
  })

  it('does not read what it inserts again', () => {
    expect(replace('(.*)!', '$1!', 'x$1')).toBe('x$1')
  })

  it.each(['$2', '${2}', '$1x', '$name', '${constructor}'])(
    'refuses %s without such a group',
    (by) => {
      expect(() => replace('(a)', 'a', by)).toThrow('no group')
    },
  )
})
