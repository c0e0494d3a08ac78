import { getEventListeners } from 'node:events'
import { expect, it } from 'vitest'
import { defaultTunnelLimits } from '../limits.ts'
import { ProxyDialBacks } from './proxy-end.ts'
import { Tickets } from './tickets.ts'

it('lets people go as streams when the tunnel ends as they come, and asks it no more', async () => {
  let asked = 0
  const dialBacks = new ProxyDialBacks({
    openStream: () => {
      asked += 1
      throw new Error('the session has been destroyed')
    },
    tickets: new Tickets(1),
    limits: defaultTunnelLimits,
    nowMs: () => 0,
    counts: { dialBack: 0, stream: 0, late: 0 },
  })
  const { signal } = new AbortController()
  const binding = {
    serverName: 'a.example.com',
    origin: { address: '203.0.113.7', port: 1 },
    hello: Buffer.from('a hello'),
  }
  expect(await dialBacks.take(binding, signal)).toBeNull()
  expect(await dialBacks.take(binding, signal)).toBeNull()
  expect(asked).toBe(1)
  expect(getEventListeners(signal, 'abort')).toEqual([])
})
