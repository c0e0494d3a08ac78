import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StatusReader } from './status-reader.ts'

/** After each byte: whether it is whole. */
function wholeAfterEach(text: string): boolean[] {
  const reader = new StatusReader(100_000)
  return [...Buffer.from(text)].map((byte) => {
    reader.push(Buffer.from([byte]))
    return reader.isWhole
  })
}

describe('a Status in pieces', () => {
  it('is whole with its last byte and not before, however it is cut, and the same', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
        (status, cuts) => {
          const text = JSON.stringify(status)
          const bytes = Buffer.from(text)
          const reader = new StatusReader(1024 * 1024)
          for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
            expect(reader.isWhole).toBe(false)
            const length = cuts[turn % cuts.length] ?? 1
            expect(reader.push(bytes.subarray(at, at + length))).toBe(true)
            at += length
          }
          expect(reader.isWhole).toBe(true)
          expect(reader.text()).toBe(text)
        },
      ),
    )
  })

  it.each([
    ['words', 'command terminated'],
    ['a list', '[{}]'],
    ['words before', 'x{}'],
    ['an object without an end', '{"a":{"b":"}}}"'],
    ['a quote that is escaped', '{"a":"\\"}'],
  ])('is not %s', (_what, text) => {
    expect(wholeAfterEach(text)).not.toContain(true)
  })

  it('may have space around it, and nothing else behind', () => {
    expect(wholeAfterEach(' \r\n{} \n').slice(4)).toEqual([true, true, true])
    expect(wholeAfterEach('{}x{}')).toEqual([false, true, false, false, false])
  })

  it('has a limit, and what is above it is not kept', () => {
    const reader = new StatusReader(10)
    expect(reader.push(Buffer.from('0123456789'))).toBe(true)
    expect(reader.push(Buffer.from('0'))).toBe(false)
    expect(reader.text()).toBe('0123456789')
  })
})
