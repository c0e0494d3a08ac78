import { describe, expect, it } from 'vitest'
import { silentLogger } from '../core/index.ts'
import { eventBase } from './codes.ts'
import type { AuditEvent } from './types.ts'
import { UnprovenEvents, type UnprovenLimits } from './unproven.ts'

const event = (uid: string): AuditEvent => ({
  ...eventBase('auth', { clusterName: 'c', nowMs: 0, uid }),
})

function open(limits: Partial<UnprovenLimits>): {
  unproven: UnprovenEvents
  written: AuditEvent[]
  clock: { nowMs: number }
  uids: () => string[]
} {
  const written: AuditEvent[] = []
  const clock = { nowMs: 0 }
  const unproven = new UnprovenEvents(
    { append: async (one) => void written.push(one) },
    { now: () => clock.nowMs },
    silentLogger,
    { gatherMs: 3_600_000, ...limits },
  )
  return { unproven, written, clock, uids: () => written.map(({ uid }) => uid) }
}

describe('UnprovenEvents', () => {
  it('writes each up to the burst, and one more for each bit of time', async () => {
    const { unproven, clock, uids } = open({ burstPerAddress: 2, perAddressPerSecond: 1 })
    for (const uid of ['1', '2', '3']) await unproven.append(event(uid), 'a')
    expect(uids()).toEqual(['1', '2'])
    clock.nowMs = 999
    await unproven.append(event('4'), 'a')
    clock.nowMs = 1000
    await unproven.append(event('5'), 'a')
    expect(uids()).toEqual(['1', '2', '5'])
  })

  it('gathers the others: the last of each address, with the number of all', async () => {
    const { unproven, written } = open({ burstPerAddress: 1 })
    for (let count = 0; count < 10; count += 1) await unproven.append(event(`a${count}`), 'a')
    for (let count = 0; count < 3; count += 1) await unproven.append(event(`b${count}`), 'b')
    await unproven.flush()
    expect(written).toMatchObject([
      { uid: 'a0' },
      { uid: 'b0' },
      { uid: 'a9', repeated: 9 },
      { uid: 'b2', repeated: 2 },
    ])
    await unproven.flush()
    expect(written).toHaveLength(4)
  })

  it('counts every address of one IPv6 network as one', async () => {
    const { unproven, written } = open({ burstPerAddress: 1 })
    for (const host of ['2001:db8:1:2::1', '2001:db8:1:2::2', '2001:db8:1:3::1']) {
      await unproven.append(event(host), host)
    }
    expect(written).toHaveLength(2)
  })

  it('loses none in the count, whatever comes from wherever', async () => {
    const { unproven, written, clock } = open({ burst: 50, perSecond: 5, maxAddresses: 10 })
    for (let count = 0; count < 5000; count += 1) {
      clock.nowMs += 3
      await unproven.append(event(String(count)), `address ${count % 97}`)
    }
    await unproven.flush()
    const sum = written.reduce(
      (total, one) => total + ('repeated' in one ? Number(one['repeated']) : 1),
      0,
    )
    expect(sum).toBe(5000)
    // 50 at once, 5 for each of 15 seconds, and one for each of the 10 addresses and the others.
    expect(written.length).toBeLessThanOrEqual(50 + 75 + 11)
  })

  it('one address does not use up what is written of another', async () => {
    const { unproven, uids } = open({ burstPerAddress: 5, burst: 1000 })
    for (let count = 0; count < 100; count += 1) await unproven.append(event(`a${count}`), 'a')
    await unproven.append(event('b'), 'b')
    expect(uids()).toContain('b')
  })

  it('writes what was gathered by itself', async () => {
    const { unproven, written } = open({ burstPerAddress: 1, gatherMs: 5 })
    await unproven.append(event('1'), 'a')
    await unproven.append(event('2'), 'a')
    await expect.poll(() => written.length).toBe(2)
  })

  it('says it when an event cannot be written', async () => {
    const unproven = new UnprovenEvents(
      { append: () => Promise.reject(new Error('full')) },
      { now: () => 0 },
      silentLogger,
    )
    await expect(unproven.append(event('1'), 'a')).rejects.toThrow('full')
  })

  describe('while the log takes nothing', () => {
    function openFailing(limits: Partial<UnprovenLimits> = {}): {
      unproven: UnprovenEvents
      written: AuditEvent[]
      errors: string[]
      state: { full: boolean }
    } {
      const written: AuditEvent[] = []
      const errors: string[] = []
      const state = { full: false }
      const unproven = new UnprovenEvents(
        {
          append: async (one) => {
            if (state.full) throw new Error('no space left')
            written.push(one)
          },
        },
        { now: () => 0 },
        { ...silentLogger, error: (_fields, message) => void errors.push(message) },
        { burstPerAddress: 1, gatherMs: 3_600_000, ...limits },
      )
      return { unproven, written, errors, state }
    }

    it('keeps what was gathered, adds what comes meanwhile, and writes all when it can', async () => {
      const { unproven, written, state } = openFailing()
      for (const uid of ['a0', 'a1', 'a2']) await unproven.append(event(uid), 'a')
      for (const uid of ['b0', 'b1']) await unproven.append(event(uid), 'b')
      state.full = true
      await expect(unproven.flush()).rejects.toThrow('no space left')
      await expect(unproven.append(event('a3'), 'a')).rejects.toThrow('no space left')
      state.full = false
      await unproven.flush()
      expect(written.slice(2)).toMatchObject([
        { uid: 'a3', repeated: 3 },
        { uid: 'b1', repeated: 1 },
      ])
      await expect(unproven.append(event('a4'), 'a')).resolves.toBeUndefined()
    })

    it('refuses whom it would count, as it refuses whom it would write', async () => {
      const { unproven, state } = openFailing()
      await unproven.append(event('a0'), 'a')
      state.full = true
      await expect(unproven.append(event('b0'), 'b')).rejects.toThrow('no space left')
      await expect(unproven.append(event('a1'), 'a')).rejects.toThrow('no space left')
    })

    it('says so, and tries again by itself', async () => {
      const { unproven, written, errors, state } = openFailing({ gatherMs: 5 })
      await unproven.append(event('a0'), 'a')
      state.full = true
      await unproven.append(event('a1'), 'a')
      await expect.poll(() => errors.length).toBeGreaterThan(1)
      state.full = false
      await expect.poll(() => written.at(-1)).toMatchObject({ uid: 'a1', repeated: 1 })
    })
  })
})
