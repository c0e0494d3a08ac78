import { describe, expect, it } from 'vitest'
import { lockOf } from '../authz/index.ts'
import type { LockResource } from '../contract/index.ts'
import { type Clock, silentLogger } from '../core/index.ts'
import { type Backend, openMemoryBackend } from '../storage/index.ts'
import { AccessState } from './access-state.ts'
import { openStores, type Stores } from './stores.ts'

const lock = (name: string, target: LockResource['spec']['target']): LockResource => ({
  kind: 'lock',
  version: 'v2',
  metadata: { name },
  spec: { target },
})

/** A backend whose watch breaks and whose lists fail when a test says so. */
class FragileBackend {
  broken = false
  readonly #breaking: ((error: Error) => void)[] = []
  readonly backend: Backend

  constructor(clock: Clock) {
    const memory = openMemoryBackend({ clock })
    this.backend = new Proxy(memory, {
      get: (target, name) => {
        if (name === 'watch') {
          return (prefix: string, from: number, signal: AbortSignal) =>
            this.#watch(target.watch(prefix, from, signal))
        }
        if (name === 'list' && this.broken) return () => Promise.reject(new Error('no disk'))
        const member: unknown = Reflect.get(target, name)
        return typeof member === 'function' ? (member.bind(target) as unknown) : member
      },
    })
  }

  break(): void {
    this.broken = true
    for (const fail of this.#breaking.splice(0)) fail(new Error('no disk'))
  }

  async *#watch<T>(changes: AsyncIterable<T>): AsyncGenerator<T> {
    const iterator = changes[Symbol.asyncIterator]()
    for (;;) {
      const broken = Promise.withResolvers<never>()
      this.#breaking.push(broken.reject)
      const next = await Promise.race([iterator.next(), broken.promise])
      if (next.done === true) return
      yield next.value
    }
  }
}

describe('AccessState', () => {
  async function open(): Promise<{
    stack: AsyncDisposableStack
    state: AccessState
    stores: Stores
    fragile: FragileBackend
    at: (ms: number) => void
  }> {
    let nowMs = 1_000_000
    const clock = { now: () => nowMs }
    const stack = new AsyncDisposableStack()
    const fragile = new FragileBackend(clock)
    const stores = openStores(fragile.backend, clock)
    const state = stack.use(await AccessState.open(fragile.backend, silentLogger, clock))
    stack.defer(() => fragile.backend[Symbol.asyncDispose]())
    return {
      stack,
      state,
      stores,
      fragile,
      at: (ms) => {
        nowMs = ms
      },
    }
  }

  it('knows the locks that there were, that came, and that went', async () => {
    const { stack, state, stores } = await open()
    await using _ = stack
    const created = await stores.locks.create(lock('a', { user: 'joe' }))
    await state.reached(Number(created.metadata.revision))
    expect(lockOf(state.current(), 'joe', [], 0)?.name).toBe('a')
    await stores.locks.delete('a')
    await expect.poll(() => lockOf(state.current(), 'joe', [], 0)).toBeNull()
  })

  it('finds a lock on a role that the user has today, or that is named', async () => {
    const { stack, state, stores } = await open()
    await using _ = stack
    await stores.users.create({
      kind: 'user',
      version: 'v2',
      metadata: { name: 'joe' },
      spec: { roles: ['today'] },
    })
    await stores.locks.create(lock('a', { role: 'today' }))
    const last = await stores.locks.create(lock('b', { role: 'certified' }))
    await state.reached(Number(last.metadata.revision))
    const found = (user: string, roles: string[]): string | undefined =>
      lockOf(state.current(), user, roles, 0)?.name
    expect(found('joe', [])).toBe('a')
    expect(found('bob', [])).toBeUndefined()
    expect(found('bob', ['certified'])).toBe('b')
  })

  it('says how long it has not heard of changes, and hears of all when it reads anew', async () => {
    const { stack, state, stores, fragile, at } = await open()
    await using _ = stack
    expect(state.locksAgeMs(9_000_000)).toBe(0)
    const before = await stores.locks.create(lock('before', { user: 'bob' }))
    await state.reached(Number(before.metadata.revision))
    fragile.break()
    await expect.poll(() => state.locksAgeMs(1_060_000)).toBe(60_000)
    at(1_030_000)
    const created = await stores.locks.create(lock('a', { user: 'joe' }))
    expect(state.locksAgeMs(1_060_000)).toBe(60_000)
    expect(lockOf(state.current(), 'joe', [], 0)).toBeNull()
    // What goes to all services is what was known, not what has been read so far.
    expect(state.resources().locks.map(({ metadata }) => metadata.name)).toEqual(['before'])
    const reached = state.reached(Number(created.metadata.revision))
    fragile.broken = false
    await reached
    expect(lockOf(state.current(), 'joe', [], 0)?.name).toBe('a')
    await expect.poll(() => state.locksAgeMs(1_060_000)).toBe(0)
  })

  it('tells changes that come together together, and is there when they may be said to hold', async () => {
    const { stack, state, stores } = await open()
    await using _ = stack
    let told = 0
    state.onChange(() => {
      told += 1
    })
    const names = Array.from({ length: 200 }, (_each, index) => `l${index}`)
    await Promise.all(
      names.map(async (name) => {
        await stores.locks.create(lock(name, { user: name }))
      }),
    )
    await expect.poll(() => state.resources().locks.length).toBe(200)
    await expect.poll(() => lockOf(state.current(), 'l199', [], 0)).not.toBeNull()
    expect(told).toBeGreaterThan(0)
    expect(told).toBeLessThan(100)
  })

  it('never tells a state that is half read', async () => {
    const { stack, state, stores, fragile } = await open()
    await using _ = stack
    await stores.locks.create(lock('first', { user: 'joe' }))
    await expect.poll(() => lockOf(state.current(), 'joe', [], 0)).not.toBeNull()
    const missing: number[] = []
    state.onChange(() => {
      if (lockOf(state.current(), 'joe', [], 0) === null) missing.push(state.current().revision)
    })
    for (let round = 0; round < 20; round += 1) {
      const created = stores.locks.create(lock(`more-${round}`, { user: `u${round}` }))
      for (let turns = 0; turns < round; turns += 1) await Promise.resolve()
      fragile.break()
      fragile.broken = false
      await created
      await expect.poll(() => lockOf(state.current(), `u${round}`, [], 0)).not.toBeNull()
    }
    expect(missing).toEqual([])
  })

  it('lets nobody wait for ever when it ends', async () => {
    const { stack, state } = await open()
    const waiting = state.reached(1_000)
    await stack[Symbol.asyncDispose]()
    await waiting
  })
})
