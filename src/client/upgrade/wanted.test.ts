import { expect, it } from 'vitest'
import { upgradeOf } from './wanted.ts'

it.each([
  [undefined, 'auto'],
  ['', 'auto'],
  ['yes', 'always'],
  ['TRUE', 'always'],
  ['1', 'always'],
  ['no', 'never'],
  ['off', 'never'],
  ['0', 'never'],
])('upgradeOf() of %j is %s', (text, expected) => {
  expect(upgradeOf({ TELEPORT_TLS_ROUTING_CONN_UPGRADE: text })).toBe(expected)
})

it.each(['maybe', 'proxy.example.com=yes'])('upgradeOf() refuses %j', (text) => {
  expect(() => upgradeOf({ TELEPORT_TLS_ROUTING_CONN_UPGRADE: text })).toThrow(
    expect.objectContaining({ code: 'UPGRADE_INVALID' }),
  )
})
