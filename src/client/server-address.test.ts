import { describe, expect, it } from 'vitest'
import { parseServerAddress } from './server-address.ts'

describe('parseServerAddress()', () => {
  it.each([
    ['teleport.example.com', { host: 'teleport.example.com', port: 3080 }],
    ['teleport.example.com:443', { host: 'teleport.example.com', port: 443 }],
    ['https://teleport.example.com', { host: 'teleport.example.com', port: 3080 }],
    ['https://teleport.example.com:443/', { host: 'teleport.example.com', port: 443 }],
    ['127.0.0.1:1', { host: '127.0.0.1', port: 1 }],
    ['[::1]', { host: '::1', port: 3080 }],
    ['[::1]:443', { host: '::1', port: 443 }],
    [' localhost ', { host: 'localhost', port: 3080 }],
  ])('reads %s', (text, address) => {
    expect(parseServerAddress(text, 3080, '--proxy')).toEqual(address)
  })

  it.each([
    '',
    ':443',
    'a b',
    'host:0',
    'host:65536',
    'host:port',
    'http://host',
    'https://host/path',
    'user@host',
    '::1',
    '[host]',
    'host,other',
    '-host',
    'host\u001b[2J',
  ])('refuses %j, and says where it came from', (text) => {
    expect(() => parseServerAddress(text, 3080, '--proxy')).toThrow(
      expect.objectContaining({
        code: 'ADDRESS_INVALID',
        message: expect.stringMatching(/^--proxy: .* is not an address like/) as string,
      }),
    )
  })
})
