import { describe, expect, it } from 'vitest'
import { type LiveExchange, LiveExchanges } from './live.ts'

/** One exchange that notes as of which state of the world it was judged. */
class Judged implements LiveExchange {
  seen = 0
  times = 0
  readonly #world: { version: number }

  constructor(world: { version: number }) {
    this.#world = world
  }

  recheck(): void {
    this.seen = this.#world.version
    this.times += 1
  }

  sweep(): void {}
  cut(): void {}
}

const turn = (): Promise<void> => new Promise((done) => setImmediate(done))

describe('LiveExchanges.admit()', () => {
  const limits = {
    maxExchangesPerUser: 100,
    maxUnreadBytesPerUser: 1024 * 1024,
    streamWindowBytes: 64 * 1024,
  }
  function admitted(live: LiveExchanges, target: string, headerBytes: number): (() => void) | null {
    let close = (): void => {}
    const exchange = {
      target,
      rawHeaders: ['X-Large', 'x'.repeat(headerBytes)],
      body: null,
      onClosed: (listener: () => void) => {
        close = listener
      },
    }
    return live.admit('alice', limits, exchange) ? close : null
  }

  it('takes requests with common heads, however many bytes they have together', () => {
    const live = new LiveExchanges()
    for (let count = 0; count < 100; count += 1) {
      expect(admitted(live, '/api', 15_000)).not.toBeNull()
    }
    expect(admitted(live, '/api', 0)).toBeNull()
  })

  it.each([
    ['headers', '/api', 300_000],
    ['commands', `/api?command=${'x'.repeat(300_000)}`, 0],
  ])('takes no more requests with large %s than fit into memory', (_what, target, bytes) => {
    const live = new LiveExchanges()
    const closers = [1, 2, 3].map(() => admitted(live, target, bytes))
    expect(closers).not.toContain(null)
    expect(admitted(live, target, bytes)).toBeNull()
    expect(admitted(live, '/api', 10)).not.toBeNull()
    closers[0]?.()
    expect(admitted(live, target, bytes)).not.toBeNull()
  })
})

describe('LiveExchanges', () => {
  function crowded(count: number): {
    world: { version: number }
    live: LiveExchanges
    members: Judged[]
    leave: (() => void)[]
  } {
    const world = { version: 0 }
    const live = new LiveExchanges()
    const members = Array.from({ length: count }, () => new Judged(world))
    return { world, live, members, leave: members.map((member) => live.enter(member)) }
  }

  it('judges a few again at once', () => {
    const { world, live, members } = crowded(100)
    world.version = 1
    live.recheck()
    expect(members.every(({ seen }) => seen === 1)).toBe(true)
  })

  it('judges many again in several turns of the loop', async () => {
    const { world, live, members } = crowded(5000)
    world.version = 1
    live.recheck()
    const judged = (): number => members.filter(({ seen }) => seen === 1).length
    expect(judged()).toBeLessThan(1000)
    await expect.poll(judged).toBe(5000)
  })

  it('judges everybody by the last change, and not once for each', async () => {
    const { world, live, members } = crowded(3000)
    for (let change = 1; change <= 50; change += 1) {
      world.version = change
      live.recheck()
    }
    await expect.poll(() => members.every(({ seen }) => seen === 50)).toBe(true)
    world.version = 51
    live.recheck()
    await turn()
    world.version = 52
    live.recheck()
    await expect.poll(() => members.every(({ seen }) => seen === 52)).toBe(true)
    for (const { times } of members) expect(times).toBeLessThanOrEqual(4)
  })

  it('judges nobody who has left meanwhile, and everybody who has come', async () => {
    const { world, live, members, leave } = crowded(3000)
    world.version = 1
    live.recheck()
    leave.at(-1)?.()
    const late = new Judged(world)
    live.enter(late)
    await expect.poll(() => members.at(-2)?.seen).toBe(1)
    await expect.poll(() => late.seen).toBe(1)
    expect(members.at(-1)?.times).toBe(0)
  })

  it('judges who comes to a place where the walk has been', async () => {
    const { world, live, members, leave } = crowded(3000)
    world.version = 1
    live.recheck()
    leave[0]?.()
    const late = new Judged(world)
    live.enter(late)
    await expect.poll(() => late.seen).toBe(1)
    expect(members[0]?.seen).toBe(1)
  })

  it('begins anew after a walk has ended', async () => {
    const { world, live, members } = crowded(600)
    for (const version of [1, 2, 3]) {
      world.version = version
      live.recheck()
      await expect.poll(() => members.every(({ seen }) => seen === version)).toBe(true)
    }
  })
})
