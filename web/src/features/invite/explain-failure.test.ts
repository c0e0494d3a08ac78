import { expect, test } from 'vitest'
import { explainFailure } from './explain-failure.ts'

test.each([
  ['PASSWORD_WEAK', 'password'],
  ['OTP_WRONG', 'code'],
])('%s is shown at the field %s, in the words of the server', (code, field) => {
  expect(explainFailure({ code, message: 'the words of the server' })).toEqual({
    place: 'field',
    field,
    words: 'The words of the server.',
  })
})

test('a link that has ended takes the form away', () => {
  expect(explainFailure({ code: 'INVITE_INVALID', message: '' })).toEqual({ place: 'page' })
})

test.each(['LOGIN_THROTTLED', 'BAD_REQUEST', 'INTERNAL', 'SOMETHING_NEW'])(
  '%s is shown above the button, in the words of the server',
  (code) => {
    expect(explainFailure({ code, message: 'wait a minute' })).toEqual({
      place: 'form',
      words: 'Wait a minute.',
    })
  },
)

test.each(['UNREACHABLE', 'NOT_UNDERSTOOD'])('%s says that nothing typed is lost', (code) => {
  expect(explainFailure({ code, message: '' })).toMatchObject({
    place: 'form',
    words: expect.stringContaining('still here'),
  })
})
