import { describe, expect, it } from 'vitest'
import { fitItems, fitLine, lineWidth, paint, span } from './line.ts'

const text = (line: Parameters<typeof paint>[0]): string => line.map((one) => one.text).join('')

describe('fitLine()', () => {
  const line = [span('abc', 'bold'), span('defg')]
  it.each([
    [9, 'abcdefg  '],
    [7, 'abcdefg'],
    [6, 'abcde…'],
    [3, 'abc'],
    [2, 'a…'],
    [0, ''],
  ])('in %d columns', (width, expected) => {
    expect(text(fitLine(line, width))).toBe(expected)
    expect(lineWidth(fitLine(line, width))).toBe(width)
  })

  it('does not split a wide character', () => {
    expect(text(fitLine([span('日本')], 3))).toBe('日…')
    expect(text(fitLine([span('日本')], 2))).toBe('… ')
  })
})

describe('fitItems()', () => {
  const items = [[span('one')], [span('two', 'bold'), span('!')], [span('three')]]
  it.each([
    [20, 'one  two!  three'],
    [16, 'one  two!  three'],
    [15, 'one  two!'],
    [8, 'one'],
    [2, ''],
  ])('in %d columns', (width, expected) => {
    expect(text(fitItems(items, width))).toBe(expected)
  })
})

describe('paint()', () => {
  const line = [span('a', 'bad'), span('b'), span('', 'bold'), span(' c  ')]
  it('colours pieces, and is text alone without colours', () => {
    expect(paint(line, true)).toBe('\u001b[31ma\u001b[0mb c')
    expect(paint(line, false)).toBe('ab c')
  })
})
