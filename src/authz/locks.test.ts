import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Lock, lockTable, lockWords } from './locks.ts'

const lock = (fields: Partial<Lock>): Lock => ({
  name: 'l',
  user: null,
  role: null,
  serverId: null,
  message: '',
  expiresAtMs: null,
  ...fields,
})

describe('lockTable()', () => {
  it.each<[string, Partial<Lock>, boolean]>([
    ['his name', { user: 'joe' }, true],
    ['another name', { user: 'jo' }, false],
    ['a role of his', { role: 'dev' }, true],
    ['another role', { role: 'ops' }, false],
    ['his name and a role of his', { user: 'joe', role: 'dev' }, true],
    ['his name and another role', { user: 'joe', role: 'ops' }, false],
    ['another name and a role of his', { user: 'jo', role: 'dev' }, false],
    ['nobody', {}, false],
    ['him, a moment longer', { user: 'joe', expiresAtMs: 1001 }, true],
    ['him, until now', { user: 'joe', expiresAtMs: 1000 }, false],
  ])('by a lock on %s', (_whom, fields, locked) => {
    const found = lockTable([lock(fields)]).inForce('joe', ['access', 'dev'], 1000)
    expect(found !== null).toBe(locked)
  })

  it('locks services out by their host id, and nobody else', () => {
    const table = lockTable([
      lock({ serverId: 'h1', expiresAtMs: 2000 }),
      lock({ name: 'm', serverId: 'h1', message: 'stolen' }),
      lock({ user: 'h2' }),
    ])
    expect(table.onServer('h1', 1000)?.name).toBe('m')
    expect(table.onServer('h2', 1000)).toBeNull()
    expect(table.inForce('h1', ['h1'], 1000)).toBeNull()
  })

  it('takes the lock that lasts longest, whatever the order', () => {
    const names = ['a', 'b', 'c', 'd'] as const
    const locks = [
      lock({ name: 'a', user: 'joe', expiresAtMs: 2000 }),
      lock({ name: 'b', role: 'dev', expiresAtMs: 3000 }),
      lock({ name: 'c', user: 'joe', role: 'dev', expiresAtMs: 3000 }),
      lock({ name: 'd', user: 'joe', expiresAtMs: 500 }),
    ]
    fc.assert(
      fc.property(fc.shuffledSubarray([...names], { minLength: 4 }), (order) => {
        const shuffled = order.flatMap((name) => locks.filter((one) => one.name === name))
        expect(lockTable(shuffled).inForce('joe', ['dev'], 1000)?.name).toBe('b')
      }),
    )
  })

  it('never lets anybody in for one lock more', () => {
    const word = fc.constantFrom('a', 'b', 'c')
    const anyLock = fc
      .record({
        user: fc.option(word),
        role: fc.option(word),
        expiresAtMs: fc.option(fc.nat({ max: 10 })),
      })
      .map(lock)
    fc.assert(
      fc.property(
        fc.array(anyLock),
        anyLock,
        word,
        fc.array(word),
        fc.nat({ max: 10 }),
        (locks, more, user, roles, nowMs) => {
          const before = lockTable(locks).inForce(user, roles, nowMs)
          const after = lockTable([...locks, more]).inForce(user, roles, nowMs)
          expect(before !== null && after === null).toBe(false)
        },
      ),
    )
  })
})

describe('lockWords()', () => {
  it('says until when and why', () => {
    expect(lockWords(lock({ message: 'incident 42', expiresAtMs: 0 }))).toBe(
      'you are locked out until 1970-01-01T00:00:00.000Z: incident 42',
    )
    expect(lockWords(lock({}))).toBe('you are locked out: ask an administrator')
  })
})
