import { once } from 'node:events'
import type { Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { silentLogger, systemClock } from '../../../src/core/index.ts'
import { proxyServerName } from '../../../src/protocol/index.ts'
import { createServerContext } from '../../../src/tls/index.ts'
import { openTunnels } from '../../../src/tunnel/index.ts'
import { Balancer } from '../../support/balancer.ts'
import {
  ask,
  CLUSTER,
  Cluster,
  dialPlain,
  EAST,
  type Gateway,
  PERSON,
  QUICK,
  served,
  unserved,
  WEST,
} from './support/fleet.ts'

const PATIENTLY = { timeout: 30_000 }

/** What comes between an agent and the tunnel that it is about to have. */
interface Happenings {
  readonly renew: () => void
  /** The connection of the tunnel before. */
  readonly former: Socket | undefined
}

describe('a tunnel', () => {
  let cluster: Cluster
  let proxy: Gateway

  beforeEach(async () => {
    cluster = await Cluster.open()
    proxy = await cluster.gateway()
  })
  afterEach(() => cluster.stack.disposeAsync())

  test('carries a connection to the agent that serves its name, with where it came from', async () => {
    const agent = await cluster.agent([proxy])
    await served(proxy)
    const stream = await proxy.dial()
    expect(await ask(stream, 'hello')).toBe('hello')
    expect(agent.arrived[0]).toMatchObject({ serverName: WEST, origin: PERSON })
    expect(proxy.tunnels.agents()).toEqual([
      expect.objectContaining({ hostId: 'agent-1', version: '1.2.3', names: [WEST], streams: 1 }),
    ])
    expect(agent.tunnels.status()).toEqual([
      expect.objectContaining({ state: 'up', streams: 1, problem: null }),
    ])
    stream.destroy()
    await expect.poll(() => proxy.tunnels.agents()[0]?.streams).toBe(0)
  })

  test('carries an IPv6 address as well', async () => {
    const agent = await cluster.agent([proxy])
    await served(proxy)
    const origin = { address: '2001:db8::7', port: 1 }
    await ask(await proxy.dial(WEST, origin), 'x')
    expect(agent.arrived[0]?.origin).toEqual(origin)
  })

  test('says at once that nobody serves a name', async () => {
    await cluster.agent([proxy])
    await served(proxy)
    expect(proxy.tunnels.serves(EAST)).toBe(false)
    await expect(proxy.dial(EAST)).rejects.toMatchObject({ code: 'TUNNEL_NO_AGENT' })
  })

  test('passes an end on in one direction, and the other goes on', async () => {
    const heard: string[] = []
    await cluster.agent([proxy], {
      serve(stream) {
        stream.on('data', (chunk: Buffer) => heard.push(chunk.toString()))
        stream.once('end', () => stream.end('all heard'))
      },
    })
    await served(proxy)
    const up = await proxy.dial()
    up.end('that is all')
    const [words] = (await once(up, 'data')) as [Buffer]
    expect(words.toString()).toBe('all heard')
    expect(heard).toEqual(['that is all'])
  })

  test('passes an end on in the other direction too', async () => {
    const heard: string[] = []
    await cluster.agent([proxy], {
      serve(stream) {
        stream.end('I say no more')
        stream.on('data', (chunk: Buffer) => heard.push(chunk.toString()))
      },
    })
    await served(proxy)
    const stream = await proxy.dial()
    stream.resume()
    await once(stream, 'end')
    stream.end('but I do')
    await expect.poll(() => heard.join('')).toBe('but I do')
  })

  test('what came before an agent let a connection go is read to its end', async () => {
    const size = 500_000
    const agent = await cluster.agent([proxy], {
      serve: (stream) => void stream.end(Buffer.alloc(size, 'x')),
    })
    await served(proxy)
    const stream = await proxy.dial()
    await expect.poll(() => agent.arrived[0]?.stream.writableFinished).toBe(true)
    agent.arrived[0]?.stream.destroy()
    await once(stream, 'aborted')
    await new Promise((resolve) => setTimeout(resolve, 100))
    let bytes = 0
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length
    })
    await expect.poll(() => bytes).toBe(size)
  })

  test('a connection that breaks off at one end breaks off at the other', async () => {
    const agent = await cluster.agent([proxy])
    await served(proxy)
    const stream = await proxy.dial()
    await ask(stream, 'x')
    stream.on('error', () => {})
    stream.destroy(new Error('the person is gone'))
    await expect.poll(() => agent.arrived[0]?.stream.destroyed).toBe(true)

    const other = await proxy.dial()
    await ask(other, 'x')
    other.on('error', () => {})
    agent.arrived[1]?.stream.destroy(new Error('the server is gone'))
    await expect.poll(() => other.destroyed).toBe(true)
  })

  test('what an agent serves may change while it is there', async () => {
    const agent = await cluster.agent([proxy])
    await served(proxy)
    agent.announce([await cluster.name('agent-1', EAST)])
    await served(proxy, EAST)
    expect(proxy.tunnels.serves(WEST)).toBe(false)
    agent.announce([])
    await unserved(proxy, EAST)
  })

  test('an agent keeps a tunnel to each proxy, follows new ones and leaves old ones', async () => {
    const second = await cluster.gateway()
    const agent = await cluster.agent([proxy])
    await served(proxy)
    const kept = await proxy.dial()
    await ask(kept, 'x')
    agent.follow([proxy, second])
    await served(second)
    agent.follow([second])
    await unserved(proxy)
    expect(await ask(kept, 'still here')).toBe('still here')
    kept.destroy()
    await expect.poll(() => proxy.tunnels.agents()).toEqual([])
  })

  test('an agent that knows a proxy by two addresses has one tunnel to it, also after either is gone', async () => {
    const other = await cluster.relay(proxy.address)
    const agent = await cluster.agent([proxy, other])
    const states = (): string[] => agent.tunnels.status().map(({ state }) => state)
    await expect.poll(() => states().toSorted(), PATIENTLY).toEqual(['spare', 'up'])
    await expect.poll(() => proxy.tunnels.agents().length, PATIENTLY).toBe(1)
    const isUp = states()[0] === 'up' ? proxy : other
    agent.follow([isUp === proxy ? other : proxy])
    await expect.poll(states, PATIENTLY).toEqual(['up'])
    await expect.poll(() => proxy.tunnels.agents().length, PATIENTLY).toBe(1)
  })

  test.each([
    ['its certificate is renewed', 1, ({ renew }: Happenings) => renew()],
    ['a former one to it is lost', 2, ({ former }: Happenings) => former?.destroy()],
  ])(
    'an agent has one tunnel to a proxy, however many addresses that has, when %s as it is about to be taken',
    async (_, nth, happen) => {
      const other = await cluster.relay(proxy.address)
      const host = await cluster.host('agent-1')
      const sockets: Socket[] = []
      let proven = 0
      let renew = (): void => {}
      let follow = (): void => {}
      const tunnels = openTunnels({
        identity: {
          ...host,
          onChange: (listener) => {
            renew = listener
            return () => {}
          },
        },
        // Asked when a proxy has proven itself, and has not taken the tunnel yet.
        hostBar: () => {
          proven += 1
          if (proven === nth) setImmediate(() => happen({ renew, former: sockets.at(-2) }))
          return null
        },
        proxies: () => (proven === 0 ? [proxy.address] : [proxy.address, other.address]),
        onProxiesChange: (listener) => {
          follow = listener
          return () => {}
        },
        dial: async (address, signal) => {
          const socket = await dialPlain(address, signal)
          sockets.push(socket)
          return socket
        },
        version: '1.2.3',
        names: () => [],
        onNamesChange: () => () => {},
        onConnection: () => {},
        clock: systemClock,
        log: silentLogger,
        limits: { ...QUICK, lookMs: 60_000 },
      })
      cluster.stack.defer(() => tunnels.close(0))
      const states = (): string[] => tunnels.status().map(({ state }) => state)
      await expect.poll(states, PATIENTLY).toEqual(['up'])
      if (nth === 2) {
        renew()
        await expect.poll(() => proven, PATIENTLY).toBe(2)
        await expect.poll(states, PATIENTLY).toEqual(['up'])
      }
      follow()
      await expect.poll(states, PATIENTLY).toEqual(['up', 'spare'])
      follow()
      // Longer than a spare link waits before it looks whether it is needed.
      await new Promise((resolve) => setTimeout(resolve, 500))
      expect(states()).toEqual(['up', 'spare'])
    },
  )

  test('behind a balancer an agent dials until it has a tunnel to each proxy, and again when one comes back', async () => {
    const second = await cluster.gateway()
    const balancer = cluster.stack.use(
      await Balancer.open({ targets: [proxy.address, second.address] }),
    )
    const agent = await cluster.agent([])
    const behind = (gateways: readonly Gateway[]): void =>
      agent.follow(gateways.map(({ hostId }) => ({ address: { ...balancer.address, hostId } })))
    behind([proxy, second])
    await served(proxy)
    await served(second)
    expect(proxy.tunnels.agents().length + second.tunnels.agents().length).toBe(2)

    // A clean leave, as in a rolling update: its tunnel goes, that of the other stays.
    balancer.targets = [second.address]
    const kept = await second.dial()
    await proxy.close(1000)
    behind([second])
    await expect.poll(() => agent.tunnels.status().map(({ state }) => state)).toEqual(['up'])
    const back = await cluster.gateway({ hostId: proxy.hostId })
    balancer.targets = [back.address, second.address]
    behind([back, second])
    await served(back)
    expect(await ask(kept, 'still here')).toBe('still here')
    kept.destroy()

    // And one that dies without a word.
    back.kill()
    balancer.targets = [second.address]
    await served(second)
    const again = await cluster.gateway({ hostId: proxy.hostId })
    balancer.targets = [again.address, second.address]
    await served(again)
    await expect.poll(() => second.tunnels.agents().length, PATIENTLY).toBe(1)
  })

  test('of several agents a healthy one is taken, and among those the one with fewest connections', async () => {
    const ill = await cluster.agent([proxy], {
      hostId: 'ill',
      announce: [await cluster.name('ill', WEST, false)],
    })
    const one = await cluster.agent([proxy], { hostId: 'one' })
    const two = await cluster.agent([proxy], { hostId: 'two' })
    await expect
      .poll(() => proxy.tunnels.agents().filter(({ names }) => names.length))
      .toHaveLength(3)
    for (let count = 0; count < 4; count += 1) await ask(await proxy.dial(), 'x')
    expect([ill, one, two].map(({ arrived }) => arrived.length)).toEqual([0, 2, 2])
  })

  test('a dial that an agent does not answer goes to the next, and that agent is asked last from then on', async () => {
    const network = await cluster.relay(proxy.address)
    const silent = await cluster.agent([network], { hostId: 'silent' })
    await served(proxy)
    const other = await cluster.agent([proxy], { hostId: 'other' })
    await expect
      .poll(() => proxy.tunnels.agents().filter(({ names }) => names.length))
      .toHaveLength(2)
    network.silence()
    for (let count = 0; count < 3; count += 1) expect(await ask(await proxy.dial(), 'x')).toBe('x')
    expect(other.arrived).toHaveLength(3)
    expect(silent.arrived).toEqual([])
  })

  test('a name of another cluster, or of a service that is none, is not served', async () => {
    const agent = await cluster.agent([proxy])
    await served(proxy)
    for (const name of [`a-${'a'.repeat(32)}.teleport.cluster.local`, 'kube.example.com']) {
      agent.announce([await cluster.name('agent-1', name)])
      await unserved(proxy)
      expect(proxy.tunnels.serves(name)).toBe(false)
    }
  })

  describe('and the two that hold it', () => {
    test('an agent cannot announce a name with the certificate of another agent', async () => {
      const thief = await cluster.agent([proxy], {
        hostId: 'thief',
        announce: [await cluster.name('victim', WEST), await cluster.name('thief', EAST)],
      })
      await served(proxy, EAST)
      expect(proxy.tunnels.serves(WEST)).toBe(false)
      const own = await cluster.name('thief', EAST)
      thief.announce([{ ...own, serverName: WEST }])
      await unserved(proxy, EAST)
      expect(proxy.tunnels.serves(WEST)).toBe(false)
    })

    test.each([['proxy'], ['auth']] as const)(
      'a host with the %s service alone is no agent, and hears it',
      async (service) => {
        const agent = await cluster.agent([proxy], { services: [service] })
        await expect
          .poll(() => agent.tunnels.status()[0]?.problem, { timeout: 5000 })
          .toMatch(/not one of a host with the kube service/)
        expect(proxy.tunnels.agents()).toEqual([])
      },
    )

    test('an agent of another cluster is refused, and refuses', async () => {
      const other = cluster.stack.use(await Cluster.open())
      const stranger = await other.agent([proxy])
      await expect
        .poll(() => stranger.tunnels.status()[0]?.problem, { timeout: 5000 })
        .toMatch(/no TLS with the proxy/)
      expect(proxy.tunnels.agents()).toEqual([])
    })

    test('a host that is no proxy does not pass for one, whatever name its certificate has', async () => {
      const pair = await cluster.pair('agent-2', ['kube'], [proxyServerName(CLUSTER)])
      const context = createServerContext({ ...pair, minVersion: 'TLSv1.3' })
      const pretender = await cluster.gateway({ secureContext: async () => context })
      const agent = await cluster.agent([pretender])
      await expect
        .poll(() => agent.tunnels.status()[0]?.problem, { timeout: 5000 })
        .toBe('what answers there is no proxy of this cluster')
      expect(pretender.tunnels.serves(WEST)).toBe(false)
    })
  })
})
