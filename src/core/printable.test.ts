import { describe, expect, it } from 'vitest'
import { escapeUnsafe, printable, printableLines } from './printable.ts'

describe('what is shown', () => {
  it.each([
    ['an escape sequence', '\u001b[2Jx', '\ufffd[2Jx'],
    ['the same in one character', '\u009b2Jx', '\ufffd2Jx'],
    ['letters in another order', 'a\u202eb\u2066c', 'a\ufffdb\ufffdc'],
    ['a line that goes back', 'a\rb', 'a\ufffdb'],
  ])('has not %s', (_what, text, shown) => {
    expect(printable(text)).toBe(shown)
    expect(printableLines(text)).toBe(shown)
  })

  it('keeps lines where there are several', () => {
    expect(printable('a\n\tb')).toBe('a\ufffd\ufffdb')
    expect(printableLines('a\n\tb é 日本')).toBe('a\n\tb é 日本')
  })

  it('is exact in JSON', () => {
    const value = ['a\u009b31mX\u202e', '\u007f']
    const text = escapeUnsafe(JSON.stringify(value, null, 2))
    expect(text).toBe('[\n  "a\\u009b31mX\\u202e",\n  "\\u007f"\n]')
    expect(JSON.parse(text)).toEqual(value)
  })
})
