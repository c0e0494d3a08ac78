import { expect, it } from 'vitest'
import { eventNamesOf } from './event-names.ts'

it('takes the names of events', () => {
  expect(eventNamesOf('exec')).toEqual(['exec'])
  expect(eventNamesOf('kube.request, session.start')).toEqual(['kube.request', 'session.start'])
})

it.each([
  ['user.created', 'event: no event is called "user.created"; did you mean user.create?'],
  ['exec,sesion.start', 'event: no event is called "sesion.start"; did you mean session.start?'],
  ['foo', /^event: no event is called "foo"; there are kube\.request, port, /],
  ['', /^event: no event is called ""; there are /],
  ['toString', /^event: no event is called "toString"; there are /],
])('refuses %j, which no event has, and says which there are', (text, words) => {
  expect(() => eventNamesOf(text)).toThrow(
    expect.objectContaining({
      code: 'BAD_REQUEST',
      message: typeof words === 'string' ? words : (expect.stringMatching(words) as unknown),
    }),
  )
})
