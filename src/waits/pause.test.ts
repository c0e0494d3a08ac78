import { getEventListeners } from 'node:events'
import { expect, it } from 'vitest'
import { pause } from './pause.ts'

const HOUR_MS = 3_600_000

it('ends by itself, and leaves nothing at the signal', async () => {
  const { signal } = new AbortController()
  await pause(1, signal)
  expect(signal.aborted).toBe(false)
  expect(getEventListeners(signal, 'abort')).toEqual([])
})

it('ends with the signal, and leaves nothing there', async () => {
  const stop = new AbortController()
  const paused = pause(HOUR_MS, stop.signal)
  stop.abort()
  await paused
  expect(getEventListeners(stop.signal, 'abort')).toEqual([])
})

it('is over at once when the signal is', async () => {
  await pause(HOUR_MS, AbortSignal.abort())
})
