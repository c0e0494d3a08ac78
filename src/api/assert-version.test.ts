import { expect, it } from 'vitest'
import { assertVersion } from './assert-version.ts'

it.each([
  ['3.2.1', '1.9.0', /of version 1\.9\.0, and the auth service of 3\.2\.1: .*upgrade the service$/],
  ['3.2.1', '4.0.0', /of version 4\.0\.0, and the auth service of 3\.2\.1: .*auth service first$/],
])('an auth service %s takes no service %s, and says why', (own, theirs, words) => {
  expect(() => assertVersion(own, theirs)).toThrow(words)
})

it.each(['3.0.0', '3.9.9', '2.0.0', 'of somebody’s own'])(
  'an auth service 3.2.1 takes a service %s',
  (theirs) => {
    expect(() => assertVersion('3.2.1', theirs)).not.toThrow()
  },
)
