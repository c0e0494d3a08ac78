import { expect, it } from 'vitest'
import { type VersionSkew, versionNumbers, versionSkew } from './version-skew.ts'

it.each<[string, string, VersionSkew]>([
  ['2.1.0', '2.1.0', null],
  ['2.1.0', '2.9.9', null],
  ['2.1.0', '1.0.0', null],
  ['2.1.0', '0.9.0', 'outdated'],
  ['2.1.0', '3.0.0-alpha.1', 'newer'],
  ['10.0.0', '9.0.0', null],
  ['10.0.0', '8.4.2', 'outdated'],
  ['9.9.9', '10.0.0', 'newer'],
  ['v2.0.0', '1.0.0+build', null],
  ['2.0.0', 'built by hand', null],
  ['', '1.0.0', null],
])('for a server %s, %s is: %s', (server, other, skew) => {
  expect(versionSkew(server, other)).toBe(skew)
})

it.each([
  ['v1.20.3-rc.1', [1, 20, 3]],
  ['1.2', null],
  ['one', null],
])('the numbers of %s are %j', (text, numbers) => {
  expect(versionNumbers(text)).toEqual(numbers)
})
