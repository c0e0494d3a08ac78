import { expect, it } from 'vitest'
import { heardOn, silentSince } from './silence.ts'

const pair = (): { bytesRead: number; destroyed: boolean; readableLength: number }[] => [
  { bytesRead: 17, destroyed: false, readableLength: 0 },
  { bytesRead: 0, destroyed: false, readableLength: 0 },
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

it('one on which something waits for its reader is not heard, and not dead', () => {
  const connections = pair()
  const heard = heardOn(connections)
  Object.assign(connections[0] ?? {}, { readableLength: 1 })
  expect(silentSince(heard)).toEqual([connections[1]])
})
