import { expect, it } from 'vitest'
import { forwardedOrigin } from './client-address.ts'

const PEER = { address: '192.0.2.1', port: 4711 }

it.each([
  ['nothing', undefined, PEER],
  ['an empty header', '', PEER],
  ['an address', '203.0.113.9', { address: '203.0.113.9', port: 4711 }],
  ['an address with its port', '203.0.113.9:5000', { address: '203.0.113.9', port: 5000 }],
  ['an IPv6 address', '2001:db8::1', { address: '2001:db8::1', port: 4711 }],
  ['an IPv6 address with its port', '[2001:db8::1]:5000', { address: '2001:db8::1', port: 5000 }],
  ['a short IPv6 address', '::1', { address: '::1', port: 4711 }],
  [
    'the last of several, which alone is of the balancer',
    '10.0.0.1, 203.0.113.9',
    { address: '203.0.113.9', port: 4711 },
  ],
  [
    'the last of several headers',
    ['10.0.0.1', '203.0.113.9'],
    { address: '203.0.113.9', port: 4711 },
  ],
  ['a word', 'unknown', PEER],
  ['a word at the end', '203.0.113.9, unknown', PEER],
  ['what begins like an address', '203.0.113.9.evil', PEER],
  ['an IPv6 address in brackets', '[2001:db8::1]', { address: '2001:db8::1', port: 4711 }],
  ['a port that is too large', '203.0.113.9:65536', PEER],
  ['an IPv4 address in brackets with a port', '[203.0.113.9]:80', PEER],
  ['brackets that do not close', '[2001:db8::1', PEER],
  ['what would keep an expression busy for seconds', `${':'.repeat(1600)}x`, PEER],
  ['a port that is none', '203.0.113.9:x', PEER],
])('forwardedOrigin() of %s', (_what, header, expected) => {
  expect(forwardedOrigin(header, PEER)).toEqual(expected)
})
