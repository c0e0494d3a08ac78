import { describe, expect, test } from 'vitest'
import {
  formatBytes,
  formatClock,
  formatInstant,
  formatLoginCommand,
  formatProxyAddress,
  formatSentence,
  formatUntil,
  groupSecret,
} from './format.ts'

test.each([
  [{ hostname: 'teleport.example.com', port: '' }, 'teleport.example.com:443'],
  [{ hostname: 'localhost', port: '3080' }, 'localhost:3080'],
  [{ hostname: '[::1]', port: '3080' }, '[::1]:3080'],
])('the proxy address of %o', (location, address) => {
  expect(formatProxyAddress(location)).toBe(address)
})

test('the login command can be run as it stands', () => {
  expect(formatLoginCommand('localhost:3080', 'joe@example.com')).toBe(
    'tsh login --proxy=localhost:3080 --user=joe@example.com',
  )
  expect(formatLoginCommand('localhost:3080', null)).toBe('tsh login --proxy=localhost:3080')
})

describe('until when', () => {
  const now = new Date('2026-11-25T13:00:00Z')
  test.each([
    ['2026-11-25T14:02:00Z', 'UTC', 'today at 14:02'],
    ['2026-11-26T00:05:00Z', 'UTC', 'Thursday, November 26 at 00:05'],
    ['2026-11-25T23:30:00Z', 'Europe/Berlin', 'Thursday, November 26 at 00:30'],
  ])('%s in %s', (expires, zone, words) => {
    expect(formatUntil(expires, now, zone)).toBe(words)
  })
})

test('a secret is shown in fours, with what is left', () => {
  expect(groupSecret('ABCDEFGHIJ')).toBe('ABCD EFGH IJ')
  expect(groupSecret('')).toBe('')
})

test.each([
  ['the code is wrong', 'The code is wrong.'],
  ['Wait a minute.', 'Wait a minute.'],
  ['', ''],
])('the words "%s" as a sentence', (words, sentence) => {
  expect(formatSentence(words)).toBe(sentence)
})

test.each([
  [0, '00:00'],
  [61_999, '01:01'],
  [3_723_000, '1:02:03'],
])('%i ms are %s', (ms, text) => {
  expect(formatClock(ms)).toBe(text)
})

test('a time is told with its day', () => {
  expect(formatInstant('2026-11-26T00:05:12Z', 'UTC')).toBe('26 November 2026 at 00:05:12')
})

test.each([
  [0, '0 bytes'],
  [1023, '1023 bytes'],
  [1024, '1.0 KiB'],
  [1_500_000, '1.4 MiB'],
  [2 ** 62, '4194304.0 TiB'],
])('%i bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text)
})
