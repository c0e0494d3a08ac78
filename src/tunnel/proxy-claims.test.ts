import { describe, expect, it } from 'vitest'
import { destinationsOf, ProxyClaims } from './proxy-claims.ts'

describe('ProxyClaims', () => {
  it('lets one link have a proxy, and tells when it is free again', () => {
    let released = 0
    const claims = new ProxyClaims(() => {
      released += 1
    })
    const [one, other] = [{}, {}]
    expect(claims.take('a', one)).toBe(true)
    expect(claims.take('a', one)).toBe(true)
    expect(claims.take('a', other)).toBe(false)
    claims.release(other)
    expect([claims.isHeld('a'), released]).toEqual([true, 0])
    expect(claims.take('b', one)).toBe(true)
    claims.release(one, 'b')
    expect([claims.isHeld('a'), claims.isHeld('b'), released]).toEqual([false, true, 1])
    expect(claims.take('a', other)).toBe(true)
  })
})

describe('destinationsOf', () => {
  it('takes an address once, with all the proxies that are behind it', () => {
    const found = destinationsOf(
      [
        { host: 'balancer', port: 443 },
        { host: 'balancer', port: 443, hostId: 'a' },
        { host: 'balancer', port: 443, hostId: 'b' },
        { host: 'single', port: 3024, hostId: 'c' },
      ],
      ({ host, port }) => `${host}:${port}`,
    )
    expect([...found].map(([key, { hostIds }]) => [key, [...hostIds]])).toEqual([
      ['balancer:443', ['a', 'b']],
      ['single:3024', ['c']],
    ])
  })

  it('takes the first address of each proxy before the second of any', () => {
    const found = destinationsOf(
      [
        { host: 'configured', port: 1 },
        { host: 'a1', port: 1, hostId: 'a' },
        { host: 'a2', port: 1, hostId: 'a' },
        { host: 'a3', port: 1, hostId: 'a' },
        { host: 'also-configured', port: 1 },
        { host: 'b1', port: 1, hostId: 'b' },
        { host: 'b2', port: 1, hostId: 'b' },
      ],
      ({ host }) => host,
    )
    expect([...found.keys()]).toEqual([
      'configured',
      'a1',
      'also-configured',
      'b1',
      'a2',
      'b2',
      'a3',
    ])
  })
})
