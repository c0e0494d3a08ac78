import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { defaultTunnelLimits as limits } from './limits.ts'
import { type LinkEvent, type LinkState, stepLink } from './link.ts'

const step = (state: LinkState, kind: LinkEvent['kind'], nowMs = 0, random = 0.5) =>
  stepLink(state, kind === 'spare' ? { kind, lacking: true } : { kind }, { nowMs, random, limits })
const waiting: LinkState = { kind: 'waiting', failures: 0, forMs: 0 }
const connecting: LinkState = { kind: 'connecting', failures: 3 }
const up: LinkState = { kind: 'up', sinceMs: 0, failures: 3 }

describe('the link of an agent to a proxy', () => {
  it('dials when its wait is over', () => {
    expect(step(waiting, 'due')).toEqual({
      state: { kind: 'connecting', failures: 0 },
      effects: ['connect'],
    })
  })

  it('ends what it replaces when the proxy has taken the new tunnel, and not before', () => {
    expect(step(connecting, 'taken', 7)).toEqual({
      state: { kind: 'up', sinceMs: 7, failures: 3 },
      effects: ['drainOthers'],
    })
  })

  it('waits longer after each failure, up to a most', () => {
    const waits: number[] = []
    let state: LinkState = waiting
    for (let count = 0; count < 8; count += 1) {
      state = step(step(state, 'due').state, 'failed', 0, 0.999_999).state
      if (state.kind === 'waiting') waits.push(Math.round(state.forMs))
    }
    expect(waits).toEqual([500, 1000, 2000, 4000, 4000, 4000, 4000, 4000])
  })

  it('is soon back after a tunnel that lived, and not after one that was lost at once', () => {
    expect(step(up, 'lost', limits.steadyAfterMs).state).toEqual({
      kind: 'waiting',
      failures: 0,
      forMs: limits.backoffMs / 2,
    })
    expect(step(up, 'lost', limits.steadyAfterMs - 1).state).toMatchObject({ failures: 4 })
  })

  it('replaces a tunnel whose proxy leaves', () => {
    expect(step(up, 'outdated', 60_000)).toMatchObject({
      state: { kind: 'waiting' },
      effects: ['wait'],
    })
  })

  it('is spare while another link has the proxy, and dials again only when some proxy has no tunnel', () => {
    const at = { nowMs: 0, random: 0.5, limits }
    expect(stepLink(connecting, { kind: 'spare', lacking: false }, at)).toEqual({
      state: { kind: 'spare', failures: 4, forMs: null },
      effects: ['wait'],
    })
    const { state } = stepLink(connecting, { kind: 'spare', lacking: true }, at)
    expect(state).toEqual({ kind: 'spare', failures: 4, forMs: (limits.backoffMs * 2 ** 4) / 2 })
    expect(step(state, 'wanted').state).toEqual({
      kind: 'spare',
      failures: 0,
      forMs: limits.spareLookMs * 1.5,
    })
    expect(step(state, 'due').state.kind).toBe('connecting')
    expect(step(up, 'wanted')).toEqual({ state: up, effects: [] })
    expect(step(up, 'spare')).toEqual({ state: up, effects: [] })
  })

  it.each([
    [waiting, 'lost'],
    [waiting, 'taken'],
    [connecting, 'lost'],
    [connecting, 'due'],
    [up, 'due'],
    [up, 'failed'],
  ] as const)('in %o, %s comes late and changes nothing', (state, kind) => {
    expect(step(state, kind)).toEqual({ state, effects: [] })
  })

  it('once stopped, stays so whatever happens', () => {
    const kinds: LinkEvent['kind'][] = [
      ...(['due', 'taken', 'failed', 'spare', 'wanted', 'lost', 'outdated', 'stop'] as const),
    ]
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...kinds)),
        fc.double({ min: 0, max: 0.99 }),
        (events, random) => {
          let state: LinkState = step(up, 'stop').state
          for (const kind of events) state = step(state, kind, 0, random).state
          expect(state.kind).toBe('stopped')
        },
      ),
    )
  })

  it('never waits longer than the most, and always dials in the end', () => {
    const kinds: LinkEvent['kind'][] = ['taken', 'failed', 'lost', 'outdated']
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...kinds), { maxLength: 50 }),
        fc.double({ min: 0, max: 0.99, noNaN: true }),
        (events, random) => {
          let state: LinkState = waiting
          for (const kind of events) {
            state = step(state, kind, 0, random).state
            if (state.kind !== 'waiting') continue
            expect(state.forMs).toBeLessThanOrEqual(limits.maxBackoffMs)
            // With the handshake, everybody is back within five seconds.
            expect(state.forMs).toBeLessThan(4000)
            state = step(state, 'due').state
            expect(state.kind).toBe('connecting')
          }
        },
      ),
    )
  })
})
