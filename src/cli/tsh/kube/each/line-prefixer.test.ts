import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LinePrefixer } from './line-prefixer.ts'

const prefixed = (...chunks: (string | Buffer)[]): string => {
  const prefixer = new LinePrefixer('a | ')
  const given = chunks.map((chunk) => prefixer.push(Buffer.from(chunk)))
  return Buffer.concat([...given, prefixer.end()]).toString()
}

describe('LinePrefixer', () => {
  it.each([
    [[''], ''],
    [['x'], 'a | x\n'],
    [['x\n'], 'a | x\n'],
    [['x\ny\n'], 'a | x\na | y\n'],
    [['x', 'y\n', '\nz'], 'a | xy\na | \na | z\n'],
  ])('%j is %j', (chunks, text) => {
    expect(prefixed(...chunks)).toBe(text)
  })

  it('says the same however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(200), (text, at) => {
        const bytes = Buffer.from(text)
        expect(prefixed(bytes.subarray(0, at), bytes.subarray(at))).toBe(prefixed(bytes))
      }),
    )
  })

  it('gives nothing before a line is whole, and does not hold a line without end', () => {
    const prefixer = new LinePrefixer('a | ')
    expect(prefixer.push(Buffer.from('x'))).toHaveLength(0)
    expect(prefixer.push(Buffer.alloc(2 * 1024 * 1024, 'y')).length).toBeGreaterThan(2_000_000)
    expect(prefixer.end()).toHaveLength(0)
  })
})
