import { expect, it } from 'vitest'
import { heardOn, silentSince } from './silence.ts'

const pair = (): { bytesRead: number; destroyed: boolean }[] => [
  { bytesRead: 17, destroyed: false },
  { bytesRead: 0, destroyed: false },
]

it('all connections are dead that have brought nothing since', () => {
  const connections = pair()
  expect(silentSince(heardOn(connections))).toEqual(connections)
})

it('none is dead while one of them brings something', () => {
  const connections = pair()
  const heard = heardOn(connections)
  Object.assign(connections[1] ?? {}, { bytesRead: 1 })
  expect(silentSince(heard)).toEqual([])
})

it('one that has closed meanwhile is nobody’s witness', () => {
  const connections = pair()
  const heard = heardOn(connections)
  Object.assign(connections[1] ?? {}, { bytesRead: 1, destroyed: true })
  expect(silentSince(heard)).toEqual([connections[0]])
})
