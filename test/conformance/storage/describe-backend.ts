import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Clock } from '../../../src/core/index.ts'
import type { Backend, Change } from '../../../src/storage/index.ts'

/** A clock that a test moves. */
export class TestClock implements Clock {
  nowMs = 1_700_000_000_000
  now(): number {
    return this.nowMs
  }
}

/** What every implementation of Backend must do. */
export function describeBackend(name: string, open: (clock: Clock) => Promise<Backend>): void {
  describe(`backend ${name}`, () => {
    let clock: TestClock
    let backend: Backend
    beforeEach(async () => {
      clock = new TestClock()
      backend = await open(clock)
    })
    afterEach(() => backend[Symbol.asyncDispose]())

    it('gives back what was put, and null for what is not there', async () => {
      expect(await backend.get('roles/admin')).toBeNull()
      const revision = await backend.put({ key: 'roles/admin', value: '{"a":"ü"}' })
      expect(await backend.get('roles/admin')).toEqual({
        key: 'roles/admin',
        value: '{"a":"ü"}',
        revision,
        expiresAtMs: null,
      })
    })

    it('creates once', async () => {
      await backend.create({ key: 'a/b', value: '1' })
      await expect(backend.create({ key: 'a/b', value: '2' })).rejects.toMatchObject({
        code: 'ALREADY_EXISTS',
      })
      expect((await backend.get('a/b'))?.value).toBe('1')
    })

    it('lets one of many creators win', async () => {
      const results = await Promise.allSettled(
        Array.from({ length: 50 }, (_, index) =>
          backend.create({ key: 'a/b', value: String(index) }),
        ),
      )
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    })

    it('swaps only the expected revision', async () => {
      const first = await backend.put({ key: 'a/b', value: '1' })
      const second = await backend.compareAndSwap({ key: 'a/b', value: '2' }, first)
      expect(second).toBeGreaterThan(first)
      await expect(backend.compareAndSwap({ key: 'a/b', value: '3' }, first)).rejects.toMatchObject(
        {
          code: 'CONFLICT',
        },
      )
      await expect(backend.compareAndSwap({ key: 'a/c', value: '3' }, 1)).rejects.toMatchObject({
        code: 'CONFLICT',
      })
    })

    it('loses no increment of many writers', async () => {
      await backend.put({ key: 'counter', value: '0' })
      const increment = async (): Promise<void> => {
        for (;;) {
          const item = await backend.get('counter')
          if (item === null) throw new Error('gone')
          const next = { key: 'counter', value: String(Number(item.value) + 1) }
          const done = await backend.compareAndSwap(next, item.revision).then(
            () => true,
            () => false,
          )
          if (done) return
        }
      }
      await Promise.all(Array.from({ length: 20 }, increment))
      expect((await backend.get('counter'))?.value).toBe('20')
    })

    it('deletes, by revision where one is given', async () => {
      const revision = await backend.put({ key: 'a/b', value: '1' })
      await expect(backend.delete('a/b', revision + 1)).rejects.toMatchObject({ code: 'CONFLICT' })
      await backend.delete('a/b', revision)
      await expect(backend.delete('a/b')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    })

    it('lists what is below a prefix, in order, page by page', async () => {
      for (const key of [
        'roles/b',
        'roles/a',
        'roles2/x',
        'role',
        'roles/Z',
        'roles/é',
        'users/a',
      ]) {
        await backend.put({ key, value: '1' })
      }
      const keys: string[] = []
      let after: string | undefined
      do {
        const page = await backend.list('roles', {
          limit: 2,
          ...(after === undefined ? {} : { after }),
        })
        keys.push(...page.items.map((item) => item.key))
        after = page.next ?? undefined
      } while (after !== undefined)
      expect(keys).toEqual(['roles/Z', 'roles/a', 'roles/b', 'roles/é'])
      expect((await backend.list('')).items).toHaveLength(7)
    })

    it('tells keys apart by case', async () => {
      await backend.create({ key: 'users/Joe', value: '1' })
      await backend.create({ key: 'users/joe', value: '2' })
      expect((await backend.get('users/Joe'))?.value).toBe('1')
    })

    it.each(['', '/a', 'a/', 'a//b', 'a\nb', 'x'.repeat(513)])(
      'refuses the key %j',
      async (key) => {
        await expect(backend.put({ key, value: '1' })).rejects.toMatchObject({
          code: 'KEY_INVALID',
        })
      },
    )

    it('hides what has expired, swept or not', async () => {
      await backend.put({ key: 'a/b', value: '1', expiresAtMs: clock.nowMs + 1000 })
      clock.nowMs += 999
      expect(await backend.get('a/b')).not.toBeNull()
      clock.nowMs += 1
      expect(await backend.get('a/b')).toBeNull()
      expect((await backend.list('a')).items).toEqual([])
      await expect(backend.delete('a/b')).rejects.toMatchObject({ code: 'NOT_FOUND' })
      await backend.create({ key: 'a/b', value: '2' })
      expect(await backend.sweep(clock.nowMs)).toBe(0)
    })

    it('tells watchers of the sweep', async () => {
      await backend.put({ key: 'a/b', value: '1', expiresAtMs: clock.nowMs + 1 })
      const { revision } = await backend.list('')
      clock.nowMs += 1
      expect(await backend.sweep(clock.nowMs)).toBe(1)
      const [change] = await take(backend, 'a', revision, 1)
      expect(change).toMatchObject({ type: 'delete', key: 'a/b' })
    })

    it('watches from a revision, below a prefix, in order', async () => {
      await backend.put({ key: 'a/1', value: '1' })
      const { revision } = await backend.list('')
      await backend.put({ key: 'a/2', value: '1' })
      await backend.put({ key: 'b/1', value: '1' })
      await backend.delete('a/1')
      const later = take(backend, 'a', revision, 3)
      await backend.put({ key: 'a/3', value: '1' })
      expect(
        (await later).map((change) => (change.type === 'put' ? change.item.key : `-${change.key}`)),
      ).toEqual(['a/2', '-a/1', 'a/3'])
    })

    it('ends a watch with its signal, also while it waits', async () => {
      const stop = new AbortController()
      const done = (async () => {
        for await (const _ of backend.watch('a', 0, stop.signal)) throw new Error('nothing changed')
      })()
      setImmediate(() => stop.abort())
      await done
    })

    it('asks a watcher who is too far behind to read anew', async () => {
      for (let round = 0; round < 25; round += 1) {
        await Promise.all(
          Array.from({ length: 1000 }, (_, index) =>
            backend.put({ key: `a/${index}`, value: '1' }),
          ),
        )
      }
      await expect(take(backend, 'a', 1, 1)).rejects.toMatchObject({ code: 'RESYNC' })
    })

    it('behaves like a map for any history', async () => {
      const key = fc.constantFrom('a/1', 'a/2', 'b/1')
      const step = fc.oneof(
        fc.record({ do: fc.constant('put' as const), key, value: fc.string() }),
        fc.record({ do: fc.constant('create' as const), key, value: fc.string() }),
        fc.record({ do: fc.constant('delete' as const), key, value: fc.constant('') }),
      )
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
          for (const { items } of [await backend.list('')]) {
            for (const item of items) await backend.delete(item.key)
          }
          const model = new Map<string, string>()
          for (const each of steps) {
            if (each.do === 'put') {
              await backend.put({ key: each.key, value: each.value })
              model.set(each.key, each.value)
            } else if (each.do === 'create') {
              const expected = !model.has(each.key)
              const done = await backend.create({ key: each.key, value: each.value }).then(
                () => true,
                () => false,
              )
              expect(done).toBe(expected)
              if (expected) model.set(each.key, each.value)
            } else {
              const done = await backend.delete(each.key).then(
                () => true,
                () => false,
              )
              expect(done).toBe(model.delete(each.key))
            }
          }
          const items = (await backend.list('')).items.map((item) => [item.key, item.value])
          expect(items).toEqual([...model].sort(([a], [b]) => (a < b ? -1 : 1)))
        }),
        { numRuns: 30 },
      )
    })

    it('refuses calls after its end', async () => {
      await backend[Symbol.asyncDispose]()
      await expect(backend.get('a/b')).rejects.toMatchObject({ code: 'STORAGE_CLOSED' })
    })
  })
}

async function take(
  backend: Backend,
  prefix: string,
  from: number,
  count: number,
): Promise<Change[]> {
  const stop = new AbortController()
  const changes: Change[] = []
  for await (const change of backend.watch(prefix, from, stop.signal)) {
    changes.push(change)
    if (changes.length === count) break
  }
  stop.abort()
  return changes
}
