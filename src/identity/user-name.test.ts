import { describe, expect, it } from 'vitest'
import { MAX_USER_NAME_CHARS } from './limits.ts'
import { assertUserName } from './user-name.ts'

describe('assertUserName', () => {
  it.each([
    'alice',
    'alice@example.com',
    'a+b@example.com',
    '0815',
    '_x',
    'jenkins-robot.1',
    'ns:robot',
    'Zoë',
    '李',
    'system',
    'x'.repeat(MAX_USER_NAME_CHARS),
  ])('takes %s', (name) => {
    expect(() => assertUserName(name)).not.toThrow()
  })

  it.each([
    ['', 'is empty'],
    ['x'.repeat(MAX_USER_NAME_CHARS + 1), 'has more than 128 characters'],
    ['@alice', 'may hold'],
    ['-rf', 'may hold'],
    ['.ssh', 'may hold'],
    [':x', 'may hold'],
    ['a b', 'may hold'],
    ['a/b', 'may hold'],
    ['..', 'may hold'],
    ['a\\b', 'may hold'],
    ['a,b', 'may hold'],
    ['a\r\nImpersonate-User: root', 'may hold'],
    ['a\n', 'may hold'],
    ['a\0', 'may hold'],
    ['a\u0085', 'may hold'],
    ['a\u2028', 'may hold'],
    ['a\u202eb', 'may hold'],
    ['a\u200bb', 'may hold'],
    ['a\u0308', 'may hold'],
    ['"a"', 'may hold'],
    ['$(id)', 'may hold'],
    ['<a>', 'may hold'],
    ['\ud800', 'may hold'],
    ['system:admin', 'begins with "system:"'],
    ['system:serviceaccount:x:y', 'begins with "system:"'],
  ])('refuses %j: %s', (name, why) => {
    expect(() => assertUserName(name)).toThrow(
      expect.objectContaining({
        code: 'USER_NAME_INVALID',
        message: expect.stringContaining(why) as string,
      }),
    )
  })

  it.each([
    ['a\r\nb', '"a\\r\\nb"'],
    ['a\u009b31m', '"a\\u009b31m"'],
    ['a\u202eb', '"a\\u202eb"'],
    ['a\u2028b', '"a\\u2028b"'],
    ['x'.repeat(100_000), `"${'x'.repeat(MAX_USER_NAME_CHARS)}"`],
  ])('repeats no control character and no novel', (name, quoted) => {
    expect(() => assertUserName(name)).toThrow(
      expect.objectContaining({
        message: expect.stringContaining(`user name ${quoted} `) as string,
      }),
    )
  })
})
