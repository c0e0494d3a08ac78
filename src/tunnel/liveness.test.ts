import { describe, expect, it } from 'vitest'
import { defaultTunnelLimits as limits } from './limits.ts'
import { type Liveness, watchLiveness } from './liveness.ts'

const { pingAfterMs, deadAfterMs } = limits
const heard: Liveness = { bytesSeen: 10, heardMs: 0, askedMs: null }

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
      liveness: { bytesSeen: 11, heardMs: deadAfterMs, askedMs: null },
    })
  })

  it('takes a peer that stays silent for dead, within fifteen seconds of the last byte', () => {
    const { liveness } = watchLiveness(heard, 10, pingAfterMs, limits)
    expect(watchLiveness(liveness, 10, deadAfterMs - 1, limits).verdict).toBe('alive')
    expect(watchLiveness(liveness, 10, deadAfterMs, limits).verdict).toBe('dead')
    expect(deadAfterMs + limits.lookMs).toBeLessThan(15_000)
    expect(pingAfterMs + limits.lookMs).toBeLessThanOrEqual(10_000)
  })
  it('takes nobody for dead because a clock was set forward, or a machine has slept', () => {
    const hourMs = 3_600_000
    const first = watchLiveness(heard, 10, hourMs, limits)
    expect(first.verdict).toBe('ask')
    const soonMs = hourMs + limits.lookMs
    expect(watchLiveness(first.liveness, 10, soonMs, limits).verdict).toBe('alive')
    const lateMs = hourMs + deadAfterMs - pingAfterMs
    expect(watchLiveness(first.liveness, 10, lateMs, limits).verdict).toBe('dead')
  })

  it('waits no longer because a clock was set back', () => {
    const later: Liveness = { bytesSeen: 10, heardMs: 3_600_000, askedMs: null }
    const { liveness } = watchLiveness(later, 10, 0, limits)
    expect(watchLiveness(liveness, 10, pingAfterMs, limits).verdict).toBe('ask')
  })
})
