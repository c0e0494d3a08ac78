import { expect, it } from 'vitest'
import type { Dial } from '../client/index.ts'
import { silentLogger } from '../core/index.ts'
import { findWay } from './find-way.ts'

const nobody: Dial = () => Promise.reject(new Error('nobody is there'))
const wayOf = (
  upgrade: 'auto' | 'always' | 'never',
  dial: Dial,
  signal = new AbortController().signal,
): Dial =>
  findWay({
    addresses: [{ host: 'teleport.example.com', port: 443 }],
    dial,
    upgrade,
    log: silentLogger,
    signal,
  })
const address = { hostname: 'teleport.example.com', port: 443 }

it('connects as it is when it may not look', () => {
  expect(wayOf('never', nobody)).toBe(nobody)
})

it('while nobody answers, connections say so themselves, and each looks again', async () => {
  let dialled = 0
  const way = wayOf('auto', (...asked) => {
    dialled += 1
    return nobody(...asked)
  })
  for (const times of [2, 4]) {
    await expect(way(address, new AbortController().signal)).rejects.toThrow('nobody is there')
    expect(dialled).toBe(times)
  }
})

it('keeps nobody waiting who has given up', async () => {
  const stop = new AbortController()
  const way = wayOf('auto', () => new Promise(() => {}), stop.signal)
  const gaveUp = new AbortController()
  const connection = way(address, gaveUp.signal)
  gaveUp.abort(new Error('given up'))
  await expect(connection).rejects.toThrow('given up')
  stop.abort()
})
