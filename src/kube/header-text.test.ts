import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { headerToText, isHeaderText, textToHeader } from './header-text.ts'

describe('textToHeader()', () => {
  it.each([
    'joe',
    'system:masters',
    'a b',
    'zoë',
    '李雷',
    '👩🏽‍🚀',
    'a,b',
    '"quoted"',
    'naïve team',
  ])('sends %s and reads it back', (text) => {
    expect(isHeaderText(text)).toBe(true)
    expect(headerToText(textToHeader(text))).toBe(text)
  })

  it.each([
    '',
    ' ',
    ' a',
    'a ',
    'a\t',
    'a\r\nb',
    'a\u0000',
    'a\u007f',
    'a\u0085',
    'a\u2028b',
    '\u00a0a',
    'a\u3000',
    '\ud800',
    'a\udc00b',
  ])('refuses %j', (text) => {
    expect(isHeaderText(text)).toBe(false)
    expect(() => textToHeader(text)).toThrow(expect.objectContaining({ code: 'HEADER_UNSAFE' }))
  })

  it('keeps every text that it takes apart from every other, byte by byte', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        if (!isHeaderText(text)) return
        const header = textToHeader(text)
        expect(Buffer.from(header, 'latin1')).toEqual(Buffer.from(text, 'utf8'))
        expect(headerToText(header)).toBe(text)
      }),
    )
  })

  it('takes a long value in linear time', () => {
    expect(isHeaderText(`${'a '.repeat(100_000)}b\u0000`)).toBe(false)
    expect(isHeaderText(`${' '.repeat(100_000)}b`)).toBe(false)
    expect(isHeaderText(`b${' '.repeat(100_000)}b`)).toBe(true)
  })
})

describe('headerToText()', () => {
  it('makes of bytes that are no UTF-8 a name that no role gives', () => {
    expect(headerToText('\xff')).toBe('\ufffd')
  })
})
