import { describe, expect, it } from 'vitest'
import { defaultForwarderLimits, strangersLimits } from './limits.ts'

describe('strangersLimits()', () => {
  const strangers = strangersLimits(defaultForwarderLimits)

  it.each([
    'maxHeaderBytes',
    'headersTimeoutMs',
    'keepAliveTimeoutMs',
    'maxConcurrentStreams',
    'maxSessionMemoryMb',
    'streamWindowBytes',
  ] as const)('gives strangers less %s than a person', (name) => {
    expect(strangers[name]).toBeLessThan(defaultForwarderLimits[name])
  })

  it('never gives them more', () => {
    const tight = { ...defaultForwarderLimits, headersTimeoutMs: 10, maxHeaderBytes: 20 }
    expect(strangersLimits(tight)).toMatchObject({ headersTimeoutMs: 10, maxHeaderBytes: 20 })
  })

  it('holds no more memory of all strangers together than a small machine has', () => {
    const { maxStrangers, maxSessionMemoryMb } = strangers
    expect(maxStrangers * maxSessionMemoryMb).toBeLessThanOrEqual(1024)
  })

  it('holds of what one person uploads less than that', () => {
    const { maxUnreadBytesPerUser, streamWindowBytes } = defaultForwarderLimits
    expect(maxUnreadBytesPerUser).toBeLessThanOrEqual(64 * 1024 * 1024)
    expect(maxUnreadBytesPerUser / streamWindowBytes).toBeGreaterThanOrEqual(256)
  })
})
