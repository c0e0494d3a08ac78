import { describe, expect, test } from 'vitest'
import {
  checkEntries,
  cleanCode,
  codeDigits,
  countCharacters,
  firstWrong,
} from './check-entries.ts'

const demands = { minPasswordLength: 12, codeDigits: 6 }
const good = { password: 'correct horse', repeated: 'correct horse', code: '123456' }

describe('entries', () => {
  test('that are whole have no errors', () => {
    expect(checkEntries(good, demands)).toEqual({})
  })
  test('that are empty are all named', () => {
    const errors = checkEntries({ password: '', repeated: '', code: '' }, demands)
    expect(Object.keys(errors)).toEqual(['password', 'repeated', 'code'])
  })
  test('a short password is told by how much', () => {
    const errors = checkEntries({ ...good, password: 'short', repeated: 'short' }, demands)
    expect(errors).toEqual({
      password: 'The password needs at least 12 characters; this one has 5.',
    })
  })
  test('a password beyond what the API takes is refused here, not cut', () => {
    const long = 'x'.repeat(1025)
    expect(checkEntries({ ...good, password: long, repeated: long }, demands)).toHaveProperty(
      'password',
    )
  })
  test('a repeated password that differs is wrong there', () => {
    const errors = checkEntries({ ...good, repeated: 'correct hors' }, demands)
    expect(Object.keys(errors)).toEqual(['repeated'])
  })
  test.each(['12345', '1234567', '12345a', '', '١٢٣٤٥٦'])('the code "%s" is none', (code) => {
    expect(Object.keys(checkEntries({ ...good, code }, demands))).toEqual(['code'])
  })
  test.each(['123456', '123 456', ' 123-456 '])('the code "%s" is one', (code) => {
    expect(checkEntries({ ...good, code }, demands)).toEqual({})
    expect(cleanCode(code)).toBe('123456')
  })
  test('a code is not missed where none is asked for', () => {
    expect(checkEntries({ ...good, code: '' }, { ...demands, codeDigits: null })).toEqual({})
  })
})

test('characters are counted as people count them', () => {
  expect(countCharacters('grüße🦊')).toBe(6)
  expect(countCharacters('gru\u0308ße')).toBe(5)
})

test('the cursor goes to the first wrong field of the page', () => {
  expect(firstWrong({ code: 'x', repeated: 'x' })).toBe('repeated')
  expect(firstWrong({})).toBeNull()
})

test.each([
  ['otpauth://totp/a:joe?secret=AB&digits=8&period=30', 8],
  ['otpauth://totp/a:joe?digits=6', 6],
  ['otpauth://totp/a:joe?secret=AB', 6],
  ['otpauth://totp/a:joe?digits=99999', 6],
])('the digits of %s', (uri, digits) => {
  expect(codeDigits(uri)).toBe(digits)
})
