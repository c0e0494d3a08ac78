import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { afterEach, describe, expect, test } from 'vitest'
import { type Logger, silentLogger, systemClock } from '../../../src/core/index.ts'
import { DIAL_BACK_TICKET_BYTES, formatDialBack, ticketOf } from '../../../src/protocol/index.ts'
import { defaultTunnelLimits, type TunnelServerOptions } from '../../../src/tunnel/index.ts'
import { keepAlivesTo } from '../../support/sockets.ts'
import { PATIENTLY } from '../forwarder/support/stage.ts'
import {
  type Agent,
  type AgentOptions,
  ask,
  Cluster,
  EAST,
  type Gateway,
  PERSON,
  served,
  WEST,
} from './support/fleet.ts'
import type { Relay } from './support/relay.ts'

let stack = new AsyncDisposableStack()
afterEach(async () => {
  await stack.disposeAsync()
  stack = new AsyncDisposableStack()
})

interface Pair {
  readonly gateway: Gateway
  readonly agent: Agent
  readonly cluster: Cluster
  /** Between them. */
  readonly relay: Relay
}

async function open(options: AgentOptions & Partial<TunnelServerOptions> = {}): Promise<Pair> {
  const cluster = stack.use(await Cluster.open())
  const { clock, log, limits, ...server } = options
  const gateway = await cluster.gateway({
    ...server,
    ...(limits === undefined ? {} : { limits }),
  })
  const relay = await cluster.relay(gateway.address)
  const agent = await cluster.agent([relay], options)
  await served(gateway)
  return { gateway, agent, cluster, relay }
}

const HELLO = Buffer.from('a hello')

/** A person's connection, which says hello and hears it from an agent that gives everything back. */
async function greet(gateway: Gateway, name = WEST): Promise<Duplex> {
  const stream = await gateway.dial(name, PERSON, HELLO)
  stream.on('error', () => {})
  const [chunk] = (await once(stream, 'data')) as [Buffer]
  expect(chunk.toString()).toBe('a hello')
  return stream
}

/** Until dial-backs wait for people. */
async function warmed(gateway: Gateway): Promise<void> {
  ;(await greet(gateway)).destroy()
  await expect.poll(() => gateway.tunnels.stats().warm, PATIENTLY).toBeGreaterThan(0)
}

/** Plain bytes to the gateway's port. */
async function knock(gateway: Gateway, bytes: Buffer): Promise<Socket> {
  const socket = connect(gateway.address)
  socket.on('error', () => {})
  socket.resume()
  await once(socket, 'connect')
  socket.write(bytes)
  return socket
}

/** What an agent sends to begin dial-backs, as somebody on the network reads it. */
function listenForPreambles(relay: Relay): Buffer[] {
  const seen: Buffer[] = []
  relay.mischief = (chunk) => {
    if (chunk[0] === 0xdb && chunk[1] === 1) seen.push(Buffer.from(chunk.subarray(0, 50)))
    return chunk
  }
  return seen
}

describe('a connection that an agent dials back', () => {
  test('carries a person from the second one on; the first goes as a stream', async () => {
    const { gateway, agent } = await open()
    await warmed(gateway)
    expect(gateway.tunnels.stats()).toMatchObject({ stream: 1, dialBack: 0 })
    const stream = await greet(gateway)
    expect(await ask(stream, 'and more')).toBe('and more')
    expect(gateway.tunnels.stats()).toMatchObject({ stream: 1, dialBack: 1, late: 0 })
    expect(agent.arrived.at(-1)).toMatchObject({ serverName: WEST, origin: PERSON })
    stream.destroy()
  })

  test('carries bytes and ends in one direction, as a stream does', async () => {
    const cluster = stack.use(await Cluster.open())
    const gateway = await cluster.gateway()
    await cluster.agent([gateway], {
      serve(stream) {
        const parts: Buffer[] = []
        stream.write('hello')
        stream.on('data', (chunk: Buffer) => parts.push(chunk))
        stream.once('end', () => stream.end(Buffer.concat(parts)))
      },
    })
    await served(gateway)
    await gateway.dial(WEST, PERSON, HELLO).then((stream) => stream.destroy())
    await expect.poll(() => gateway.tunnels.stats().warm, PATIENTLY).toBeGreaterThan(0)
    const stream = await gateway.dial(WEST, PERSON, HELLO)
    expect(gateway.tunnels.stats().dialBack).toBe(1)
    const body = randomBytes(3_000_000)
    const heard: Buffer[] = []
    stream.on('data', (chunk: Buffer) => heard.push(chunk))
    stream.end(body)
    await once(stream, 'end')
    expect(Buffer.concat(heard).equals(Buffer.concat([Buffer.from('hello'), HELLO, body]))).toBe(
      true,
    )
  })

  test('a hundred at once each get their own', async () => {
    const { gateway } = await open()
    await warmed(gateway)
    const answers = await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const hello = Buffer.from(`hello ${index}`)
        const stream = await gateway.dial(WEST, { ...PERSON, port: index + 1 }, hello)
        const [chunk] = (await once(stream, 'data')) as [Buffer]
        stream.destroy()
        return chunk.toString() === `hello ${index}`
      }),
    )
    expect(answers.every(Boolean)).toBe(true)
    expect(gateway.tunnels.stats().dialBack).toBeGreaterThan(50)
  })

  test('is ordered so often in a second and no more; who comes beyond that goes as a stream', async () => {
    let nowMs = systemClock.now()
    const cluster = stack.use(await Cluster.open())
    const gateway = await cluster.gateway({
      clock: { now: () => nowMs },
      limits: { maxOrdersPerSecond: 10, dialBackTimeoutMs: 20_000, openTimeoutMs: 20_000 },
    })
    const relay = await cluster.relay(gateway.address)
    await cluster.agent([relay])
    await served(gateway)
    const seen = listenForPreambles(relay)
    await warmed(gateway)
    const crowd = async (): Promise<void> => {
      const streams = await Promise.all(Array.from({ length: 30 }, () => greet(gateway)))
      for (const stream of streams) stream.destroy()
    }
    await crowd()
    await expect.poll(() => gateway.tunnels.stats().ordered, PATIENTLY).toBe(0)
    expect(seen).toHaveLength(10)
    expect(gateway.tunnels.stats()).toMatchObject({ stream: 21, dialBack: 10, late: 0 })
    nowMs += 1000
    await crowd()
    await expect.poll(() => gateway.tunnels.stats().ordered, PATIENTLY).toBe(0)
    expect(seen).toHaveLength(20)
    expect(gateway.tunnels.stats()).toMatchObject({ stream: 41, dialBack: 20, late: 0 })
  })

  test('never holds up a person for long when nothing comes', async () => {
    const { gateway, relay } = await open({ limits: { dialBackTimeoutMs: 100 } })
    await warmed(gateway)
    // From now on plain connections get nowhere, as behind a firewall that wants TLS.
    relay.mischief = (chunk) => (chunk[0] === 0xdb ? Buffer.alloc(0) : chunk)
    for (let person = 0; person < 30; person += 1) (await greet(gateway)).destroy()
    const { dialBack, stream } = gateway.tunnels.stats()
    expect(stream).toBeGreaterThan(1)
    expect(dialBack + stream).toBe(31)
    relay.mischief = (chunk) => chunk
    await expect
      .poll(async () => {
        ;(await greet(gateway)).destroy()
        return gateway.tunnels.stats().dialBack
      }, PATIENTLY)
      .toBeGreaterThan(dialBack)
  })

  test('that is dead and does not know it costs a person a moment, not his connection', async () => {
    const { gateway, relay } = await open({ limits: { openTimeoutMs: 200 } })
    await warmed(gateway)
    relay.mischief = (chunk) => (chunk.toString() === 'a hello' ? Buffer.alloc(0) : chunk)
    ;(await greet(gateway)).destroy()
    expect(gateway.tunnels.stats()).toMatchObject({ late: 1, stream: 2, dialBack: 0 })
  })

  test('lives no longer than the tunnel', async () => {
    const { gateway, relay } = await open()
    await warmed(gateway)
    const stream = await greet(gateway)
    relay.cut()
    await expect.poll(() => stream.destroyed, PATIENTLY).toBe(true)
    expect(gateway.tunnels.stats()).toMatchObject({ warm: 0, ordered: 0 })
  })

  test('is cut at both ends when the network goes silent, as its tunnel is', async () => {
    const limits = { pingAfterMs: 300, deadAfterMs: 700 }
    const { gateway, agent, relay } = await open({ limits })
    await warmed(gateway)
    const stream = await greet(gateway)
    relay.silence()
    await expect.poll(() => stream.destroyed, PATIENTLY).toBe(true)
    await expect.poll(() => agent.arrived.at(-1)?.stream.destroyed, PATIENTLY).toBe(true)
    expect(gateway.tunnels.stats()).toMatchObject({ warm: 0, ordered: 0 })
  })

  test('1,000 of them that are broken off leave the others untouched', async () => {
    const limits = { maxOrdersPerSecond: 10_000, dialBackTimeoutMs: 20_000, openTimeoutMs: 20_000 }
    const { gateway, agent } = await open({ limits })
    await warmed(gateway)
    const steady = await greet(gateway)
    for (let round = 0; round < 20; round += 1) {
      const streams = await Promise.all(Array.from({ length: 50 }, () => greet(gateway)))
      for (const stream of streams) stream.destroy(new Error('broken off'))
      expect(await ask(steady, 'still here')).toBe('still here')
    }
    expect(gateway.tunnels.stats()).toMatchObject({ stream: 1, dialBack: 1001, late: 0 })
    expect(gateway.tunnels.agents()).toHaveLength(1)
    await expect.poll(() => agent.tunnels.status()[0]?.streams, PATIENTLY).toBe(1)
  })

  test('goes on while its tunnel drains, and then the tunnel ends', async () => {
    const { gateway, agent } = await open()
    await warmed(gateway)
    const stream = await greet(gateway)
    const closed = agent.tunnels.close(10_000)
    await expect.poll(() => gateway.tunnels.serves(WEST), PATIENTLY).toBe(false)
    expect(await ask(stream, 'still here')).toBe('still here')
    expect(gateway.tunnels.agents()).toHaveLength(1)
    stream.destroy()
    await closed
    await expect.poll(() => gateway.tunnels.agents(), PATIENTLY).toEqual([])
  })

  test('goes on while the proxy drains', async () => {
    const { gateway } = await open()
    await warmed(gateway)
    const stream = await greet(gateway)
    const closed = gateway.tunnels.close(10_000)
    expect(await ask(stream, 'still here')).toBe('still here')
    stream.destroy()
    await closed
  })

  test('that waits is asked after by the kernel of the agent every few seconds, since firewalls forget what is silent', async () => {
    const { gateway, relay } = await open()
    await warmed(gateway)
    // The agent knows the relay alone. Its tunnel is asked after by the proxy.
    const asked = (): Promise<number[]> => keepAlivesTo(relay.address.port)
    await expect.poll(async () => (await asked()).length, PATIENTLY).toBeGreaterThan(0)
    const { dialBackKeepAliveMs } = defaultTunnelLimits
    for (const inMs of await asked()) expect(inMs).toBeLessThanOrEqual(dialBackKeepAliveMs)
  })

  test('are not kept for agents that nobody uses', async () => {
    const { gateway } = await open({ limits: { idleLooks: 3 } })
    await warmed(gateway)
    await expect.poll(() => gateway.tunnels.stats().warm, PATIENTLY).toBe(0)
    ;(await greet(gateway)).destroy()
    expect(gateway.tunnels.stats()).toMatchObject({ stream: 1, dialBack: 1 })
  })
})

describe('no dial-backs', () => {
  test.each([
    ['of an agent that may not', { mayDialBack: (): boolean => false }],
    ['for a proxy that does not want them', { dialBack: false }],
  ] as const)('%s, and everything works', async (_what, options) => {
    const { gateway, agent } = await open(options)
    for (let person = 0; person < 5; person += 1) (await greet(gateway)).destroy()
    expect(gateway.tunnels.stats()).toEqual({
      stream: 5,
      dialBack: 0,
      late: 0,
      warm: 0,
      ordered: 0,
    })
    expect(agent.sockets.size).toBe(1)
  })

  test('where a balancer may lead to another proxy', async () => {
    const cluster = stack.use(await Cluster.open())
    const gateway = await cluster.gateway({ hostId: 'proxy-a' })
    const told = ['proxy-a', 'proxy-b'].map((hostId) => ({
      address: { ...gateway.address, hostId },
    }))
    await cluster.agent(told)
    await served(gateway)
    for (let person = 0; person < 5; person += 1) (await greet(gateway)).destroy()
    expect(gateway.tunnels.stats()).toMatchObject({ stream: 5, dialBack: 0 })
  })
})

describe('a hostile network', () => {
  const made = (): Buffer => formatDialBack(ticketOf(randomBytes(DIAL_BACK_TICKET_BYTES)))

  test.each<[string, () => Buffer]>([
    ['a ticket that nobody issued', made],
    ['more than a ticket', () => Buffer.concat([made(), Buffer.from('x')])],
    ['another version', () => Buffer.from([0xdb, 9])],
  ])('is shown the door with %s, without a word', async (_what, bytes) => {
    const { gateway } = await open()
    await warmed(gateway)
    const socket = await knock(gateway, bytes())
    let heard = 0
    socket.on('data', (chunk: Buffer) => {
      heard += chunk.length
    })
    await once(socket, 'close')
    expect(heard).toBe(0)
    expect(gateway.door.stats().refused).toEqual({ dialBack: 1 })
    ;(await greet(gateway)).destroy()
  })

  test('that shows a ticket again gets nothing', async () => {
    const { gateway, relay } = await open()
    const seen = listenForPreambles(relay)
    await warmed(gateway)
    for (const preamble of [...seen]) {
      const socket = await knock(gateway, preamble)
      await once(socket, 'close')
    }
    expect(gateway.door.stats().refused).toEqual({ dialBack: seen.length })
    ;(await greet(gateway)).destroy()
    expect(gateway.tunnels.stats().dialBack).toBe(1)
  })

  test('that shows a ticket too late gets nothing', async () => {
    const { gateway, relay } = await open({ limits: { dialBackTimeoutMs: 50 } })
    const kept: Buffer[] = []
    relay.mischief = (chunk) => {
      if (chunk[0] !== 0xdb) return chunk
      kept.push(Buffer.from(chunk))
      return Buffer.alloc(0)
    }
    ;(await greet(gateway)).destroy()
    await expect.poll(() => kept.length, PATIENTLY).toBe(1)
    await new Promise((resolve) => setTimeout(resolve, 150))
    await once(await knock(gateway, kept[0] ?? Buffer.alloc(0)), 'close')
    expect(gateway.door.stats().refused['dialBack']).toBeGreaterThan(0)
    expect(gateway.tunnels.stats().warm).toBe(0)
  })

  test('that guesses secrets for an id that it has read uses up the ticket', async () => {
    const { gateway, relay } = await open({ limits: { dialBackTimeoutMs: 2000 } })
    const kept: Buffer[] = []
    relay.mischief = (chunk) => {
      if (chunk[0] !== 0xdb || kept.length > 0) return chunk
      kept.push(Buffer.from(chunk))
      return Buffer.alloc(0)
    }
    ;(await greet(gateway)).destroy()
    await expect.poll(() => kept.length, PATIENTLY).toBe(1)
    const [preamble = Buffer.alloc(50)] = kept
    const wrong = Buffer.from(preamble)
    wrong.writeUInt8((wrong.at(-1) ?? 0) ^ 1, wrong.length - 1)
    await once(await knock(gateway, wrong), 'close')
    await once(await knock(gateway, preamble), 'close')
    expect(gateway.door.stats().refused).toEqual({ dialBack: 2 })
  })

  test('that steals a ticket gets a connection on which the agent never speaks, and no hello', async () => {
    const { gateway, relay } = await open({ limits: { openTimeoutMs: 200 } })
    const kept: Buffer[] = []
    relay.mischief = (chunk) => {
      if (chunk[0] !== 0xdb || kept.length > 0) return chunk
      kept.push(Buffer.from(chunk))
      return Buffer.alloc(0)
    }
    ;(await greet(gateway)).destroy()
    await expect.poll(() => kept.length, PATIENTLY).toBe(1)
    const thief = connect(gateway.address)
    const heard: Buffer[] = []
    thief.on('error', () => {})
    thief.on('data', (chunk: Buffer) => heard.push(chunk))
    thief.write(kept[0] ?? '')
    await expect.poll(() => gateway.tunnels.stats().warm, PATIENTLY).toBeGreaterThan(0)
    ;(await greet(gateway)).destroy()
    ;(await greet(gateway)).destroy()
    expect(Buffer.concat(heard).toString()).toBe('')
    thief.destroy()
  })

  test('two hundred strangers with tickets of their own leave people alone', async () => {
    const { gateway } = await open()
    await warmed(gateway)
    const strangers = await Promise.all(
      Array.from({ length: 200 }, () => knock(gateway, Buffer.concat([made()]))),
    )
    ;(await greet(gateway)).destroy()
    await expect.poll(() => strangers.every(({ closed }) => closed), PATIENTLY).toBe(true)
  })

  test('strangers who send a preamble byte by byte have no more time and places than others without a ClientHello', async () => {
    const { gateway } = await open()
    await warmed(gateway)
    const socket = await knock(gateway, made().subarray(0, 20))
    await expect.poll(() => gateway.door.stats().pendingHellos, PATIENTLY).toBe(1)
    ;(await greet(gateway)).destroy()
    socket.destroy()
    await expect.poll(() => gateway.door.stats().pendingHellos, PATIENTLY).toBe(0)
  })

  test('an agent that speaks before it is spoken to loses its connection', async () => {
    const { gateway, relay } = await open()
    let bad = false
    relay.mischief = (chunk) => {
      if (chunk[0] !== 0xdb || bad) return chunk
      bad = true
      return Buffer.concat([chunk, Buffer.from('hello?')])
    }
    ;(await greet(gateway)).destroy()
    await expect.poll(() => gateway.door.stats().refused, PATIENTLY).toEqual({ dialBack: 1 })
  })
})

describe('several agents', () => {
  test('of which one has gone silent: who is given to it waits once, and goes to the other as a stream', async () => {
    const cluster = stack.use(await Cluster.open())
    const words: string[] = []
    const log: Logger = { ...silentLogger, info: (_fields, text) => void words.push(text) }
    const limits = { openTimeoutMs: 1000 }
    const gateway = await cluster.gateway({ limits, log })
    const relay = await cluster.relay(gateway.address)
    const agent = await cluster.agent([relay])
    await served(gateway)
    const other = await cluster.agent([gateway], { hostId: 'agent-2' })
    const serving = (): number =>
      gateway.tunnels.agents().filter(({ names }) => names.length > 0).length
    await expect.poll(serving, PATIENTLY).toBe(2)
    // One with each, so that the next goes to the one whose connection ends.
    const held = [await gateway.dial(), await gateway.dial()]
    for (const stream of held) await ask(stream, 'x')
    expect([agent.arrived.length, other.arrived.length]).toEqual([1, 1])
    agent.arrived[0]?.stream.destroy()
    const streamsOf = (hostId: string): number | undefined =>
      gateway.tunnels.agents().find((one) => one.hostId === hostId)?.streams
    await expect.poll(() => streamsOf('agent-1'), PATIENTLY).toBe(0)
    await warmed(gateway)
    await expect.poll(() => streamsOf('agent-1'), PATIENTLY).toBe(0)
    const before = agent.arrived.length
    relay.silence()
    const stream = await greet(gateway)
    expect(await ask(stream, 'here')).toBe('here')
    expect(gateway.tunnels.stats()).toMatchObject({ late: 1, dialBack: 0 })
    expect([agent.arrived.length, other.arrived.length]).toEqual([before, 2])
    // It was not asked a second time before the other was.
    expect(words).not.toContain('an agent did not take a connection: the next one is asked')
    // Nor is anybody given to the silent one after that.
    expect(await ask(await greet(gateway), 'next')).toBe('next')
    expect(other.arrived).toHaveLength(3)
  })

  test('a dial-back is good for the tunnel that ordered it, whoever shows its ticket', async () => {
    const { gateway, cluster, agent } = await open()
    const other = await cluster.agent([gateway], { hostId: 'agent-2', names: [EAST] })
    await served(gateway, EAST)
    await warmed(gateway)
    ;(await greet(gateway, EAST)).destroy()
    await expect.poll(() => gateway.tunnels.stats().warm, PATIENTLY).toBeGreaterThan(2)
    for (let person = 0; person < 4; person += 1) {
      ;(await greet(gateway, WEST)).destroy()
      ;(await greet(gateway, EAST)).destroy()
    }
    expect(new Set(agent.arrived.map(({ serverName }) => serverName))).toEqual(new Set([WEST]))
    expect(new Set(other.arrived.map(({ serverName }) => serverName))).toEqual(new Set([EAST]))
    expect(gateway.tunnels.stats()).toMatchObject({ stream: 2, dialBack: 8 })
  })
})
