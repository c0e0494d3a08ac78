import { describe, expect, it } from 'vitest'
import { canonicalHost, formatAddress, hostOf, sameHost } from './address.ts'

describe('addresses', () => {
  it.each(['10.0.0.1', '::1', '2001:db8::7', 'unknown'])('of %s give their host back', (host) => {
    expect(hostOf(formatAddress(host, 3026))).toBe(host)
  })

  it.each([
    ['10.0.0.1', '10.0.0.1', true],
    ['::ffff:10.0.0.1', '10.0.0.1', true],
    ['::FFFF:0a00:0001', '10.0.0.1', true],
    ['2001:DB8:0:0::7', '2001:db8::7', true],
    ['10.0.0.1', '10.0.0.10', false],
    ['::a00:1', '10.0.0.1', false],
    ['fe80::1%eth0', 'fe80::1%eth1', false],
    ['', '10.0.0.1', false],
  ])('%s and %s are the same: %s', (one, other, same) => {
    expect(sameHost(one, other)).toBe(same)
    expect(sameHost(other, one)).toBe(same)
  })

  it('keeps what is no address', () => {
    expect(canonicalHost('::1]@evil')).toBe('::1]@evil')
    expect(canonicalHost('unknown')).toBe('unknown')
  })
})
