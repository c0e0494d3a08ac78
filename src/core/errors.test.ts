import { describe, expect, it } from 'vitest'
import { CodedError, errorCode, errorMessage, unreachable } from './errors.ts'

describe('CodedError', () => {
  it('keeps code, facts and cause', () => {
    const cause = new Error('below')
    const error = new CodedError('SOME_CODE', 'words', { cause, facts: { at: 3 } })
    expect(error).toMatchObject({ code: 'SOME_CODE', message: 'words', cause, facts: { at: 3 } })
  })

  it('has no cause and no facts unless given', () => {
    const error = new CodedError('SOME_CODE', 'words')
    expect('cause' in error).toBe(false)
    expect(error.facts).toEqual({})
  })
})

describe('errorMessage', () => {
  it.each([
    [new Error('words'), 'words'],
    ['text', 'text'],
    [undefined, 'undefined'],
    [new AggregateError([new Error('a'), 'b']), 'a; b'],
    [new AggregateError([new Error('a')], 'said'), 'said'],
  ])('%o', (error, message) => {
    expect(errorMessage(error)).toBe(message)
  })
})

describe('errorCode', () => {
  it.each([
    [new CodedError('SOME_CODE', 'words'), 'SOME_CODE'],
    [Object.assign(new Error('x'), { code: 'ENOENT' }), 'ENOENT'],
    [Object.assign(new Error('x'), { code: 7 }), null],
    [new Error('x'), null],
    ['ENOENT', null],
    [null, null],
  ])('%o', (error, code) => {
    expect(errorCode(error)).toBe(code)
  })
})

describe('unreachable', () => {
  it('names what the types did not know', () => {
    expect(() => unreachable('x' as never)).toThrow(new TypeError('unreachable: "x"'))
  })
})
