import { expect, it } from 'vitest'
import { parseProxyAddress } from './proxy-address.ts'

it.each([
  ['example.com', 'example.com:3080'],
  ['Example.COM:443', 'example.com:443'],
  ['https://example.com:8443/', 'example.com:8443'],
  ['example.com:443,3023', 'example.com:443'],
  ['[::1]:443', '[::1]:443'],
])('%s is %s, however it is spelled', (given, text) => {
  expect(parseProxyAddress(given, '--proxy').text).toBe(text)
  expect(parseProxyAddress(text, '--proxy').text).toBe(text)
})
