import { describe, expect, it } from 'vitest'
import { defaultTunnelLimits as limits } from './limits.ts'
import { type Liveness, watchLiveness } from './liveness.ts'

const { pingAfterMs, deadAfterMs } = limits
const heard: Liveness = { bytesSeen: 10, heardMs: 0, asked: false }

describe('watchLiveness', () => {
  it('asks once when a peer is silent', () => {
    const first = watchLiveness(heard, 10, pingAfterMs, limits)
    expect(first.verdict).toBe('ask')
    expect(watchLiveness(first.liveness, 10, pingAfterMs + 1000, limits).verdict).toBe('alive')
  })

  it('takes any byte for an answer: a PING waits behind a full line', () => {
    const { liveness } = watchLiveness(heard, 10, pingAfterMs, limits)
    expect(watchLiveness(liveness, 11, deadAfterMs, limits)).toEqual({
      verdict: 'alive',
      liveness: { bytesSeen: 11, heardMs: deadAfterMs, asked: false },
    })
  })

  it('takes a peer that stays silent for dead, within fifteen seconds of the last byte', () => {
    const { liveness } = watchLiveness(heard, 10, pingAfterMs, limits)
    expect(watchLiveness(liveness, 10, deadAfterMs - 1, limits).verdict).toBe('alive')
    expect(watchLiveness(liveness, 10, deadAfterMs, limits).verdict).toBe('dead')
    expect(deadAfterMs + limits.lookMs).toBeLessThan(15_000)
    expect(pingAfterMs + limits.lookMs).toBeLessThanOrEqual(10_000)
  })
})
