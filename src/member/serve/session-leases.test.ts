import { beforeEach, describe, expect, it } from 'vitest'
import { silentLogger } from '../../core/index.ts'
import { LEASE_QUIET_MS } from './limits.ts'
import { type LeaseRequest, SessionLeases } from './session-leases.ts'

describe('SessionLeases', () => {
  let nowMs: number
  let live: { sessionId: string; user: string }[]
  let asked: LeaseRequest[]
  let released: string[]
  let answer: () => Promise<boolean>
  let leases: SessionLeases
  beforeEach(() => {
    nowMs = 1_000_000
    live = []
    asked = []
    released = []
    answer = async () => true
    leases = new SessionLeases({
      sessions: { list: () => live },
      ask: (request) => {
        asked.push(request)
        return answer()
      },
      onRelease: (id) => released.push(id),
      clock: { now: () => nowMs },
      log: silentLogger,
    })
  })
  const wants = (sessionId: string, max = 2): Promise<boolean> =>
    leases.acquire({ sessionId, user: 'alice', max })

  it('names what goes on and what begins here to who knows the other services', async () => {
    live = [
      { sessionId: '1', user: 'alice' },
      { sessionId: '2', user: 'bob' },
    ]
    expect(await wants('3', 9)).toBe(true)
    expect(await wants('4', 9)).toBe(true)
    expect(asked.map(({ here }) => here)).toEqual([['1'], ['1', '3']])
  })

  it('refuses without asking what is too many here already, also when many begin at once', async () => {
    const answers = await Promise.all([wants('1'), wants('2'), wants('3')])
    expect(answers).toEqual([true, true, false])
    expect(asked).toHaveLength(2)
  })

  it('gives a place back at once', async () => {
    await wants('1', 1)
    leases.release('1')
    leases.release('1')
    expect(released).toEqual(['1'])
    expect(await wants('2', 1)).toBe(true)
    expect(asked.at(-1)?.here).toEqual([])
  })

  it('keeps no place for who was refused', async () => {
    answer = async () => false
    expect(await wants('1', 1)).toBe(false)
    answer = async () => true
    expect(await wants('2', 1)).toBe(true)
  })

  it('goes by its own count while the auth service is away, and does not ask each time', async () => {
    answer = () => Promise.reject(new Error('away'))
    expect(await wants('1')).toBe(true)
    expect(await wants('2')).toBe(true)
    expect(await wants('3')).toBe(false)
    expect(asked).toHaveLength(1)
    leases.release('1')
    nowMs += LEASE_QUIET_MS
    answer = async () => false
    expect(await wants('4')).toBe(false)
  })
  it('asks again although the clock was set back meanwhile', async () => {
    answer = () => Promise.reject(new Error('away'))
    expect(await wants('1', 9)).toBe(true)
    nowMs -= 3_600_000
    answer = async () => false
    expect(await wants('2', 9)).toBe(false)
  })
})
