import { describe, expect, test } from 'vitest'
import { Admission, type Place } from './admission.ts'

/** Enters `count` times; `started` holds the places in the order of their start. */
function enter(
  admission: Admission,
  count: number,
  started: [number, Place][],
): ((() => void) | null)[] {
  return Array.from({ length: count }, (_, index) =>
    admission.enter((place) => started.push([index, place])),
  )
}

const order = (started: readonly [number, Place][]): number[] => started.map(([index]) => index)

describe('Admission', () => {
  test('starts up to the bound, the others in order of arrival', () => {
    const started: [number, Place][] = []
    const admission = new Admission({ maxActive: 2, maxOpen: 9, maxWaiting: 9 })
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
    const admission = new Admission({ maxActive: 1, maxOpen: 2, maxWaiting: 9 })
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
    const admission = new Admission({ maxActive: 1, maxOpen: 9, maxWaiting: 9 })
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
    const admission = new Admission({ maxActive: 1, maxOpen: 9, maxWaiting: 9 })
    const leave = enter(admission, 3, started)
    leave[1]?.()
    started[0]?.[1].leave()
    expect(order(started)).toEqual([0, 2])
  })

  test('too many are turned away', () => {
    const admission = new Admission({ maxActive: 1, maxOpen: 9, maxWaiting: 1 })
    expect(enter(admission, 3, []).map((leave) => leave === null)).toEqual([false, false, true])
  })
})
