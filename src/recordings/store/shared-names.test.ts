import { expect, it } from 'vitest'
import { SharedNames } from './shared-names.ts'

it('forgets a name that no row has any more', () => {
  const names = new SharedNames()
  for (let day = 0; day < 3; day += 1) {
    const pod = `web-${day}`
    for (const name of ['prod', pod, 'prod', pod]) expect(names.take(name)).toBe(name)
    expect(names.size).toBe(2)
    for (const name of [pod, 'prod', 'unknown', pod]) names.drop(name)
    expect(names.size).toBe(1)
    names.drop('prod')
  }
  expect(names.size).toBe(0)
})
