import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FewerSteps } from './fewer-steps.ts'

const ESC = '\u001b'

function given(...pieces: readonly string[]): string {
  const steps = new FewerSteps()
  return pieces.map((piece) => steps.write(piece)).join('')
}

describe('what a terminal is given', () => {
  it.each([
    ['text and colours', `a${ESC}[31mred${ESC}[0m\r\n`],
    ['a character again, as often as a line is wide', `-${ESC}[79b`],
    ['lines put in', `${ESC}[3L${ESC}[L${ESC}[0M`],
    ['scrolling', `${ESC}[24S${ESC}[1000T`],
    ['a place far away', `${ESC}[9999;9999H`],
    ['a title of such letters', `${ESC}]0;9999b\u0007`],
  ])('is %s', (_what, text) => {
    expect(given(text)).toBe(text)
  })

  it.each([
    ['a character, for a long time', `${ESC}[65535b`],
    ['the same with further numbers', `${ESC}[1001;1b`],
    ['with nothing in front of it', `${ESC}[0000000001001S`],
    ['in one character (C1)', '\u009b2000L'],
    ['with controls within', `${ESC}\u0000[20\u000700M`],
  ])('is not %s', (_what, sequence) => {
    expect(given(`a${sequence}b`)).toBe('ab')
  })

  it('is not in many sequences either what only takes time', () => {
    const all = given(`-${ESC}[999b`.repeat(1000))
    const kept = all.split(`${ESC}[999b`).length - 1
    expect(kept).toBeGreaterThan(5)
    expect(kept).toBeLessThan(100)
    expect(all.replaceAll(`${ESC}[999b`, '')).toBe('-'.repeat(1000))
  })

  it('is the same however the text is cut', () => {
    const part = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 4 }),
      fc.constantFrom(ESC, '[', `${ESC}[`, '\u009b', '9', '2000', ';', 'b', 'S', '\u0007', 'abc'),
    )
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        const closed = [...parts, '.']
        expect(given(...closed)).toBe(given(closed.join('')))
      }),
    )
  })

  it('has no beginning of a sequence that is too long for one: its rest is text', () => {
    expect(given(`a${ESC}[`, '1'.repeat(300), '65535b')).toBe('a65535b')
  })
})
