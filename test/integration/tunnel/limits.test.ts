import { once } from 'node:events'
import { Duplex } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Logger, silentLogger } from '../../../src/core/index.ts'
import { kubeServerName } from '../../../src/protocol/index.ts'
import { defaultTunnelLimits } from '../../../src/tunnel/index.ts'
import { closed } from '../../support/closed.ts'
import {
  ask,
  CLUSTER,
  Cluster,
  EAST,
  echo,
  flood,
  type Gateway,
  PERSON,
  served,
  WEST,
} from './support/fleet.ts'

const MIB = 1024 * 1024
const PATIENTLY = { timeout: 30_000 }

describe('limits of a tunnel', () => {
  let cluster: Cluster

  beforeEach(async () => {
    cluster = await Cluster.open()
  })
  afterEach(() => cluster.stack.disposeAsync())

  const at = (port: number, address = PERSON.address): typeof PERSON => ({ address, port })
  /** Sends without end under one name, and gives back under the other. */
  const both = (stream: Duplex, { serverName }: { serverName: string }): void =>
    serverName === WEST ? flood(stream) : echo(stream)

  test('10,000 connections that are broken off leave the others untouched', async () => {
    // Two hundred at once on a busy machine.
    const limits = { openTimeoutMs: 20_000 }
    const gateway = await cluster.gateway({ limits })
    const agent = await cluster.agent([gateway])
    await served(gateway)
    const steady = await gateway.dial()
    for (let round = 0; round < 50; round += 1) {
      const streams = await Promise.all(Array.from({ length: 200 }, () => gateway.dial()))
      for (const stream of streams) stream.destroy(new Error('broken off'))
      expect(await ask(steady, 'still here')).toBe('still here')
    }
    expect(agent.arrived).toHaveLength(10_001)
    expect(gateway.sockets.size).toBe(1)
    await expect.poll(() => agent.tunnels.status()[0]?.streams, PATIENTLY).toBe(1)
  }, 120_000)

  test.each([
    ['the person', 'end'],
    ['the agent', 'end'],
    ['the person', 'destroy'],
    ['the agent', 'destroy'],
  ] as const)(
    '4,000 connections, with bytes underway when %s ends them (%s), do not wear a tunnel out',
    async (who, how) => {
      // Frames that arrive for a stream which has ended are counted by Node, for the whole life of a session, up to 1,000.
      const close = (stream: Duplex): void => {
        if (how === 'end') stream.end()
        else stream.destroy()
      }
      // A hundred at once on a busy machine.
      const limits = { openTimeoutMs: 20_000 }
      const gateway = await cluster.gateway({ limits })
      const agent = await cluster.agent([gateway], {
        serve(stream) {
          stream.on('error', () => {})
          stream.write('x'.repeat(2000))
          stream.on('end', () => stream.end())
          stream.on('data', () => {
            stream.write('x'.repeat(2000))
            if (who === 'the agent') close(stream)
          })
        },
      })
      await served(gateway)
      const [tunnel] = gateway.tunnels.agents()
      const one = async (): Promise<void> => {
        const stream = await gateway.dial()
        const closed = new Promise<void>((resolve) => stream.once('close', () => resolve()))
        stream.on('error', () => {})
        stream.write('x'.repeat(2000))
        stream.once('data', () => {
          stream.write('x'.repeat(2000))
          if (who === 'the person') close(stream)
        })
        stream.on('end', () => stream.end())
        setTimeout(() => stream.destroy(), 1000).unref()
        await closed
      }
      for (let round = 0; round < 40; round += 1) {
        await Promise.all(Array.from({ length: 100 }, one))
      }
      expect(gateway.tunnels.agents().map(({ sinceMs }) => sinceMs)).toEqual([tunnel?.sinceMs])
      expect(agent.arrived).toHaveLength(4000)
    },
    120_000,
  )

  test('1,000 readers that have stopped leave the others untouched, and keep to the memory of a tunnel', async () => {
    const tunnelMemoryBytes = 64 * MIB
    const gateway = await cluster.gateway({
      // All of it runs on one processor here.
      limits: {
        tunnelMemoryBytes,
        addressMemoryBytes: 1024 * MIB,
        openTimeoutMs: 30_000,
      },
    })
    await cluster.agent([gateway], { names: [WEST, EAST], serve: both })
    await served(gateway, EAST)
    const stalled = await Promise.all(
      Array.from({ length: 1000 }, (_, index) =>
        gateway.tunnels.dial(WEST, at(index), AbortSignal.timeout(60_000)),
      ),
    )
    const held = (): number => stalled.reduce((sum, stream) => sum + stream.readableLength, 0)
    let before = -1
    while (held() !== before) {
      before = held()
      const other = await gateway.tunnels.dial(EAST, PERSON, AbortSignal.timeout(30_000))
      expect(await ask(other, 'quick')).toBe('quick')
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    // Each keeps 64 KiB at least; what was sent before a window shrank comes on top.
    expect(held()).toBeGreaterThan(20 * MIB)
    expect(held()).toBeLessThan(2 * tunnelMemoryBytes)
    expect(stalled.every(({ destroyed }) => !destroyed)).toBe(true)
    for (const stream of stalled) stream.destroy()
    expect(await ask(await gateway.dial(EAST), 'and after')).toBe('and after')
  }, 120_000)

  test('what one address leaves unread is limited: its fullest connections are cut, and no others', async () => {
    const gateway = await cluster.gateway({ limits: { addressMemoryBytes: 3 * MIB } })
    await cluster.agent([gateway], { serve: flood })
    await served(gateway)
    const other = await gateway.dial(WEST, at(1, '198.51.100.1'))
    const greedy = await Promise.all(
      Array.from({ length: 8 }, (_, port) => gateway.dial(WEST, at(port))),
    )
    await expect
      .poll(() => greedy.filter(({ destroyed }) => destroyed).length, PATIENTLY)
      .toBeGreaterThanOrEqual(5)
    const left = greedy.filter(({ destroyed }) => !destroyed)
    expect(left.length).toBeGreaterThan(0)
    expect(other.destroyed).toBe(false)
    expect(other.readableLength).toBeGreaterThan(0)
  })

  test('what waits in dial-backs counts as well, and all of one /64 is one address', async () => {
    const addressMemoryBytes = 150_000
    const patient = { openTimeoutMs: 20_000, dialBackTimeoutMs: 20_000 }
    const gateway = await cluster.gateway({ limits: { ...patient, addressMemoryBytes } })
    await cluster.agent([gateway], { serve: flood })
    await served(gateway)
    const hello = Buffer.from('a hello')
    const first = await gateway.dial(WEST, at(1, '198.51.100.2'), hello)
    first.destroy()
    await expect.poll(() => gateway.tunnels.stats().warm, PATIENTLY).toBeGreaterThan(0)
    const other = await gateway.dial(WEST, at(1, '2001:db8:0:2::1'), hello)
    const greedy: Duplex[] = []
    for (let host = 1; host <= 8; host += 1) {
      greedy.push(await gateway.dial(WEST, at(host, `2001:db8:0:1::${host}`), hello))
    }
    expect(gateway.tunnels.stats()).toMatchObject({ stream: 1, dialBack: 9 })
    for (const stream of [other, ...greedy]) stream.on('error', () => {})
    const left = (): Duplex[] => greedy.filter(({ destroyed }) => !destroyed)
    await expect.poll(() => left().length, PATIENTLY).toBeLessThan(greedy.length)
    await expect
      .poll(() => left().reduce((sum, stream) => sum + stream.readableLength, 0), PATIENTLY)
      .toBeLessThanOrEqual(addressMemoryBytes)
    expect(left().length).toBeGreaterThan(0)
    expect(other.destroyed).toBe(false)
  })

  test('what waits in the socket of the person counts as well', async () => {
    const gateway = await cluster.gateway({ limits: { addressMemoryBytes: MIB } })
    await cluster.agent([gateway])
    await served(gateway)
    const person = new Duplex({ read() {}, write() {} })
    person.write(Buffer.alloc(MIB + 1))
    const signal = AbortSignal.timeout(5000)
    const stream = await gateway.tunnels.dial(WEST, PERSON, signal, undefined, person)
    await expect(once(stream.resume(), 'close')).rejects.toThrow('the reader is too slow')
  })

  test('all of one /64 has the places of one address', async () => {
    const gateway = await cluster.gateway({ limits: { maxStreamsPerAddress: 1 } })
    await cluster.agent([gateway])
    await served(gateway)
    await gateway.dial(WEST, at(1, '2001:db8:0:1::1'))
    await expect(gateway.dial(WEST, at(1, '2001:db8:0:1::2'))).rejects.toMatchObject({
      code: 'TUNNEL_ADDRESS_BUSY',
    })
    expect(await ask(await gateway.dial(WEST, at(1, '2001:db8:0:2::1')), 'x')).toBe('x')
  })

  test('one address has so many connections at once, and gets a place back with each that ends', async () => {
    const gateway = await cluster.gateway({ limits: { maxStreamsPerAddress: 2 } })
    await cluster.agent([gateway])
    await served(gateway)
    const [first] = [await gateway.dial(), await gateway.dial()]
    await expect(gateway.dial()).rejects.toMatchObject({ code: 'TUNNEL_ADDRESS_BUSY' })
    expect(await ask(await gateway.dial(WEST, at(1, '198.51.100.1')), 'x')).toBe('x')
    first?.destroy()
    await expect
      .poll(() =>
        gateway.dial().then(
          () => 'taken',
          () => 'refused',
        ),
      )
      .toBe('taken')
    await expect(gateway.dial(EAST)).rejects.toMatchObject({ code: 'TUNNEL_ADDRESS_BUSY' })
  })

  test('a connection that the agent breaks off as soon as it has it gives its place back', async () => {
    const gateway = await cluster.gateway({ limits: { maxStreamsPerAddress: 1 } })
    let isHasty = true
    const serve = (stream: Duplex): void => {
      if (!isHasty) echo(stream)
      else stream.on('error', () => {}).destroy()
    }
    await cluster.agent([gateway], { serve })
    await served(gateway)
    for (let count = 0; count < 20; count += 1) {
      const stream = await gateway.dial().catch(() => null)
      if (stream !== null) await closed(stream.resume())
    }
    isHasty = false
    const stream = await gateway.dial()
    expect(await ask(stream, 'x')).toBe('x')
  })

  test('a dial that fails takes no place', async () => {
    const gateway = await cluster.gateway({ limits: { maxStreamsPerAddress: 1 } })
    await cluster.agent([gateway])
    await served(gateway)
    for (let count = 0; count < 3; count += 1) {
      await expect(gateway.dial(EAST)).rejects.toMatchObject({ code: 'TUNNEL_NO_AGENT' })
    }
    expect(await ask(await gateway.dial(), 'x')).toBe('x')
  })

  test.each([['the proxy'], ['the agent']])(
    'a tunnel that is full by the limit of %s takes no more, and the next agent does',
    async (whose) => {
      const full = { maxStreams: 2 }
      const gateway = await cluster.gateway(whose === 'the proxy' ? { limits: full } : {})
      await cluster.agent([gateway], whose === 'the agent' ? { limits: full } : {})
      await served(gateway)
      await gateway.dial()
      await gateway.dial()
      expect(gateway.tunnels.serves(WEST)).toBe(false)
      await expect(gateway.dial()).rejects.toMatchObject({ code: 'TUNNEL_NO_AGENT' })
      await cluster.agent([gateway], { hostId: 'second' })
      await served(gateway)
      expect(await ask(await gateway.dial(), 'x')).toBe('x')
    },
  )

  test.each([
    ['names', { maxNames: 1 }],
    ['bytes', { maxAnnouncementBytes: 1000 }],
  ])('an agent that announces too many %s is ended', async (_what, limits) => {
    const gateway = await cluster.gateway({ limits })
    const agent = await cluster.agent([gateway], { names: [WEST, EAST] })
    await expect.poll(() => agent.tunnels.status()[0]?.state, PATIENTLY).not.toBe('up')
    expect(gateway.tunnels.serves(WEST)).toBe(false)
  })

  test('one host has so many tunnels, and others still get theirs', async () => {
    const gateway = await cluster.gateway({ limits: { maxTunnelsPerHost: 1 } })
    await cluster.agent([gateway])
    await served(gateway)
    const again = await cluster.agent([gateway], { names: [EAST] })
    const other = await cluster.agent([gateway], { hostId: 'other' })
    await expect.poll(() => other.tunnels.status()[0]?.state, PATIENTLY).toBe('up')
    expect(again.tunnels.status()[0]?.state).not.toBe('up')
    expect(gateway.tunnels.serves(EAST)).toBe(false)
  })

  test('a proxy has so many tunnels, and a place again when one ends', async () => {
    const gateway = await cluster.gateway({ limits: { maxTunnels: 1 } })
    const first = await cluster.agent([gateway])
    await served(gateway)
    const second = await cluster.agent([gateway], { hostId: 'second', names: [EAST] })
    await expect.poll(() => second.tunnels.status()[0]?.problem, PATIENTLY).not.toBeNull()
    expect(gateway.tunnels.agents().map(({ hostId }) => hostId)).toEqual(['agent-1'])
    await first.tunnels.close(0)
    await served(gateway, EAST)
  })

  test('so many agents are asked for one connection, and no more', async () => {
    const asked: unknown[] = []
    const log: Logger = { ...silentLogger, info: ({ host_id: hostId }) => void asked.push(hostId) }
    const limits = { maxAttempts: 2, openTimeoutMs: 100 }
    const gateway = await cluster.gateway({ limits, log })
    const network = await cluster.relay(gateway.address)
    for (const hostId of ['one', 'two', 'three']) {
      await cluster.agent([network], { hostId })
    }
    const serving = (): number =>
      gateway.tunnels.agents().filter(({ names }) => names.length > 0).length
    await expect.poll(serving, PATIENTLY).toBe(3)
    network.silence()
    await expect(gateway.dial()).rejects.toMatchObject({ code: 'TUNNEL_CONNECT_FAILED' })
    expect(asked).toHaveLength(2)
    expect(new Set(asked).size).toBe(2)
  })

  test('an agent waits so long for a proxy that says nothing, and then dials again', async () => {
    const gateway = await cluster.gateway()
    const network = await cluster.relay(gateway.address)
    network.silence()
    const limits = { connectTimeoutMs: 300 }
    const agent = await cluster.agent([network], { limits })
    await expect.poll(() => agent.tunnels.status()[0]?.problem, PATIENTLY).not.toBeNull()
    network.heal()
    await served(gateway)
  })

  test('one stream moves a whole window without being read, in either direction, and no more', async () => {
    const { streamWindowBytes } = defaultTunnelLimits
    // Far more than the protocol's 64 KiB, which would be 1.3 MB/s at 50 ms.
    const least = 0.9 * streamWindowBytes
    // What a socket of Node and a stream hold besides.
    const most = 1.5 * streamWindowBytes
    // What floods and what is flooded have one processor.
    const limits = { openTimeoutMs: 20_000 }
    const gateway = await cluster.gateway({ limits })
    const agent = await cluster.agent([gateway], {
      names: [WEST, EAST],
      serve: (stream, { serverName }) =>
        serverName === WEST ? flood(stream) : stream.on('error', () => {}),
    })
    await served(gateway, EAST)
    const down = await gateway.dial(WEST)
    await expect.poll(() => down.readableLength, PATIENTLY).toBeGreaterThan(least)
    const up = await gateway.dial(EAST)
    flood(up)
    const arrived = (): number =>
      agent.arrived.find(({ serverName }) => serverName === EAST)?.stream.readableLength ?? 0
    await expect.poll(arrived, PATIENTLY).toBeGreaterThan(least)
    expect(Math.max(down.readableLength, arrived())).toBeLessThan(most)
  })

  test('an agent keeps tunnels to so many proxies and no more', async () => {
    const gateways = [await cluster.gateway(), await cluster.gateway()]
    const agent = await cluster.agent(gateways, { limits: { maxProxies: 1 } })
    await served(gateways[0] as Gateway)
    expect(agent.tunnels.status()).toHaveLength(1)
  })

  test('a proxy that names many addresses takes no places of the others', async () => {
    const gateways = [await cluster.gateway(), await cluster.gateway()]
    const [greedy, other] = gateways as [Gateway, Gateway]
    const relays = [await cluster.relay(greedy.address), await cluster.relay(greedy.address)]
    const told = [greedy, ...relays].map(({ address }) => ({
      address: { ...address, hostId: greedy.hostId },
    }))
    const last = { address: { ...other.address, hostId: other.hostId } }
    await cluster.agent([...told, last], { limits: { maxProxies: 2 } })
    await Promise.all([served(greedy), served(other)])
  })

  test("are far from Node's own, which one person could use up", () => {
    expect(defaultTunnelLimits.streamResetBurst).toBeGreaterThan(10_000)
    expect(defaultTunnelLimits.sessionMemoryMib * MIB).toBeGreaterThan(
      defaultTunnelLimits.tunnelMemoryBytes,
    )
    expect(defaultTunnelLimits.maxStreamsPerAddress).toBeLessThan(defaultTunnelLimits.maxStreams)
  })

  test('an agent whose names had to be proven is not heard for a while, so that proving leaves time for others', async () => {
    const gateway = await cluster.gateway({ limits: { provingRestMs: 60_000 } })
    const agent = await cluster.agent([gateway])
    await served(gateway)
    const [west, east] = await Promise.all(
      [WEST, EAST].map((name) => cluster.name('agent-1', name)),
    )
    if (west === undefined || east === undefined) throw new Error('names are missing')
    agent.announce([west, east])
    // What the agent sent before is here when this has come back.
    expect(await ask(await gateway.dial(), 'x')).toBe('x')
    expect(gateway.tunnels.serves(EAST)).toBe(false)
  })

  test('of many names that an agent may not serve a few are told, and how many there are besides', async () => {
    const lines: (readonly [unknown, string])[] = []
    const log: Logger = {
      ...silentLogger,
      warn: (fields, words) => void lines.push([fields, words]),
      child: (of) => ({ ...log, warn: (fields, words) => log.warn({ ...of, ...fields }, words) }),
    }
    const gateway = await cluster.gateway({ log })
    const own = await cluster.name('agent-1', WEST)
    const foreign = Array.from({ length: 25 }, (_, index) => ({
      ...own,
      serverName: kubeServerName(CLUSTER, `other-${index}`),
    }))
    await cluster.agent([gateway], { announce: [own, ...foreign] })
    await served(gateway)
    expect(lines).toHaveLength(11)
    expect(lines.at(-1)).toEqual([
      { host_id: 'agent-1', from: '127.0.0.1', names: 15 },
      'and further ones, likewise',
    ])
  })
  test('a name that is refused is told once, and of an agent that finds ever new ones some', async () => {
    const lines: unknown[] = []
    const log: Logger = {
      ...silentLogger,
      warn: (fields) => void lines.push(fields),
      child: () => log,
    }
    const gateway = await cluster.gateway({ log })
    const agent = await cluster.agent([gateway])
    await served(gateway)
    const own = await cluster.name('agent-1', WEST)
    const announce = async (foreign: string, healthy: boolean): Promise<void> => {
      agent.announce([own, { ...own, serverName: kubeServerName(CLUSTER, foreign), healthy }])
      // What the agent sent before is here when this has come back.
      const stream = await gateway.dial()
      expect(await ask(stream, 'x')).toBe('x')
      stream.destroy()
    }
    for (const healthy of [true, false, true]) await announce('other', healthy)
    await expect.poll(() => lines.length, PATIENTLY).toBe(1)
    for (let index = 0; index < 300; index += 1) await announce(`other-${index}`, true)
    expect(lines.length).toBeGreaterThan(50)
    expect(lines.length).toBeLessThan(150)
  })
})
