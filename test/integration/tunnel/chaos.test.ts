import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Clock } from '../../../src/core/index.ts'
import { HaltingNetwork } from '../../support/halting-network.ts'
import { ask, Cluster, type Gateway, served, unserved, WEST } from './support/fleet.ts'

const PATIENTLY = { timeout: 20_000 }
/** Seconds become tenths. */
const SOON = { pingAfterMs: 300, deadAfterMs: 700, lookMs: 50 }

describe('a tunnel in a bad network', () => {
  let cluster: Cluster

  beforeEach(async () => {
    cluster = await Cluster.open()
  })
  afterEach(() => cluster.stack.disposeAsync())

  test('is back after a cut, and what it carried is broken at both ends', async () => {
    const gateway = await cluster.gateway()
    const network = await cluster.relay(gateway.address)
    const agent = await cluster.agent([network])
    await served(gateway)
    for (let round = 0; round < 5; round += 1) {
      const stream = await gateway.dial()
      expect(await ask(stream, 'x')).toBe('x')
      network.cut()
      await expect.poll(() => stream.destroyed, PATIENTLY).toBe(true)
      await expect.poll(() => agent.arrived[round]?.stream.destroyed, PATIENTLY).toBe(true)
      await served(gateway)
    }
    expect(gateway.tunnels.agents()).toHaveLength(1)
  })

  test('that has gone silent is found dead by both ends, and replaced', async () => {
    const gateway = await cluster.gateway({ limits: SOON })
    const network = await cluster.relay(gateway.address)
    const agent = await cluster.agent([network], { limits: SOON })
    await served(gateway)
    const stream = await gateway.dial()
    await ask(stream, 'x')
    network.silence()
    await expect.poll(() => gateway.tunnels.agents(), PATIENTLY).toEqual([])
    await expect.poll(() => stream.destroyed, PATIENTLY).toBe(true)
    await expect.poll(() => agent.arrived[0]?.stream.destroyed, PATIENTLY).toBe(true)
    network.heal()
    network.cut()
    await served(gateway)
    expect(await ask(await gateway.dial(), 'again')).toBe('again')
  })

  test('lives when nothing is said for long', async () => {
    const gateway = await cluster.gateway({ limits: SOON })
    const agent = await cluster.agent([gateway], { limits: SOON })
    await served(gateway)
    const stream = await gateway.dial()
    await ask(stream, 'x')
    const [tunnel] = gateway.tunnels.agents()
    await new Promise((resolve) => setTimeout(resolve, 3 * SOON.deadAfterMs))
    expect(gateway.tunnels.agents()).toEqual([tunnel])
    expect(agent.tunnels.status()[0]?.state).toBe('up')
    expect(await ask(stream, 'still')).toBe('still')
  })

  test('comes back when the proxy was killed and starts anew', async () => {
    const first = await cluster.gateway()
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        cluster.agent([first], { hostId: `agent-${index}` }),
      ),
    )
    const up = (gateway: Gateway): number =>
      gateway.tunnels.agents().filter(({ names }) => names.includes(WEST)).length
    await expect.poll(() => up(first), PATIENTLY).toBe(20)
    const { port } = first.address
    first.kill()
    await expect.poll(() => up(first), PATIENTLY).toBe(0)
    await first.close()
    const second = await cluster.gateway({ port })
    await expect.poll(() => up(second), PATIENTLY).toBe(20)
  })

  test('an agent that is killed is not asked any more, and another one serves', async () => {
    const gateway = await cluster.gateway()
    const killed = await cluster.agent([gateway], { hostId: 'killed' })
    await served(gateway)
    await cluster.agent([gateway], { hostId: 'other' })
    await expect
      .poll(() => gateway.tunnels.agents().filter(({ names }) => names.length > 0), PATIENTLY)
      .toHaveLength(2)
    killed.kill()
    for (let count = 0; count < 20; count += 1) {
      expect(await ask(await gateway.dial(), 'x')).toBe('x')
    }
  })
})

describe('a tunnel that is replaced', () => {
  let cluster: Cluster

  beforeEach(async () => {
    cluster = await Cluster.open()
  })
  afterEach(() => cluster.stack.disposeAsync())

  test('keeps what runs in it when the proxy leaves, and the agent goes to the next', async () => {
    const leaving = await cluster.gateway()
    const staying = await cluster.gateway()
    const agent = await cluster.agent([leaving, staying])
    await Promise.all([served(leaving), served(staying)])
    const streams = await Promise.all(Array.from({ length: 50 }, () => leaving.dial()))
    const closed = leaving.close(10_000)
    await unserved(leaving)
    for (const stream of streams) expect(await ask(stream, 'to the end')).toBe('to the end')
    expect(await ask(await staying.dial(), 'x')).toBe('x')
    for (const stream of streams) stream.end()
    for (const stream of streams) stream.resume()
    await closed
    expect(agent.arrived).toHaveLength(51)
    await expect.poll(() => leaving.sockets.size).toBe(0)
  })

  test('keeps what runs in it when the agent leaves, and takes nothing new', async () => {
    const gateway = await cluster.gateway()
    const agent = await cluster.agent([gateway])
    await served(gateway)
    const stream = await gateway.dial()
    await ask(stream, 'x')
    const closed = agent.tunnels.close(10_000)
    await unserved(gateway)
    expect(await ask(stream, 'to the end')).toBe('to the end')
    stream.end()
    stream.resume()
    await closed
  })

  test('what a slow network still has to carry arrives after the last stream has ended', async () => {
    const gateway = await cluster.gateway()
    const network = cluster.stack.use(await HaltingNetwork.open(gateway.address, 'client'))
    const size = 900_000
    const agent = await cluster.agent([network], {
      serve: (stream) => {
        stream.on('error', () => {})
        stream.once('data', () => void stream.end(Buffer.alloc(size, 'x')))
      },
      mayDialBack: () => false,
    })
    await served(gateway)
    const stream = await gateway.dial()
    stream.on('error', () => {})
    let bytes = 0
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length
    })
    const closed = agent.tunnels.close(20_000)
    await unserved(gateway)
    // Whatever else is said about the end of the tunnel.
    await new Promise((resolve) => setTimeout(resolve, 100))
    network.halt()
    stream.end('x')
    await expect.poll(() => agent.arrived[0]?.stream.destroyed, PATIENTLY).toBe(true)
    // Several looks.
    await new Promise((resolve) => setTimeout(resolve, 300))
    network.goOn()
    await expect.poll(() => bytes, PATIENTLY).toBe(size)
    await closed
  })

  test('what does not end in time is cut', async () => {
    const gateway = await cluster.gateway()
    const agent = await cluster.agent([gateway])
    await served(gateway)
    const stream = await gateway.dial()
    await ask(stream, 'x')
    await agent.tunnels.close(100)
    await expect.poll(() => stream.destroyed, PATIENTLY).toBe(true)
  })

  test('an agent with a new certificate comes back with it, and what runs goes on', async () => {
    const gateway = await cluster.gateway()
    const agent = await cluster.agent([gateway])
    await served(gateway)
    const stream = await gateway.dial()
    await ask(stream, 'x')
    const before = gateway.tunnels.agents()[0]?.sinceMs
    await agent.host.renew()
    await expect
      .poll(() => gateway.tunnels.agents().some(({ sinceMs }) => sinceMs !== before), PATIENTLY)
      .toBe(true)
    await expect
      .poll(() => gateway.tunnels.agents().filter(({ names }) => names.length > 0), PATIENTLY)
      .toHaveLength(1)
    expect(await ask(stream, 'old')).toBe('old')
    expect(await ask(await gateway.dial(), 'new')).toBe('new')
    stream.destroy()
    await expect.poll(() => gateway.tunnels.agents(), PATIENTLY).toHaveLength(1)
  })

  test('nothing is carried to an agent whose certificate is over, or whose proof of a name is', async () => {
    let shiftMs = 0
    const clock: Clock = { now: () => Date.now() + shiftMs }
    const gateway = await cluster.gateway({ clock })
    await cluster.agent([gateway])
    await served(gateway)
    shiftMs = 2 * 3_600_000
    expect(gateway.tunnels.serves(WEST)).toBe(false)
    await expect(gateway.dial()).rejects.toMatchObject({ code: 'TUNNEL_NO_AGENT' })
    await expect.poll(() => gateway.tunnels.agents(), PATIENTLY).toEqual([])
  })
})
