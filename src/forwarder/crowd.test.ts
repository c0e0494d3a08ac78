import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Crowd } from './crowd.ts'

describe('a crowd', () => {
  it('has who entered and did not leave, whatever the order', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.nat(9), { nil: null })), (moves) => {
        const crowd = new Crowd<{ readonly id: number }>()
        const inside = new Map<number, () => void>()
        let next = 0
        for (const move of moves) {
          const chosen = move === null ? undefined : [...inside.keys()][move]
          if (chosen === undefined) {
            inside.set(next, crowd.enter({ id: next }))
            next += 1
          } else {
            inside.get(chosen)?.()
            inside.delete(chosen)
          }
        }
        const ids = crowd.members().map(({ id }) => id)
        expect(ids.sort((a, b) => a - b)).toEqual([...inside.keys()])
        expect(crowd.size).toBe(inside.size)
      }),
    )
  })

  it('takes nobody else out when somebody leaves twice', () => {
    const crowd = new Crowd<{ readonly name: string }>()
    const leave = crowd.enter({ name: 'a' })
    leave()
    crowd.enter({ name: 'b' })
    leave()
    expect(crowd.members()).toEqual([{ name: 'b' }])
    expect(crowd.size).toBe(1)
  })
})
