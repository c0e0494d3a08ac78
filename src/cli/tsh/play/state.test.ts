import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Key, KeyName } from '../../terminal/keys.ts'
import {
  initialPlayer,
  MAX_SPEED,
  MIN_SPEED,
  nextStep,
  type PlayerEvent,
  type PlayerState,
  transition,
} from './state.ts'

const char = (text: string): PlayerEvent => ({ type: 'key', key: { type: 'char', char: text } })
const named = (name: KeyName): PlayerEvent => ({ type: 'key', key: { type: 'named', name } })
const stateAfter = (...events: readonly PlayerEvent[]): PlayerState =>
  events.reduce(transition, initialPlayer(1))
const elapsed = (ms: number): PlayerEvent => ({ type: 'elapsed', ms })
const shown = (atMs: number): PlayerEvent => ({ type: 'shown', atMs })

describe('the player', () => {
  it('shows what is due, and waits for what is not, faster at a higher speed', () => {
    const state = stateAfter(elapsed(1000))
    expect(nextStep(state, 1000)).toEqual({ do: 'show' })
    expect(nextStep(state, 3000)).toEqual({ do: 'wait', ms: 2000 })
    expect(nextStep(stateAfter(elapsed(1000), named('up'), named('up')), 3000)).toEqual({
      do: 'wait',
      ms: 1000,
    })
  })

  it('lets time pass by its speed', () => {
    expect(stateAfter(char('+'), char('+'), elapsed(1000)).positionMs).toBe(2000)
    expect(stateAfter(char('-'), elapsed(1000)).positionMs).toBe(500)
  })

  it('pauses, and lets no time pass then', () => {
    const paused = stateAfter(elapsed(700), char(' '), elapsed(5000))
    expect(paused).toMatchObject({ kind: 'paused', positionMs: 700 })
    expect(nextStep(paused, 700)).toEqual({ do: 'wait', ms: null })
    expect(transition(paused, char(' '))).toMatchObject({ kind: 'playing', positionMs: 700 })
  })

  it('steps from frame to frame while it is paused', () => {
    const stepping = stateAfter(char(' '), char('.'))
    expect(nextStep(stepping, 60_000)).toEqual({ do: 'show' })
    expect(transition(stepping, shown(60_000))).toMatchObject({
      kind: 'paused',
      positionMs: 60_000,
    })
    expect(stateAfter(char('.')).kind).toBe('playing')
  })

  it('goes forward as fast as it can, and then on as before', () => {
    const seeking = stateAfter(elapsed(1000), named('right'), named('right'))
    expect(nextStep(seeking, 10_999)).toEqual({ do: 'show' })
    expect(nextStep(seeking, 11_001)).toEqual({ do: 'arrive' })
    expect(transition(seeking, { type: 'arrived' })).toMatchObject({
      kind: 'playing',
      positionMs: 11_000,
    })
  })

  it('goes back by beginning anew, and stays paused when it was', () => {
    const seeking = stateAfter(elapsed(8000), char(' '), named('left'))
    expect(nextStep(seeking, 9000)).toEqual({ do: 'rewind' })
    const rewound = transition(seeking, { type: 'rewound' })
    expect(nextStep(rewound, 10)).toEqual({ do: 'show' })
    expect(nextStep(transition(rewound, shown(10)), 3001)).toEqual({ do: 'arrive' })
    expect(transition(rewound, { type: 'arrived' })).toMatchObject({
      kind: 'paused',
      positionMs: 3000,
    })
  })

  it('goes to the beginning and to the end', () => {
    expect(stateAfter(elapsed(9000), named('home'))).toMatchObject({ kind: 'seeking', targetMs: 0 })
    const toEnd = stateAfter(named('end'))
    expect(nextStep(toEnd, Number.MAX_SAFE_INTEGER)).toEqual({ do: 'show' })
    expect(nextStep(toEnd, null)).toEqual({ do: 'run-out' })
    expect(transition(toEnd, named('left'))).toMatchObject({ kind: 'seeking', targetMs: 0 })
  })

  it('stays at the end, from where one can go back or begin again', () => {
    const ended = stateAfter(shown(9000), { type: 'ran-out' })
    expect(nextStep(ended, null)).toEqual({ do: 'wait', ms: null })
    expect(transition(ended, named('right'))).toBe(ended)
    expect(transition(ended, named('left'))).toMatchObject({ kind: 'seeking', targetMs: 4000 })
    expect(transition(ended, char(' '))).toMatchObject({ targetMs: 0, resume: 'playing' })
  })

  it('shows its keys, and hides them again', () => {
    expect(stateAfter(char('?')).help).toBe(true)
    expect(stateAfter(char('?'), named('escape')).help).toBe(false)
    expect(stateAfter(char('?'), char('?')).help).toBe(false)
  })

  it('ends whatever it is doing, and does not come back', () => {
    for (const quit of [char('q'), named('ctrl-c')]) {
      const state = stateAfter(named('right'), quit, char(' '), named('left'), { type: 'ran-out' })
      expect(state.kind).toBe('quit')
      expect(nextStep(state, 1)).toEqual({ do: 'quit' })
    }
  })
})

const key: fc.Arbitrary<Key> = fc.oneof(
  fc.constantFrom(' ', '.', '+', '-', '?', 'g', 'G', 'x').map(
    (one): Key => ({
      type: 'char',
      char: one,
    }),
  ),
  fc
    .constantFrom<KeyName[]>('left', 'right', 'up', 'down', 'home', 'end', 'escape')
    .map((name): Key => ({ type: 'named', name })),
)

describe('whatever is pressed', () => {
  it('the player gets somewhere: every frame up to where it is was shown, in order, and none after it', () => {
    const act = fc.oneof(
      key.map((one): PlayerEvent => ({ type: 'key', key: one })),
      fc.nat({ max: 4000 }).map(elapsed),
    )
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 30_000 }), { maxLength: 12 }),
        fc.array(act, { maxLength: 30 }),
        (unsorted, acts) => {
          const frames = unsorted.sort((a, b) => a - b)
          let state = initialPlayer(1)
          let at = 0
          const settle = (): void => {
            for (let steps = 0; steps < 1000; steps += 1) {
              const step = nextStep(state, frames[at] ?? null)
              if (step.do === 'wait' || step.do === 'quit') return
              if (step.do === 'show') {
                state = transition(state, shown(frames[at] ?? 0))
                at += 1
              } else if (step.do === 'rewind') {
                at = 0
                state = transition(state, { type: 'rewound' })
              } else if (step.do === 'arrive') state = transition(state, { type: 'arrived' })
              else state = transition(state, { type: 'ran-out' })
            }
            throw new Error('it never waits')
          }
          settle()
          for (const one of acts) {
            state = transition(state, one)
            settle()
            const due = frames.filter((frame) => frame <= state.positionMs).length
            // Frames of the very time of one that was stepped to may wait.
            if (state.kind === 'playing' || state.kind === 'ended') expect(at).toBe(due)
            else expect(at).toBeLessThanOrEqual(due)
            expect(state.positionMs).toBeGreaterThanOrEqual(0)
            expect(state.speed).toBeGreaterThanOrEqual(MIN_SPEED)
            expect(state.speed).toBeLessThanOrEqual(MAX_SPEED)
          }
        },
      ),
    )
  })
})
