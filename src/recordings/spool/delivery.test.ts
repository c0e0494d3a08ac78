import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { silentLogger } from '../../core/index.ts'
import { defaultRecorderLimits } from '../limits.ts'
import type { RecordingTarget } from '../target.ts'
import { SpoolAccount } from './account.ts'
import { Delivery } from './delivery.ts'
import { nodeDisk } from './disk.ts'

const nobody: RecordingTarget = {
  begin: () => Promise.reject(new Error('nobody is here')),
  putChunk: () => Promise.reject(new Error('nobody is here')),
  end: () => Promise.reject(new Error('nobody is here')),
}

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

it('leaves no timer behind when it is closed: a process that has nothing else to do ends', async () => {
  const delivery = new Delivery({
    target: nobody,
    disk: nodeDisk,
    account: new SpoolAccount(defaultRecorderLimits),
    limits: defaultRecorderLimits,
    log: silentLogger,
    events: { refused: () => Promise.resolve(), delivered: () => {} },
  })
  await delivery.close(defaultRecorderLimits.closeMs)
  expect(vi.getTimerCount()).toBe(0)
})
