import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Supply, type SupplyEvent, stepSupply } from './supply.ts'

const limits = {
  minWarm: 2,
  maxWarm: 4,
  maxOrdered: 8,
  maxMisses: 3,
  dialBackRestMs: 1000,
  maxDialBackRestMs: 4000,
  idleLooks: 2,
}

const UNASKED: Supply = { kind: 'unasked' }

/** The state after events at a time, and what the last of them does. */
function supplyAfter(
  kinds: readonly SupplyEvent['kind'][],
  {
    from = UNASKED,
    nowMs = 0,
    mayOrder = 100,
  }: { from?: Supply; nowMs?: number; mayOrder?: number } = {},
): { state: Supply; effects: readonly unknown[] } {
  let state: Supply = from
  let effects: readonly unknown[] = []
  for (const kind of kinds) {
    const step = stepSupply(state, { kind }, { nowMs, mayOrder, limits })
    state = step.state
    effects = step.effects
  }
  return { state, effects }
}

const proven = ['wanted', 'offered', 'arrived'] as const

describe('the supply of dial-backs', () => {
  it('begins with the first person, who does not wait for it', () => {
    expect(supplyAfter(['look', 'look'])).toEqual({ state: { kind: 'unasked' }, effects: [] })
    expect(supplyAfter(['wanted']).effects).toEqual([{ kind: 'ask' }, { kind: 'release' }])
  })

  it('orders one to see whether it comes, and nobody waits for that one', () => {
    const { state, effects } = supplyAfter(['wanted', 'offered'])
    expect(effects).toEqual([{ kind: 'order', count: 1 }])
    expect(supplyAfter(['wanted'], { from: state }).effects).toEqual([{ kind: 'release' }])
  })

  it('keeps some warm once one has come', () => {
    expect(supplyAfter(proven)).toMatchObject({
      state: { kind: 'supplied', warm: 1, ordered: 1 },
      effects: [{ kind: 'order', count: 1 }],
    })
  })

  it('gives a person a warm one at once and orders another', () => {
    expect(supplyAfter([...proven, 'wanted']).effects).toEqual([
      { kind: 'bind' },
      { kind: 'order', count: 1 },
    ])
  })

  it('orders one more for whoever has to wait', () => {
    const { state, effects } = supplyAfter([...proven, 'wanted', 'wanted'])
    expect(state).toMatchObject({ waiting: 1, warm: 0, ordered: 3 })
    expect(effects).toEqual([{ kind: 'order', count: 1 }])
    expect(supplyAfter(['arrived'], { from: state }).effects).toEqual([{ kind: 'bind' }])
  })

  it('lets nobody wait for what may not be ordered, and orders it for the next ones when it may', () => {
    const { state } = supplyAfter([...proven, 'wanted', 'wanted'])
    expect(supplyAfter(['wanted', 'wanted'], { from: state, mayOrder: 0 })).toMatchObject({
      state: { waiting: 3, ordered: 3 },
      effects: [],
    })
    const full = supplyAfter(['wanted', 'wanted', 'wanted'], { from: state, mayOrder: 0 })
    expect(full).toMatchObject({
      state: { waiting: 3, ordered: 3 },
      effects: [{ kind: 'overflow', count: 1 }],
    })
    expect(supplyAfter(['look'], { from: full.state, mayOrder: 1 }).effects).toEqual([
      { kind: 'order', count: 1 },
    ])
  })

  it('rests when the first does not come, longer each time', () => {
    let { state } = supplyAfter(['wanted', 'offered', 'missed'])
    expect(state).toEqual({ kind: 'resting', failures: 1, sinceMs: 0, forMs: 1000 })
    expect(supplyAfter(['wanted'], { from: state, nowMs: 999 }).effects).toEqual([
      { kind: 'release' },
    ])
    state = supplyAfter(['wanted', 'missed'], { from: state, nowMs: 1000 }).state
    expect(state).toEqual({ kind: 'resting', failures: 2, sinceMs: 1000, forMs: 2000 })
    for (const nowMs of [10_000, 20_000, 30_000]) {
      state = supplyAfter(['wanted', 'missed'], { from: state, nowMs }).state
    }
    expect(state).toMatchObject({ sinceMs: 30_000, forMs: 4000 })
  })

  it('rests no longer because the clock is set back', () => {
    const { state } = supplyAfter(['wanted', 'offered', 'missed'], { nowMs: 3_600_000 })
    expect(supplyAfter(['wanted'], { from: state, nowMs: 0 }).state).toMatchObject({
      kind: 'proving',
    })
  })

  it('rests after several failures in a row, and lets everybody go another way', () => {
    const { state } = supplyAfter([...proven, 'wanted', 'wanted', 'missed', 'missed'])
    expect(supplyAfter(['missed'], { from: state })).toEqual({
      state: { kind: 'resting', failures: 1, sinceMs: 0, forMs: 1000 },
      effects: [{ kind: 'release' }, { kind: 'void' }],
    })
    expect(supplyAfter(['answered', 'silent', 'silent'], { from: state }).state.kind).toBe(
      'supplied',
    )
  })

  it('keeps as many warm as people came since the last look, within bounds, and none when nobody comes', () => {
    const busy = supplyAfter([...proven, ...Array<'wanted'>(20).fill('wanted'), 'look']).state
    expect(busy).toMatchObject({ target: 4, used: 0 })
    expect(supplyAfter(['look'], { from: busy }).state).toMatchObject({ target: 2 })
    const quiet = supplyAfter([...proven, 'arrived', 'look', 'look'])
    expect(quiet.state).toMatchObject({ target: 2, warm: 2 })
    expect(supplyAfter(['look'], { from: quiet.state })).toMatchObject({
      state: { target: 0, warm: 0 },
      effects: [{ kind: 'shed', count: 2 }],
    })
  })

  it('is over when the agent refuses', () => {
    expect(supplyAfter([...proven, 'refused'])).toEqual({
      state: { kind: 'refused' },
      effects: [{ kind: 'release' }, { kind: 'shed', count: 1 }, { kind: 'void' }],
    })
    expect(supplyAfter([...proven, 'refused', 'wanted']).effects).toEqual([{ kind: 'release' }])
  })

  /** A gateway that does what it is told, with whatever happens around it. */
  it('never loses count, binds nobody to nothing, and leaves nobody waiting without an order', () => {
    const happenings = fc.array(
      fc.constantFrom(
        ...(['wanted', 'offered', 'arrived', 'missed', 'lost', 'left', 'silent'] as const),
        ...(['answered', 'look', 'refused'] as const),
      ),
      { maxLength: 200 },
    )
    fc.assert(
      fc.property(happenings, fc.nat({ max: 60 }), (kinds, budget) => {
        let state: Supply = UNASKED
        let mayOrder = budget
        let [waiting, warm, ordered, nowMs] = [0, 0, 0, 0]
        for (const kind of kinds) {
          nowMs += 100
          if ((kind === 'arrived' || kind === 'missed') && ordered === 0) continue
          if (kind === 'lost' && warm === 0) continue
          if (kind === 'left' && waiting === 0) continue
          if (kind === 'wanted') waiting += 1
          if (kind === 'left') waiting -= 1
          if (kind === 'lost') warm -= 1
          if (kind === 'arrived') warm += 1
          if (kind === 'arrived' || kind === 'missed') ordered -= 1
          const step = stepSupply(state, { kind }, { nowMs, mayOrder, limits })
          state = step.state
          for (const effect of step.effects) {
            if (effect.kind === 'bind') {
              waiting -= 1
              warm -= 1
            } else if (effect.kind === 'order') {
              ordered += effect.count
              mayOrder = Math.max(0, mayOrder - effect.count)
            } else if (effect.kind === 'overflow') waiting -= effect.count
            else if (effect.kind === 'shed') warm -= effect.count
            else if (effect.kind === 'release') waiting = 0
            else if (effect.kind === 'void') ordered = 0
            expect(Math.min(waiting, warm)).toBeGreaterThanOrEqual(0)
          }
          if (state.kind === 'supplied') expect(state).toMatchObject({ waiting, warm, ordered })
          else expect([waiting, warm]).toEqual([0, 0])
          expect(ordered).toBeLessThanOrEqual(limits.maxOrdered)
          if (waiting > 0) expect([warm, ordered > 0]).toEqual([0, true])
        }
      }),
      { numRuns: 500 },
    )
  })
})
