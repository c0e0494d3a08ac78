import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { FakeApi, refusal } from '../../../../test/support/fake-api.ts'
import { FakeIo, tctl } from '../../../../test/support/fake-io.ts'
import { busyMorning } from '../../../../test/support/top-states.ts'
import type { StatsSnapshot } from '../../../contract/index.ts'

/** Answers with one snapshot after the other, and then with what is told to every later call. */
function apiOf(
  snapshots: readonly StatsSnapshot[],
  then: () => StatsSnapshot = () => {
    throw refusal(503, 'UNAVAILABLE', 'no more')
  },
): FakeApi {
  const left = [...snapshots]
  return new FakeApi({ 'stats.read': () => left.shift() ?? then() })
}

const morning = busyMorning()

/** A terminal in memory that shows what was written last. */
class FakeTty extends FakeIo {
  written = ''
  readonly typed = Object.assign(new PassThrough(), { setRawMode: () => {} })
  override readonly stdin = this.typed
  override readonly stdout = Object.assign(
    new PassThrough().on('data', (chunk: Buffer) => {
      this.written += chunk.toString()
    }),
    { columns: 80, rows: 24 },
  )

  constructor() {
    super({ isTty: true, env: { LANG: 'C.UTF-8', TERM: 'xterm', NO_COLOR: '1' } })
  }
}

describe('tctl top', () => {
  it('--once --format=json is one line about one interval', async () => {
    const api = apiOf(morning)
    const io = new FakeIo()
    const argv = ['top', '--once', '--format=json', '--interval=200ms']
    expect(await tctl(api, argv, io)).toBe(0)
    expect(io.out.match(/\n/g)).toHaveLength(1)
    expect(JSON.parse(io.out)).toMatchObject({
      cluster_name: 'example.com',
      interval_ms: 1000,
      requests_per_second: 2,
      clusters: [{ name: 'prod-eu', requests_per_second: 2, live: 14 }, {}, {}],
      refusals: [{ code: 'CLUSTER_DENIED', per_second: 1 }, {}],
    })
    expect(api.calls).toEqual(['stats.read', 'stats.read'])
  })

  it('--format=json goes on, a line each interval, until it is stopped', async () => {
    const io = new FakeIo()
    const api = apiOf(morning.slice(0, 4), () => {
      io.interrupt()
      return morning[4] as StatsSnapshot
    })
    expect(await tctl(api, ['top', '--format=json', '--interval=200ms'], io)).toBe(0)
    const lines = io.out.trim().split('\n')
    const rates = lines.map(
      (line) => (JSON.parse(line) as { requests_per_second: number }).requests_per_second,
    )
    expect(rates).toEqual([2, 5, 9, 14])
  })

  it('--once is the screen on paper, without keys and colours', async () => {
    const io = new FakeIo({ env: { LANG: 'C.UTF-8', TERM: 'xterm' } })
    expect(await tctl(apiOf(morning), ['top', '--once', '--interval=200ms'], io)).toBe(0)
    expect(io.out).toMatch(/^example\.com {2}teleport 1\.2\.3/)
    expect(io.out).toContain('\nCLUSTERS 3 ')
    expect(io.out).toContain('\nalice@example.com ')
    expect(io.out).not.toContain('quit')
    expect(io.out).not.toContain('\u001b')
    expect(io.out.endsWith('\n\n')).toBe(false)
  })

  it('draws, listens to keys, and gives the terminal back', async () => {
    const io = new FakeTty()
    const api = apiOf([], () => morning[api.calls.length % morning.length] as StatsSnapshot)
    const running = tctl(api, ['top', '--interval=200ms'], io)
    await expect.poll(() => io.written).toContain('CLUSTERS 3')
    io.typed.write('?')
    await expect.poll(() => io.written).toContain('any key goes back')
    io.typed.write('xq')
    expect(await running).toBe(0)
    expect(io.written.startsWith('\u001b[?1049h')).toBe(true)
    expect(io.written.endsWith('\u001b[?1049l')).toBe(true)
  })

  it('draws again, whole, when the terminal has another size', async () => {
    const io = new FakeTty()
    const api = apiOf([], () => morning[0] as StatsSnapshot)
    const running = tctl(api, ['top', '--interval=1h'], io)
    await expect.poll(() => io.written).toContain('CLUSTERS 3')
    const before = io.written.length
    Object.assign(io.stdout, { columns: 40, rows: 8 })
    io.stdout.emit('resize')
    await expect.poll(() => io.written.slice(before)).toContain('\u001b[2J')
    expect(io.written.slice(before)).toContain('\u001b[8;1Hq quit')
    io.typed.write('q')
    expect(await running).toBe(0)
  })

  it('says what is wrong, goes on, and shows when it is over', async () => {
    const io = new FakeTty()
    let broken = true
    const api = apiOf(morning.slice(0, 2), () => {
      if (broken) throw refusal(500, 'INTERNAL', 'a hiccup')
      return morning[5] as StatsSnapshot
    })
    const running = tctl(api, ['top', '--interval=200ms'], io)
    await expect.poll(() => io.written).toContain('no new numbers, trying again: a hiccup')
    broken = false
    await expect.poll(() => io.written).toContain('12:00:05Z')
    io.typed.write('\u0003')
    expect(await running).toBe(0)
  })

  it('ends when the right to look is taken away, with the terminal as it was', async () => {
    const io = new FakeTty()
    const api = apiOf(morning.slice(0, 1), () => {
      throw refusal(403, 'ACCESS_DENIED', 'you may not read stats')
    })
    expect(await tctl(api, ['top', '--interval=200ms'], io)).toBe(4)
    expect(io.written.endsWith('\u001b[?1049l')).toBe(true)
    expect(io.err).toBe('tctl: you may not read stats\n')
  })

  it('refuses before it touches the screen', async () => {
    const io = new FakeTty()
    const api = apiOf([], () => {
      throw refusal(403, 'ACCESS_DENIED', 'you may not read stats')
    })
    expect(await tctl(api, ['top'], io)).toBe(4)
    expect(io.written).toBe('')
  })

  it('needs a terminal, and says what does without', async () => {
    const io = new FakeIo()
    const api = apiOf(morning)
    expect(await tctl(api, ['top'], io)).toBe(1)
    expect(io.err).toContain('there is no terminal to draw on')
    expect(io.err).toContain('--once')
    expect(api.calls).toEqual([])
  })

  it.each([
    ['--interval=100ms', 'is not between 200ms and 1h'],
    ['--interval=2h', 'is not between 200ms and 1h'],
    ['--interval=often', 'is not a duration'],
    ['--format=xml', 'is not one of text, json, yaml'],
  ])('refuses %s', async (flag, words) => {
    const io = new FakeIo()
    expect(await tctl(apiOf([]), ['top', flag], io)).not.toBe(0)
    expect(io.err).toContain(words)
  })
})
