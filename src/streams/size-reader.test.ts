import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatTerminalSize, type TerminalSize } from '../protocol/index.ts'
import { SizeReader } from './size-reader.ts'

const side = fc.integer({ min: 0, max: 0xffff })
const size: fc.Arbitrary<TerminalSize> = fc.record({ width: side, height: side })

describe('sizes of a terminal', () => {
  it('come to the last one, however their bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(size, { minLength: 1, maxLength: 5 }),
        fc.boolean(),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
        (sizes, hasBreaks, cuts) => {
          const texts = sizes.map(formatTerminalSize)
          const bytes = Buffer.from((hasBreaks ? texts : texts.map((text) => text.trim())).join(''))
          const reader = new SizeReader(1024)
          let last: unknown = null
          for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
            const length = cuts[turn % cuts.length] ?? 1
            last = reader.push(bytes.subarray(at, at + length)) ?? last
            at += length
          }
          expect(last).toEqual(sizes.at(-1))
        },
      ),
    )
  })

  it.each([
    ['braces that close nothing', '}'.repeat(65_536)],
    ['no object', '"Width":80,"Height":24}'],
    ['an object that is none', '{"Width"}'],
    ['another object', '{"Width":80}'],
    ['a number too large', '{"Width":65536,"Height":24}'],
    ['nothing', ''],
  ])('are not %s', (_what, text) => {
    const reader = new SizeReader(1024)
    expect(reader.push(Buffer.from(text))).toBeNull()
    expect(reader.push(Buffer.from('{"Width":80,"Height":24}'))).toEqual({ width: 80, height: 24 })
  })

  it('of many in one piece are the last', () => {
    const many = '{"Width":1,"Height":1}{"Width":2,"Height":2}\n{"Width":3,"Height":3}\n'
    expect(new SizeReader(1024).push(Buffer.from(many))).toEqual({ width: 3, height: 3 })
  })

  it('are short: what goes on without an end is none, nor what ends too late', () => {
    const open = new SizeReader(1024)
    expect(open.push(Buffer.alloc(1000, '{'))).toBeNull()
    expect(open.push(Buffer.alloc(100, '{'))).toBe('too long')
    const closed = new SizeReader(1024)
    expect(closed.push(Buffer.from(`{"x":"${'x'.repeat(2000)}"}`))).toBe('too long')
  })
})
