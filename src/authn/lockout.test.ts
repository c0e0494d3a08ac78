import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ADDRESS_LOCKOUT, USER_LOCKOUT } from './limits.ts'
import {
  afterFailure,
  afterWithdrawal,
  freshLockout,
  type Lockout,
  type LockoutRules,
  settled,
  waitMs,
} from './lockout.ts'

const MINUTE = 60_000
const rules: LockoutRules = {
  freeFailures: 3,
  firstWaitMs: 1000,
  lastWaitMs: 8000,
  forgetMs: MINUTE,
}

const failures = (count: number, nowMs = 0): Lockout => {
  let state = freshLockout(nowMs)
  for (let made = 0; made < count; made += 1) state = afterFailure(state, rules, nowMs)
  return state
}

describe('lockout', () => {
  it.each([
    [0, 0],
    [2, 0],
    [3, 1000],
    [4, 2000],
    [5, 4000],
    [6, 8000],
    [7, 8000],
    [5000, 8000],
  ])('after %i failures the next attempt waits %i ms', (count, wait) => {
    expect(waitMs(failures(count), 0)).toBe(wait)
  })

  it('forgets one failure at a time', () => {
    const state = failures(5)
    expect(settled(state, rules, MINUTE - 1).failures).toBe(5)
    expect(settled(state, rules, MINUTE).failures).toBe(4)
    expect(settled(state, rules, 4.5 * MINUTE)).toMatchObject({ failures: 1, asOfMs: 4 * MINUTE })
    expect(settled(state, rules, 500 * MINUTE).failures).toBe(0)
  })

  it('does not lock anybody out for years when the clock is set back', () => {
    const state = failures(7, 1e12)
    const back = settled(state, rules, 0)
    expect(waitMs(back, 0)).toBe(rules.lastWaitMs)
    expect(settled(back, rules, MINUTE).failures).toBe(6)
  })

  it('is as before when an attempt was none', () => {
    const before = failures(2)
    expect(afterWithdrawal(afterFailure(before, rules, 5))).toMatchObject({
      failures: 2,
      waitUntilMs: 0,
    })
    expect(afterWithdrawal(freshLockout(0)).failures).toBe(0)
  })

  const attempts = (of: LockoutRules, gapsMs: readonly number[]): number => {
    let nowMs = 0
    let looked = 0
    let state = freshLockout(0)
    for (const gap of gapsMs) {
      nowMs += gap
      state = settled(state, of, nowMs)
      if (waitMs(state, nowMs) > 0) continue
      looked += 1
      state = afterFailure(state, of, nowMs)
    }
    return looked
  }

  it.each([
    ['user name', USER_LOCKOUT, 110],
    ['address', ADDRESS_LOCKOUT, 1500],
  ] as const)(
    'lets a %s be guessed at a bounded number of times a day, however it is paced',
    (_what, of, most) => {
      const day = 24 * 60 * MINUTE
      for (const gap of [1000, 31_000, MINUTE, 5 * MINUTE, 15 * MINUTE, 16 * MINUTE]) {
        expect(
          attempts(
            of,
            Array.from({ length: Math.floor(day / gap) }, () => gap),
          ),
        ).toBeLessThan(most)
      }
    },
  )

  it('never makes anybody wait for longer than the longest wait, and never for nothing', () => {
    const step = fc.record({
      gap: fc.integer({ min: -MINUTE, max: 10 * MINUTE }),
      what: fc.constantFrom('fail', 'withdraw', 'look'),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let nowMs = 1e9
        let state = freshLockout(nowMs)
        for (const { gap, what } of steps) {
          nowMs += gap
          state = settled(state, rules, nowMs)
          if (what === 'fail') state = afterFailure(state, rules, nowMs)
          if (what === 'withdraw') state = afterWithdrawal(state)
          const wait = waitMs(state, nowMs)
          expect(wait).toBeGreaterThanOrEqual(0)
          expect(wait).toBeLessThanOrEqual(rules.lastWaitMs)
          expect(state.failures).toBeGreaterThanOrEqual(0)
          if (what === 'fail' && state.failures >= rules.freeFailures)
            expect(wait).toBeGreaterThan(0)
          expect(settled(state, rules, nowMs)).toEqual(state)
        }
      }),
    )
  })
})
