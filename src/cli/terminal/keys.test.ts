import { describe, expect, it } from 'vitest'
import { parseKeys } from './keys.ts'

/** Names in angle brackets. */
const keys = (input: string): string =>
  parseKeys(input)
    .map((key) => (key.type === 'char' ? key.char : `<${key.name}>`))
    .join('')

describe('parseKeys()', () => {
  it.each([
    ['q', 'q'],
    ['äß日👩', 'äß日👩'],
    ['\u0003', '<ctrl-c>'],
    ['\u001a', '<ctrl-z>'],
    ['\r', '<enter>'],
    ['\t\u001b[Z', '<tab><backtab>'],
    ['\u007f\b', '<backspace><backspace>'],
    ['\u001b', '<escape>'],
    ['\u001b[A\u001bOB', '<up><down>'],
    ['\u001b[5~\u001b[6~', '<pageup><pagedown>'],
    ['\u001b[1~\u001bOF', '<home><end>'],
    ['a\u001b[Ab', 'a<up>b'],
    ['\u001ba', '<escape>a'],
    ['\u001b\u001b', '<escape><escape>'],
  ])('%j is %s', (input, expected) => {
    expect(keys(input)).toBe(expected)
  })

  it.each(['\u001b[1;5C', '\u001b[200~', '\u001b[<0;10;10M', '\u001b[?1;2c', '\u0001', '\u009b'])(
    'drops %j whole',
    (input) => {
      expect(keys(`${input}x`)).toBe('x')
    },
  )
})
