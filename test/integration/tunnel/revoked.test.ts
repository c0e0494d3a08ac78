import { afterEach, expect, test } from 'vitest'
import { createPeerParser } from '../../../src/ca/index.ts'
import { closed } from '../../support/closed.ts'
import {
  Agent,
  ask,
  CLUSTER,
  Cluster,
  Gateway,
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
  const gateway = stack.use(
    await Gateway.open(cluster, {
      peers: createPeerParser({
        trust: () => cluster.authorities.trust(),
        teleportCluster: CLUSTER,
        accept: ['host'],
        hostBar: (hostId) => (barred.has(hostId) ? `host ${hostId} was removed` : null),
      }),
    }),
  )
  return { cluster, gateway, barred }
}

test('the tunnel of an agent that is removed is cut, with what is in it, and no other is taken', async () => {
  const { cluster, gateway, barred } = await open()
  const agent = stack.use(await Agent.open(cluster, [gateway]))
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
  stack.use(await Agent.open(cluster, [gateway]))
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
  stack.use(await Agent.open(cluster, [gateway]))
  stack.use(await Agent.open(cluster, [gateway], { hostId: 'agent-2' }))
  await expect.poll(() => gateway.tunnels.agents().length).toBe(2)
  await served(gateway)
  barred.add('agent-1')
  await expect.poll(() => gateway.tunnels.agents().map(({ hostId }) => hostId)).toEqual(['agent-2'])
  expect(await ask(await gateway.dial(), 'hello')).toBe('hello')
})

test('an agent leaves a proxy that is removed, and does not come back to it', async () => {
  const { cluster, gateway } = await open()
  const barred = new Set<string>()
  const agent = stack.use(
    await Agent.open(cluster, [gateway], {
      hostBar: (hostId) => (barred.has(hostId) ? `host ${hostId} was removed` : null),
    }),
  )
  await served(gateway)
  barred.add(gateway.hostId)
  await unserved(gateway)
  await expect
    .poll(() => agent.tunnels.status()[0]?.problem)
    .toContain(`host ${gateway.hostId} was removed`)
})
