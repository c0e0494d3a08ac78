import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ipBytes } from './ip-bytes.ts'

describe('ipBytes', () => {
  it.each([
    ['0.0.0.0', '00000000'],
    ['192.0.2.255', 'c00002ff'],
    ['::', '00000000000000000000000000000000'],
    ['::1', '00000000000000000000000000000001'],
    ['2001:DB8::8:800:200c:417a', '20010db80000000000080800200c417a'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['fe80::', 'fe800000000000000000000000000000'],
    ['::ffff:192.0.2.1', '00000000000000000000ffffc0000201'],
  ])('%s', (text, hex) => {
    expect(ipBytes(text)?.toString('hex')).toBe(hex)
  })

  it.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '01.2.3.4',
    '0x7f.0.0.1',
    '1:2',
    ':::',
    '1::2::3',
    'fe80::1%eth0',
    '[::1]',
    '12345::',
    ' ::1',
    'example.com',
  ])('refuses %j', (text) => {
    expect(ipBytes(text)).toBeNull()
  })

  it('reads every address back', () => {
    fc.assert(
      fc.property(fc.ipV4(), (text) => {
        expect([...(ipBytes(text) ?? [])].join('.')).toBe(text)
      }),
    )
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        expect(ipBytes(text)).toHaveLength(16)
      }),
    )
  })
})
