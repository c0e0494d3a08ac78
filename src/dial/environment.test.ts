import { describe, expect, it } from 'vitest'
import { proxyFor, proxyRules } from './environment.ts'

const PROXY = 'http://proxy.example.com:3128'
const through = (env: Record<string, string>, hostname: string, port = 443): string | null =>
  proxyFor(proxyRules({ HTTPS_PROXY: PROXY, ...env }), { hostname, port })?.host ?? null

describe('proxies of the environment', () => {
  it.each([
    ['HTTPS_PROXY', PROXY, 'proxy.example.com:3128'],
    ['https_proxy', PROXY, 'proxy.example.com:3128'],
    ['HTTPS_PROXY', 'proxy.example.com:3128', 'proxy.example.com:3128'],
    ['HTTPS_PROXY', 'https://user:pw@proxy.example.com', 'proxy.example.com'],
    ['HTTPS_PROXY', 'socks5://proxy.example.com:1080', 'proxy.example.com:1080'],
  ])('are read from %s=%s', (name, value, expected) => {
    const rules = proxyRules({ [name]: value })
    expect(proxyFor(rules, { hostname: 'a.example.org', port: 443 })?.host).toBe(expected)
  })

  it.each(['ftp://proxy.example.com', 'http://', '://', 'http://user:topsecret@:1'])(
    'that are none (%s) are refused, without what is in them',
    (value) => {
      let words = ''
      try {
        proxyRules({ HTTPS_PROXY: value })
      } catch (error) {
        words = String(error)
      }
      expect(words).toContain('HTTPS_PROXY is no address of a proxy')
      expect(words).not.toContain('topsecret')
    },
  )

  it('are none where nothing says so', () => {
    expect(proxyFor(proxyRules({}), { hostname: 'a.example.org', port: 443 })).toBeNull()
    expect(through({ HTTPS_PROXY: '' }, 'a.example.org')).toBeNull()
  })

  it.each(['localhost', '127.0.0.1', '127.9.8.7', '::1'])('are never for %s', (host) => {
    expect(through({}, host)).toBeNull()
  })

  it.each<[string, string, number, boolean]>([
    ['example.com', 'example.com', 443, true],
    ['example.com', 'A.Example.com', 443, true],
    ['.example.com', 'a.example.com', 443, true],
    ['*.example.com', 'a.example.com', 443, true],
    ['example.com', 'notexample.com', 443, false],
    ['a.com, b.com ,', 'b.com', 443, true],
    ['example.com:3080', 'example.com', 3080, true],
    ['example.com:3080', 'example.com', 443, false],
    ['10.0.0.0/8', '10.1.2.3', 443, true],
    ['10.0.0.0/8', '11.1.2.3', 443, false],
    ['10.1.2.3', '10.1.2.3', 443, true],
    ['fd00::/8', 'fd00::1', 443, true],
    ['10.0.0.0/99', '10.1.2.3', 443, false],
    ['*', 'anything.example', 1, true],
    ['2.3', '10.1.2.3', 443, false],
    ['', 'example.com', 443, false],
  ])('NO_PROXY=%s and %s:%i: direct is %s', (list, host, port, direct) => {
    expect(through({ NO_PROXY: list }, host, port)).toBe(direct ? null : 'proxy.example.com:3128')
    expect(through({ no_proxy: list }, host, port)).toBe(direct ? null : 'proxy.example.com:3128')
  })
})
