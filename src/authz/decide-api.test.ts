import { describe, expect, it } from 'vitest'
import { roleOf, subjectOf } from '../../test/support/roles.ts'
import { decideApi } from './decide-api.ts'

describe('decideApi()', () => {
  const editor = roleOf('editor', {
    allow: { rules: [{ resources: ['role'], verbs: ['list', 'read'] }] },
  })
  const none = roleOf('none', { deny: { rules: [{ resources: ['role'], verbs: ['*'] }] } })
  it('needs a rule for resource and verb', () => {
    expect(decideApi(subjectOf([editor]), 'role', 'list').effect).toBe('allow')
    expect(decideApi(subjectOf([editor]), 'role', 'create').effect).toBe('deny')
    expect(decideApi(subjectOf([editor]), 'user', 'list').effect).toBe('deny')
  })
  it('lets deny win', () => {
    expect(decideApi(subjectOf([editor, none]), 'role', 'list')).toMatchObject({
      effect: 'deny',
      by: { role: 'none' },
    })
  })
})
