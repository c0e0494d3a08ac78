import { describe, expect, it } from 'vitest'
import { assertImpersonation } from './assert-impersonation.ts'

const ours = ['Impersonate-User', 'joe', 'Impersonate-Group', 'devs']

describe('assertImpersonation()', () => {
  it('takes exactly what is expected, among other headers', () => {
    expect(() => assertImpersonation(['Accept', 'a', ...ours], ours)).not.toThrow()
  })

  it.each([
    ['no header at all', []],
    ['a group that is missing', ['Impersonate-User', 'joe']],
    ['a foreign user before ours', ['Impersonate-User', 'root', ...ours]],
    ['a foreign user behind ours', [...ours, 'impersonate-user', 'root']],
    ['a group too many', [...ours, 'Impersonate-Group', 'system:masters']],
    ['another user', ['Impersonate-User', 'root', 'Impersonate-Group', 'devs']],
    ['a user header without value', ['Impersonate-User']],
    ['a Uid', ['Impersonate-Uid', '1', ...ours]],
    ['an underscore', ['IMPERSONATE_USER', 'root', ...ours]],
    ['a blank before the name', [' Impersonate-User', 'root', ...ours]],
  ])('throws at %s', (_what, headers) => {
    expect(() => assertImpersonation(headers, ours)).toThrow(
      expect.objectContaining({ code: 'HEADER_UNSAFE' }),
    )
  })

  it.each([
    [[]],
    [['Impersonate-Group', 'devs']],
    [['Impersonate-User', '']],
    [['Impersonate-User']],
  ])('throws when nobody is expected: %j', (expected) => {
    expect(() => assertImpersonation(expected, expected)).toThrow(
      expect.objectContaining({ code: 'HEADER_UNSAFE' }),
    )
  })
})
