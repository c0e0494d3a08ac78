import { describe, expect, it } from 'vitest'
import { parseImpersonation } from './impersonation.ts'

describe('parseImpersonation()', () => {
  it('finds users and groups in any case, values whole', () => {
    expect(
      parseImpersonation([
        'IMPERSONATE-USER',
        'a',
        'Impersonate-Group',
        'x,y',
        'impersonate-group',
        'z',
        'Accept',
        'b',
      ]),
    ).toEqual({ users: ['a'], groups: ['x,y', 'z'], unsupported: [] })
  })

  it('leaves out empty values, and names what is not supported', () => {
    expect(
      parseImpersonation([
        'Impersonate-User',
        '',
        'Impersonate-Uid',
        '1',
        'impersonate-extra-a',
        'b',
        'Impersonate_User',
        'c',
      ]),
    ).toEqual({ users: ['c'], groups: [], unsupported: ['impersonate-uid', 'impersonate-extra-a'] })
  })

  it('reads names as UTF-8', () => {
    const raw = Buffer.from('zoë', 'utf8').toString('latin1')
    expect(parseImpersonation(['Impersonate-User', raw]).users).toEqual(['zoë'])
  })
})
