import { describe, expect, it } from 'vitest'
import { oneAtATime } from './one-at-a-time.ts'

describe('oneAtATime()', () => {
  it('begins with the next when the last has ended, well or not', async () => {
    const alone = oneAtATime()
    const said: string[] = []
    const first = Promise.withResolvers<void>()
    const results = Promise.allSettled([
      alone(async () => {
        said.push('first begins')
        await first.promise
        said.push('first fails')
        throw new Error('no')
      }),
      alone(async () => {
        said.push('second')
        return 2
      }),
      alone(async () => 3),
    ])
    await new Promise((resolve) => setImmediate(resolve))
    expect(said).toEqual(['first begins'])
    first.resolve()
    expect(await results).toMatchObject([
      { status: 'rejected', reason: { message: 'no' } },
      { status: 'fulfilled', value: 2 },
      { status: 'fulfilled', value: 3 },
    ])
    expect(said).toEqual(['first begins', 'first fails', 'second'])
  })
})
