import { randomUUID } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import { SESSION_LEASE_MS, SESSIONS_SILENT_MS } from '../limits.ts'
import type { LiveSession } from './ports.ts'
import { SessionRegistry } from './registry.ts'

const live = (sessionId: string, but: Partial<LiveSession> = {}): LiveSession => ({
  sessionId,
  kind: 'exec',
  user: 'alice',
  kubeCluster: 'west',
  namespace: 'team',
  pod: 'web-0',
  container: 'main',
  node: 'node-1',
  image: 'web:1',
  command: ['sh'],
  tty: true,
  protocol: 'v5.channel.k8s.io',
  address: '10.0.0.1:4711',
  startedMs: 1000,
  recording: true,
  ...but,
})
const BY = { user: 'root', message: 'maintenance' }

describe('SessionRegistry', () => {
  let nowMs: number
  let registry: SessionRegistry
  beforeEach(() => {
    nowMs = 1_000_000
    registry = new SessionRegistry({ now: () => nowMs })
  })
  const ids = (): string[] => registry.list().map(({ sessionId }) => sessionId)
  const say = (
    host: string,
    number: number,
    began: LiveSession[],
    ended: string[] = [],
    series = `series of ${host}`,
  ): boolean => registry.report(host, { series, number, began, ended })

  it('knows what services tell in words that build on each other', () => {
    expect(say('a', 0, [live('1', { startedMs: 1 }), live('2', { startedMs: 2 })])).toBe(true)
    expect(say('b', 0, [live('3', { startedMs: 3 })])).toBe(true)
    expect(say('a', 1, [live('4', { startedMs: 4 })], ['1'])).toBe(true)
    expect(ids()).toEqual(['4', '3', '2'])
  })

  it('does not take a word whose predecessors it does not know', () => {
    expect(say('a', 1, [live('1')])).toBe(false)
    say('a', 0, [])
    expect(say('a', 2, [live('1')])).toBe(false)
    expect(say('a', 1, [live('1')], [], 'another series')).toBe(false)
    expect(ids()).toEqual([])
  })

  it('takes a word once, however often it is said', () => {
    say('a', 0, [live('1')])
    say('a', 1, [], ['1'])
    expect(say('a', 0, [live('1')])).toBe(true)
    expect(ids()).toEqual([])
  })

  it('forgets what was known before when a service begins anew', () => {
    say('a', 0, [live('1')])
    say('a', 0, [live('2')], [], 'after a restart')
    expect(ids()).toEqual(['2'])
  })

  it('forgets the sessions of a service that is silent, and wants to hear them anew', () => {
    say('a', 0, [live('1')])
    nowMs += SESSIONS_SILENT_MS - 1
    expect(ids()).toEqual(['1'])
    nowMs += 1
    expect(ids()).toEqual([])
    expect(say('a', 1, [])).toBe(false)
    registry.forgetSilent()
    expect(say('a', 0, [live('1')], [], 'new')).toBe(true)
    expect(ids()).toEqual(['1'])
  })

  it('forgets a service that is none any more, and what it was to do', () => {
    say('a', 0, [live('1')])
    void registry.orders.give('a', '1', BY)
    registry.forget('a')
    expect(ids()).toEqual([])
    expect(registry.orders.of('a')).toEqual([])
  })

  it('cuts a command, which may be a whole script', () => {
    say('a', 0, [live('1', { command: ['sh', '-c', 'x'.repeat(100_000)] })])
    const [session] = registry.list()
    expect(session?.command.join('')).toHaveLength(512)
    expect(session?.command.at(-1)).toMatch(/x…$/)
  })

  it('carries thousands of sessions of a service', () => {
    for (let number = 0; number < 100; number += 1) {
      const began = Array.from({ length: 100 }, () => live(randomUUID()))
      expect(say('a', number, began)).toBe(true)
    }
    expect(registry.list()).toHaveLength(10_000)
  })

  describe('ending a session', () => {
    it('of this process is done at once', async () => {
      const ended: unknown[] = []
      const stop = registry.addLocal('own', {
        list: () => [live('1')],
        end: (id, by) => ended.push([id, by]) > 0,
      })
      const [session] = registry.find('1')
      if (session === undefined) throw new Error('the session is not there')
      expect(await registry.end(session, BY)).toBe(true)
      expect(ended).toEqual([['1', BY]])
      stop()
      expect(ids()).toEqual([])
    })

    it('of another process waits until its service has done it', async () => {
      say('a', 0, [live('1')])
      const told: string[] = []
      registry.orders.onOrder((hostId) => told.push(hostId))
      const [session] = registry.find('1')
      if (session === undefined) throw new Error('the session is not there')
      const ended = registry.end(session, BY)
      expect(told).toEqual(['a'])
      const [order] = registry.orders.of('a')
      expect(order).toMatchObject({ sessionId: '1', ...BY })
      registry.orders.done('b', [order?.id ?? ''])
      expect(registry.orders.of('a')).toHaveLength(1)
      registry.orders.done('a', [order?.id ?? ''])
      expect(await ended).toBe(true)
      expect(registry.orders.of('a')).toEqual([])
    })

    it('is dropped when its service was not reached for long', () => {
      void registry.orders.give('a', '1', BY)
      nowMs += 600_000
      expect(registry.orders.of('a')).toEqual([])
    })
  })

  describe('a lease', () => {
    const wants = (hostId: string, sessionId: string, here: string[] = [], max = 2): boolean =>
      registry.acquire({ hostId, sessionId, user: 'alice', max, here }).granted

    it('counts the sessions of a person at all services, and nobody else’s', () => {
      say('a', 0, [live('1'), live('2', { user: 'bob' })])
      expect(wants('b', '3')).toBe(true)
      expect(wants('b', '4', ['3'])).toBe(false)
    })

    it('counts sessions that begin and that nobody told yet', () => {
      expect(wants('a', '1')).toBe(true)
      expect(wants('b', '2')).toBe(true)
      expect(wants('c', '3')).toBe(false)
    })

    it('counts a session once that was granted and then told', () => {
      wants('a', '1')
      say('a', 0, [live('1')])
      expect(wants('b', '2')).toBe(true)
    })

    it('ends when the service says that the session ended, though it was on no list', () => {
      say('a', 0, [])
      wants('a', '1', [], 1)
      expect(wants('b', '2', [], 1)).toBe(false)
      say('a', 1, [], ['1'])
      expect(wants('b', '2', [], 1)).toBe(true)
    })

    it('is short for a session of which nothing is heard', () => {
      wants('a', '1', [], 1)
      nowMs += SESSION_LEASE_MS - 1
      expect(wants('b', '2', [], 1)).toBe(false)
      nowMs += 1
      registry.forgetSilent()
      expect(wants('b', '2', [], 1)).toBe(true)
    })

    it('of the asking service counts what it says itself, not what it told before', () => {
      say('a', 0, [live('1'), live('2')])
      expect(wants('a', '3', ['2'])).toBe(true)
    })

    it('counts the sessions of this process', () => {
      registry.addLocal('own', { list: () => [live('1'), live('2')], end: () => false })
      expect(wants('a', '3')).toBe(false)
      expect(wants('own', '3', ['1'])).toBe(true)
    })
  })
})
