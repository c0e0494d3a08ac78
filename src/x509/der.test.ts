import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DerReader, readOid } from './der-reader.ts'
import { derTag } from './der-tags.ts'
import { der, derOid, derTime } from './der-writer.ts'
import { MAX_OID_BYTES } from './limits.ts'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

describe('DerReader', () => {
  it.each([
    ['nothing', '', 'a value is cut short'],
    ['a tag alone', '30', 'a value is cut short'],
    ['less content than announced', '30 02 05', 'a value is cut short'],
    ['a length cut short', '30 82 01', 'a value is cut short'],
    ['a length above what is there', '30 83 ff ff ff', 'a value is cut short'],
    ['a tag of several bytes', '3f 81 00', 'a tag of several bytes'],
    ['an indefinite length', '30 80 00 00', 'a length that DER does not have'],
    ['a length of four bytes', '30 84 00 00 00 01 00', 'a length that DER does not have'],
    ['a long form for a short length', '30 81 01 00', 'a length that is not shortest'],
    ['a leading zero in a length', '30 82 00 80', 'a length that is not shortest'],
  ])('refuses %s', (_name, bytes, why) => {
    expect(() => new DerReader(hex(bytes)).next()).toThrow(
      expect.objectContaining({
        code: 'X509_MALFORMED',
        message: `not a certificate in DER: ${why}`,
      }),
    )
  })

  it('reads back what the writer wrote, whatever the size', () => {
    for (const size of [0, 1, 127, 128, 255, 256, 65_535, 65_536]) {
      const content = Buffer.alloc(size, 7)
      const reader = new DerReader(der(derTag.octetString, content))
      const value = reader.next()
      expect(Buffer.from(value.content).equals(content)).toBe(true)
      reader.end()
    }
  })

  it('never throws anything but X509_MALFORMED', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const reader = new DerReader(bytes)
        try {
          while (!reader.done) reader.next()
        } catch (error) {
          expect(error).toMatchObject({ code: 'X509_MALFORMED' })
        }
      }),
    )
  })
})

describe('OIDs', () => {
  it.each([
    ['2.5.29.37', '0603551d25'],
    ['1.2.840.10045.4.3.2', '06082a8648ce3d040302'],
    ['0.0', '060100'],
    ['1.39', '06014f'],
    ['2.999', '06028837'],
    // ITU-T X.667, 6.3: a whole UUID as an arc.
    [
      '2.25.329800735698586629295641978511506172918',
      '0614 6983f09da7ebcfdee0c7a1a7b2c0948cc8f9d776',
    ],
  ])('%s', (text, bytes) => {
    expect(derOid(text)).toEqual(hex(bytes))
    expect(readOid(hex(bytes).subarray(2))).toBe(text)
  })

  it.each(['', '1', '3.1', '1.40', '0.40', '1.2.', '1.02', 'a.b', '1.-2'])('refuses %j', (text) => {
    expect(() => derOid(text)).toThrow(new TypeError('"text" is not an OID'))
  })

  it.each([
    ['no byte', ''],
    ['a last arc cut short', '2a 86'],
    ['a padded arc', '2a 80 01'],
    ['more bytes than the limit', '2a'.repeat(MAX_OID_BYTES + 1)],
  ])('refuses %s', (_name, bytes) => {
    expect(() => readOid(hex(bytes))).toThrow(expect.objectContaining({ code: 'X509_MALFORMED' }))
  })

  it('takes as many bytes as the limit says', () => {
    expect(readOid(Buffer.alloc(MAX_OID_BYTES, 1))).toMatch(/^0\.1(\.1)+$/)
  })

  it('round-trips', () => {
    const arcs = fc.array(fc.bigInt({ min: 0n, max: 2n ** 40n }), { maxLength: 4 })
    const heads = fc.oneof(
      fc.tuple(fc.constantFrom(0, 1), fc.integer({ min: 0, max: 39 })),
      fc.tuple(fc.constant(2), fc.integer({ min: 0, max: 2 ** 31 })),
    )
    fc.assert(
      fc.property(heads, arcs, (head, rest) => {
        const text = [...head, ...rest].join('.')
        expect(readOid(new DerReader(derOid(text)).expect(derTag.oid).content)).toBe(text)
      }),
    )
  })
})

describe('derTime', () => {
  it.each([
    [Date.UTC(1970, 0, 1), 'UTCTime', '170d3730303130313030303030305a'],
    [Date.UTC(2049, 11, 31, 23, 59, 59, 999), 'UTCTime', '170d3439313233313233353935395a'],
    [Date.UTC(2050, 0, 1), 'GeneralizedTime', '180f32303530303130313030303030305a'],
  ])('%i is %s', (ms, _form, bytes) => {
    expect(derTime(ms)).toEqual(hex(bytes))
  })
})
