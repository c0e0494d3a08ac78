import { getEventListeners } from 'node:events'
import type { ClientHttp2Stream } from 'node:http2'
import { PassThrough } from 'node:stream'
import { beforeEach, describe, expect, it } from 'vitest'
import { defaultTunnelLimits } from '../limits.ts'
import { Unread } from '../unread.ts'
import { ProxyDialBacks } from './proxy-end.ts'
import { Tickets } from './tickets.ts'

describe('ProxyDialBacks', () => {
  let nowMs: number
  let tickets: Tickets
  beforeEach(() => {
    nowMs = 1_000_000
    tickets = new Tickets(10)
  })

  const dialBacksOver = (openStream: () => PassThrough): ProxyDialBacks =>
    new ProxyDialBacks({
      openStream: openStream as unknown as () => ClientHttp2Stream,
      tickets,
      limits: defaultTunnelLimits,
      nowMs: () => nowMs,
      counts: { dialBack: 0, stream: 0, late: 0 },
    })
  const binding = {
    serverName: 'a.example.com',
    origin: { address: '203.0.113.7', port: 1 },
    hello: Buffer.from('a hello'),
  }

  it('lets people go as streams when the tunnel ends as they come, and asks it no more', async () => {
    let asked = 0
    const dialBacks = dialBacksOver(() => {
      asked += 1
      throw new Error('the session has been destroyed')
    })
    const { signal } = new AbortController()
    expect(await dialBacks.take(binding, signal)).toBeNull()
    expect(await dialBacks.take(binding, signal)).toBeNull()
    expect(asked).toBe(1)
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  it.each([
    ['has passed', defaultTunnelLimits.dialBackTimeoutMs],
    ['cannot be told any more, since the clock was set back', -3_600_000],
  ])('gives an order up when its time %s', async (_, stepMs) => {
    const stream = new PassThrough()
    const dialBacks = dialBacksOver(() => stream)
    await dialBacks.take(binding, new AbortController().signal)
    stream.emit('response', { ':status': 200 })
    expect(tickets.size).toBe(1)
    dialBacks.look(nowMs, new Unread(new WeakMap()))
    expect(tickets.size).toBe(1)
    nowMs += stepMs
    dialBacks.look(nowMs, new Unread(new WeakMap()))
    expect(tickets.size).toBe(0)
  })
})
