import { afterEach, expect, test } from 'vitest'
import { createPeerParser } from '../../../src/ca/index.ts'
import { Balancer } from '../../support/balancer.ts'
import { closed } from '../../support/closed.ts'
import {
  ask,
  CLUSTER,
  Cluster,
  type Gateway,
  PERSON,
  served,
  unserved,
  WEST,
} from './support/fleet.ts'

let stack = new AsyncDisposableStack()
afterEach(async () => {
  await stack.disposeAsync()
  stack = new AsyncDisposableStack()
})

async function open(): Promise<{ cluster: Cluster; gateway: Gateway; barred: Set<string> }> {
  const barred = new Set<string>()
  const cluster = stack.use(await Cluster.open())
  const gateway = await cluster.gateway({
    peers: createPeerParser({
      trust: () => cluster.authorities.trust(),
      teleportCluster: CLUSTER,
      accept: ['host'],
      hostBar: (hostId) => (barred.has(hostId) ? `host ${hostId} was removed` : null),
    }),
  })
  return { cluster, gateway, barred }
}

test('the tunnel of an agent that is removed is cut, with what is in it, and no other is taken', async () => {
  const { cluster, gateway, barred } = await open()
  const agent = await cluster.agent([gateway])
  await served(gateway)
  const stream = await gateway.dial()
  expect(await ask(stream, 'hello')).toBe('hello')
  const cut = closed(stream)
  barred.add('agent-1')
  await cut
  await unserved(gateway)
  await expect.poll(() => agent.tunnels.status()[0]?.problem).toContain('host agent-1 was removed')
  barred.clear()
  await served(gateway)
})

test('what an agent has dialled back is cut as well when it is removed, warm or in use', async () => {
  const { cluster, gateway, barred } = await open()
  await cluster.agent([gateway])
  await served(gateway)
  const hello = Buffer.from('hello')
  ;(await gateway.dial(WEST, PERSON, hello)).destroy()
  await expect.poll(() => gateway.tunnels.stats().warm).toBeGreaterThan(0)
  const stream = await gateway.dial(WEST, PERSON, hello)
  expect(gateway.tunnels.stats().dialBack).toBe(1)
  const cut = closed(stream)
  barred.add('agent-1')
  await cut
  await unserved(gateway)
  expect(gateway.tunnels.stats()).toMatchObject({ warm: 0, ordered: 0 })
})

test('the others of a cluster serve on', async () => {
  const { cluster, gateway, barred } = await open()
  await cluster.agent([gateway])
  await cluster.agent([gateway], { hostId: 'agent-2' })
  await expect.poll(() => gateway.tunnels.agents().length).toBe(2)
  await served(gateway)
  barred.add('agent-1')
  await expect.poll(() => gateway.tunnels.agents().map(({ hostId }) => hostId)).toEqual(['agent-2'])
  expect(await ask(await gateway.dial(), 'hello')).toBe('hello')
})

test('an agent leaves a proxy that is removed, and does not come back to it', async () => {
  const { cluster, gateway } = await open()
  const barred = new Set<string>()
  const agent = await cluster.agent([gateway], {
    hostBar: (hostId) => (barred.has(hostId) ? `host ${hostId} was removed` : null),
  })
  await served(gateway)
  barred.add(gateway.hostId)
  await unserved(gateway)
  await expect
    .poll(() => agent.tunnels.status()[0]?.problem)
    .toContain(`host ${gateway.hostId} was removed`)
})

test('what still goes through a proxy that is removed is cut, when its tunnel is replaced by one to another behind the same address', async () => {
  const { cluster, gateway } = await open()
  const other = await cluster.gateway()
  const balancer = stack.use(await Balancer.open({ targets: [gateway.address] }))
  const barred = new Set<string>()
  const hostBar = (hostId: string): string | null => (barred.has(hostId) ? 'removed' : null)
  await cluster.agent([balancer], { hostBar })
  await served(gateway)
  const stream = await gateway.dial()
  balancer.targets = [other.address]
  const left = gateway.tunnels.close(60_000)
  await served(other)
  expect(await ask(stream, 'still here')).toBe('still here')
  const kept = await other.dial()
  barred.add(gateway.hostId)
  await closed(stream)
  await left
  expect(await ask(kept, 'here as well')).toBe('here as well')
})
