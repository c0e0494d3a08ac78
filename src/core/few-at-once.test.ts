import { describe, expect, it } from 'vitest'
import { fewAtOnce } from './few-at-once.ts'

describe('few at once', () => {
  it('runs every task once, in order, and never more than so many together', async () => {
    const began: number[] = []
    let running = 0
    let most = 0
    const tasks = Array.from({ length: 20 }, (_, index) => async (): Promise<void> => {
      began.push(index)
      running += 1
      most = Math.max(most, running)
      for (let turn = 0; turn <= index % 3; turn += 1) await Promise.resolve()
      running -= 1
    })
    await fewAtOnce(tasks, 4)
    expect(began).toEqual(tasks.map((_, index) => index))
    expect(most).toBe(4)
    expect(running).toBe(0)
  })

  it('has nothing to do without tasks', async () => {
    await expect(fewAtOnce([], 4)).resolves.toBeUndefined()
  })
})
