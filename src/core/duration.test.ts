import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatDuration, parseDuration } from './duration.ts'

const HOUR = 3_600_000

describe('parseDuration', () => {
  it.each([
    ['8760h', 8760 * HOUR],
    ['25h', 25 * HOUR],
    ['1h30m', 1.5 * HOUR],
    ['1m0s', 60_000],
    ['5s', 5000],
    ['250ms', 250],
    ['1.5h', 1.5 * HOUR],
    ['0.1h', 360_000],
    ['7d', 168 * HOUR],
    ['1d12h', 36 * HOUR],
    ['0s', 0],
    ['1s1s', 2000],
  ])('%s', (text, ms) => {
    expect(parseDuration(text)).toBe(ms)
  })

  it.each([
    '',
    '0',
    '12',
    'h',
    '-1h',
    '+1h',
    '1 h',
    ' 1h',
    '1h ',
    '1H',
    '1h30',
    '1.h',
    '.5h',
    '1..5h',
    '1e3s',
    '1us',
    '1w',
    'Infinityh',
    '１h',
    '1h\n',
    `${'9'.repeat(400)}h`,
    '9007199254740993ms',
  ])('refuses %j', (text) => {
    expect(() => parseDuration(text)).toThrow(expect.objectContaining({ code: 'DURATION_INVALID' }))
  })

  it('quotes at most 64 characters of what it refuses', () => {
    expect(() => parseDuration('x'.repeat(100_000))).toThrow(
      `"${'x'.repeat(64)}" is not a duration like 30m, 25h or 8760h`,
    )
  })

  it('throws nothing else, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'0123456789.hmsd -') }), (text) => {
        try {
          expect(Number.isSafeInteger(parseDuration(text))).toBe(true)
        } catch (error) {
          expect(error).toMatchObject({ code: 'DURATION_INVALID' })
        }
      }),
    )
  })
})

describe('formatDuration', () => {
  it.each([
    [0, '0s'],
    [500, '500ms'],
    [60_000, '1m'],
    [1.5 * HOUR, '1h30m'],
    [25 * HOUR, '25h'],
    [8760 * HOUR, '8760h'],
    [HOUR + 1, '1h1ms'],
  ])('%i is %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text)
  })

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])('refuses %d', (ms) => {
    expect(() => formatDuration(ms)).toThrow(new TypeError('"ms" must be a non-negative integer'))
  })

  it('is read back as the same time', () => {
    fc.assert(
      fc.property(fc.nat({ max: Number.MAX_SAFE_INTEGER }), (ms) => {
        expect(parseDuration(formatDuration(ms))).toBe(ms)
      }),
    )
  })
})
