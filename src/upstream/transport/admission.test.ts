import { describe, expect, test } from 'vitest'
import { Admission, type Place } from './admission.ts'

/** Enters `count` times; `started` holds the places in the order of their start. */
function enter(
  admission: Admission,
  count: number,
  started: [number, Place][],
  user = 'joe',
): ((() => void) | null)[] {
  return Array.from({ length: count }, (_, index) =>
    admission.enter(user, (place) => started.push([index, place])),
  )
}

const order = (started: readonly [number, Place][]): number[] => started.map(([index]) => index)

describe('Admission', () => {
  test('starts up to the bound, the others in order of arrival', () => {
    const started: [number, Place][] = []
    const admission = new Admission({ maxActive: 2, maxOpen: 9, maxWaiting: 9, userShare: 1 })
    enter(admission, 4, started)
    expect(order(started)).toEqual([0, 1])
    started[1]?.[1].leave()
    expect(order(started)).toEqual([0, 1, 2])
    started[1]?.[1].leave()
    expect(order(started)).toEqual([0, 1, 2])
    started[0]?.[1].leave()
    expect(order(started)).toEqual([0, 1, 2, 3])
  })

  test('who stalls lets another pass, but stays open', () => {
    const started: [number, Place][] = []
    const admission = new Admission({ maxActive: 1, maxOpen: 2, maxWaiting: 9, userShare: 1 })
    enter(admission, 3, started)
    started[0]?.[1].stall()
    started[0]?.[1].stall()
    expect(order(started)).toEqual([0, 1])
    started[1]?.[1].stall()
    expect(order(started)).toEqual([0, 1])
    expect([admission.open, admission.waiting]).toEqual([2, 1])
    started[0]?.[1].leave()
    expect(order(started)).toEqual([0, 1, 2])
  })

  test('who goes on again counts again', () => {
    const started: [number, Place][] = []
    const admission = new Admission({ maxActive: 1, maxOpen: 9, maxWaiting: 9, userShare: 1 })
    enter(admission, 1, started)
    started[0]?.[1].stall()
    started[0]?.[1].unstall()
    enter(admission, 1, started)
    expect(order(started)).toEqual([0])
    started[0]?.[1].leave()
    started[0]?.[1].unstall()
    expect(order(started)).toEqual([0, 0])
    expect(admission.open).toBe(1)
  })

  test('who gives up waiting is never started', () => {
    const started: [number, Place][] = []
    const admission = new Admission({ maxActive: 1, maxOpen: 9, maxWaiting: 9, userShare: 1 })
    const leave = enter(admission, 3, started)
    leave[1]?.()
    started[0]?.[1].leave()
    expect(order(started)).toEqual([0, 2])
  })

  test('too many are turned away', () => {
    const admission = new Admission({ maxActive: 1, maxOpen: 9, maxWaiting: 1, userShare: 1 })
    expect(enter(admission, 3, []).map((leave) => leave === null)).toEqual([false, false, true])
  })

  test('users take turns, and each keeps his own order', () => {
    const started: [number, Place][] = []
    const others: [number, Place][] = []
    const admission = new Admission({ maxActive: 1, maxOpen: 9, maxWaiting: 9, userShare: 1 })
    enter(admission, 4, started, 'joe')
    enter(admission, 2, others, 'ann')
    started.at(-1)?.[1].leave()
    expect([order(started), order(others)]).toEqual([[0, 1], []])
    started.at(-1)?.[1].leave()
    expect([order(started), order(others)]).toEqual([[0, 1], [0]])
    others.at(-1)?.[1].leave()
    expect([order(started), order(others)]).toEqual([[0, 1, 2], [0]])
    started.at(-1)?.[1].leave()
    expect([order(started), order(others)]).toEqual([
      [0, 1, 2],
      [0, 1],
    ])
  })

  test.each([
    ['active', { maxActive: 4, maxOpen: 99, maxWaiting: 99 }],
    ['open', { maxActive: 99, maxOpen: 4, maxWaiting: 99 }],
  ])('one user leaves %s places to others', (_, limits) => {
    const started: [number, Place][] = []
    const others: [number, Place][] = []
    const admission = new Admission({ ...limits, userShare: 0.75 })
    enter(admission, 9, started, 'joe')
    for (const [, place] of started) if (limits.maxOpen === 4) place.stall()
    expect(started).toHaveLength(3)
    enter(admission, 2, others, 'ann')
    expect(order(others)).toEqual([0])
    others[0]?.[1].leave()
    expect(order(others)).toEqual([0, 1])
    expect(started).toHaveLength(3)
  })

  test('one user leaves places in the queue to others', () => {
    const admission = new Admission({ maxActive: 1, maxOpen: 9, maxWaiting: 4, userShare: 0.75 })
    const turnedAway = (user: string): number =>
      enter(admission, 5, [], user).filter((leave) => leave === null).length
    expect(turnedAway('joe')).toBe(1)
    expect(turnedAway('ann')).toBe(4)
  })

  test('nothing is kept of users who have left', () => {
    const started: [number, Place][] = []
    const admission = new Admission({ maxActive: 1, maxOpen: 9, maxWaiting: 9, userShare: 1 })
    const leave = ['a', 'b', 'c'].flatMap((user) => enter(admission, 1, started, user))
    leave[1]?.()
    started[0]?.[1].leave()
    started[1]?.[1].leave()
    expect([admission.open, admission.waiting]).toEqual([0, 0])
    expect(started).toHaveLength(2)
  })
})
