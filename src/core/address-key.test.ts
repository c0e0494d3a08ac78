import { describe, expect, it } from 'vitest'
import { addressKey, networkKey } from './address-key.ts'

describe('addressKey()', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::ffff:808:808', '8.8.8.8'],
    ['::FFFF:cb00:7109', '203.0.113.9'],
    ['[0:0:0:0:0:ffff:c000:0207]', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['unknown', 'unknown'],
    ['', ''],
  ])('counts %s as %s', (host, key) => {
    expect(addressKey(host)).toBe(key)
  })

  it('counts every address of a network of IPv6 as one, and its neighbour as another', () => {
    expect(addressKey('2001:db8:1:2::1')).toBe(addressKey('2001:db8:1:2:ffff:ffff:ffff:ffff'))
    expect(addressKey('2001:db8:1:2::1')).not.toBe(addressKey('2001:db8:1:3::1'))
  })
})

describe('networkKey()', () => {
  it.each([
    ['192.0.2.7', '192.0.2.0/24'],
    ['::ffff:c000:207', '192.0.2.0/24'],
    ['2001:db8:1:2::9', '2001:db8:1::/48'],
    ['2001:db8:1:ffff::1', '2001:db8:1::/48'],
    ['unknown', 'unknown'],
    ['', ''],
  ])('counts %s as %s', (host, key) => {
    expect(networkKey(host)).toBe(key)
  })
})
