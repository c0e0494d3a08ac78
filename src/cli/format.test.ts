import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { FakeIo } from '../../test/support/fake-io.ts'
import { render, toYaml } from './format.ts'
import { print, say } from './io.ts'

const HOSTILE = {
  plain: 'a\u009b31mX\u202e',
  lines: 'multi\nli\u009bne',
  tab: 'no\ttab',
  'k\u202e': '\u001b[2J',
}
const UNSAFE = /[\u0080-\u009f\u202e\u001b]/

describe('data for programs', () => {
  it.each([
    ['json', (text: string) => (JSON.parse(text) as unknown[])[0]],
    ['yaml', parse],
  ] as const)('as %s says exactly what it is, and moves no cursor', (format, read) => {
    const text = render(format, [HOSTILE], () => '')
    expect(text).not.toMatch(UNSAFE)
    expect(read(text)).toEqual(HOSTILE)
  })

  it('stays plain where nothing is hostile', () => {
    expect(toYaml({ a: 'x\ny', b: 'plain' })).toBe('a: |-\n  x\n  y\nb: plain\n')
  })
})

it('print() and say() show lines, and no control characters', () => {
  const io = new FakeIo()
  print(io, 'a\u001b[2J\n\tb')
  say(io, 'the server says \u009b31m')
  expect(io.out).toBe('a\ufffd[2J\n\tb\n')
  expect(io.err).toBe('the server says \ufffd31m\n')
})
