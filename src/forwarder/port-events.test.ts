import { describe, expect, it } from 'vitest'
import type { GenericEvent } from '../audit/index.ts'
import type { PortFacts } from './event.ts'
import { PortEvents } from './port-events.ts'

interface Bench {
  readonly events: PortEvents
  readonly written: PortFacts[]
  readonly unwritable: number[]
  now: number
  writes: boolean
}

function bench(): Bench {
  const own = { written: [] as PortFacts[], unwritable: [] as number[], now: 1_000, writes: true }
  const events = new PortEvents({
    event: (facts) => {
      own.written.push(facts)
      return {} as GenericEvent
    },
    newUid: () => `uid-${own.written.length}`,
    write: async () => own.writes,
    onUnwritable: () => own.unwritable.push(own.now),
    now: () => own.now,
  })
  return Object.assign(own, { events })
}

/** A connection from beginning to end. */
function connect(state: Bench, port: number, error: string | null = null): void {
  const connection = state.events.began(port)
  connection.bytesSent = 10
  connection.bytesReceived = 1
  state.now += 5
  state.events.ended(connection, error)
  state.now -= 5
}

describe('the events of the connections of a port-forward', () => {
  it('are two with one uid, at the beginning and at the end', () => {
    const state = bench()
    connect(state, 80)
    connect(state, 81, 'refused')
    const [first, second, third, fourth] = state.written
    expect(first).toMatchObject({ port: 80, outcome: 'started', repeated: null, startedMs: 1000 })
    expect(second).toMatchObject({ uid: first?.uid, outcome: 'done', error: null, durationMs: 5 })
    expect(second).toMatchObject({ bytesSent: 10, bytesReceived: 1 })
    expect(fourth).toMatchObject({ uid: third?.uid, outcome: 'failed', error: 'refused' })
  })

  it('are as many as a burst, and the rest in numbers, whoever opens a hundred thousand', () => {
    const state = bench()
    for (let count = 0; count < 100_000; count += 1) connect(state, 1 + (count % 300))
    expect(state.written).toHaveLength(200)
    state.events.flush()
    const gathered = state.written.slice(200)
    expect(gathered).toHaveLength(65)
    expect(gathered.filter(({ port }) => port === 0)).toHaveLength(1)
    expect(gathered.reduce((sum, { repeated }) => sum + (repeated ?? 0), 0)).toBe(99_900)
    expect(gathered.reduce((sum, { bytesSent }) => sum + bytesSent, 0)).toBe(999_000)
    expect(new Set(gathered.map(({ uid }) => uid)).size).toBe(65)
    state.events.flush()
    expect(state.written).toHaveLength(265)
  })

  it('are single ones again after a while', () => {
    const state = bench()
    for (let count = 0; count < 200; count += 1) connect(state, 80)
    expect(state.written).toHaveLength(200)
    state.now += 1_000
    for (let count = 0; count < 20; count += 1) connect(state, 80)
    expect(state.written).toHaveLength(220)
    state.events.flush()
    expect(state.written.at(-1)).toMatchObject({ port: 80, repeated: 110 })
  })

  it('that are gathered tell that some failed, and the last words', () => {
    const state = bench()
    for (let count = 0; count < 100; count += 1) connect(state, 1)
    connect(state, 80)
    connect(state, 80, 'refused')
    connect(state, 80)
    state.events.flush()
    expect(state.written.at(-1)).toMatchObject({
      port: 80,
      repeated: 3,
      outcome: 'failed',
      error: 'refused',
    })
  })

  it('that cannot be written are told of', async () => {
    const state = bench()
    state.writes = false
    state.events.began(80)
    await expect.poll(() => state.unwritable).toEqual([1000])
  })
})
