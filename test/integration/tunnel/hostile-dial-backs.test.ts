import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { versions } from '../forwarder/support/clients.ts'
import { PATIENTLY, PODS, Stage } from '../forwarder/support/stage.ts'
import { Cluster, type Gateway, PERSON, served, WEST } from './support/fleet.ts'
import { HostileDoor, join } from './support/hostile-door.ts'

/** A gateway in the wrong hands, with agents that dial back to it: it joins people and dial-backs as it likes. */
describe.each(versions)('a hostile gateway with dial-backs, %s', (version) => {
  let stack: AsyncDisposableStack
  let stage: Stage
  let gateway: Gateway
  /** What it does with a person's connection, whose hello it has read. */
  let treat: (person: Socket, hello: Buffer) => void | Promise<void>

  const dialBack = async (hello: Buffer): Promise<Duplex> => {
    const before = gateway.tunnels.stats().dialBack
    const agent = await gateway.dial(WEST, PERSON, hello)
    expect(gateway.tunnels.stats().dialBack).toBeGreaterThan(before)
    return agent
  }
  const ask = async (): Promise<{ status: number; whole: boolean } | 'refused'> => {
    try {
      const client = await stage.client(version)
      const { status, whole } = await client.ask({ path: PODS })
      return { status, whole }
    } catch {
      return 'refused'
    }
  }

  beforeEach(async () => {
    stack = new AsyncDisposableStack()
    const cluster = stack.use(await Cluster.open())
    gateway = await cluster.gateway({ limits: { openTimeoutMs: 3000 } })
    stage = await Stage.open()
    await cluster.agent([gateway], {
      serve: (stream, { origin }) => stage.forwarder.accept(stream, origin),
    })
    await served(gateway)
    const door = await HostileDoor.open((person) => {
      person.once('data', (hello: Buffer) => {
        person.pause()
        void treat(person, hello)
      })
    })
    stage.front = stack.use(door).port
    stack.use(stage)
    const first = await gateway.dial(WEST, PERSON, Buffer.from('no hello of TLS'))
    first.on('error', () => {})
    first.destroy()
    await expect.poll(() => gateway.tunnels.stats().warm, PATIENTLY).toBeGreaterThan(1)
  })
  afterEach(() => stack.disposeAsync())

  test('that only carries is not noticed', async () => {
    treat = async (person, hello) => {
      const agent = await dialBack(hello)
      join(person, agent)
      person.pipe(agent).pipe(person)
    }
    expect(await ask()).toEqual({ status: 200, whole: true })
    await stage.expectAudited(PODS, { 'addr.remote': `${PERSON.address}:${PERSON.port}` })
  })

  test('that gives two people the connections of each other is noticed by both, and nothing is done', async () => {
    const waiting: (readonly [Socket, Duplex])[] = []
    treat = async (person, hello) => {
      waiting.push([person, await dialBack(hello)])
      const [one, two] = waiting
      if (one === undefined || two === undefined) return
      for (const [socket, agent] of [
        [one[0], two[1]],
        [two[0], one[1]],
      ] as const) {
        join(socket, agent)
        socket.pipe(agent).pipe(socket)
      }
    }
    for (const said of await Promise.all([ask(), ask()])) {
      if (said !== 'refused') expect(said.status).toBe(0)
    }
    expect(stage.api.arrived).toEqual([])
  })

  test('that changes a byte after the hello ends the connection', async () => {
    treat = async (person, hello) => {
      const agent = await dialBack(hello)
      join(person, agent)
      agent.pipe(person)
      person.on('data', (chunk: Buffer) => {
        chunk.writeUInt8(chunk.readUInt8(chunk.length - 1) ^ 1, chunk.length - 1)
        agent.write(chunk)
      })
      person.resume()
    }
    const said = await Promise.race([ask(), once(AbortSignal.timeout(3000), 'abort')])
    if (!Array.isArray(said)) expect(said === 'refused' || !said.whole).toBe(true)
    expect(stage.api.arrived).toEqual([])
  })

  test('that plays a connection again gets nothing done by it', async () => {
    const recorded: Buffer[] = []
    treat = async (person, hello) => {
      recorded.push(hello)
      const agent = await dialBack(hello)
      join(person, agent)
      agent.pipe(person)
      person.on('data', (chunk: Buffer) => {
        recorded.push(Buffer.from(chunk))
        agent.write(chunk)
      })
      person.resume()
    }
    expect(await ask()).toEqual({ status: 200, whole: true })
    const [hello = Buffer.alloc(0), ...rest] = recorded
    const again = await dialBack(hello)
    again.on('error', () => {})
    again.resume()
    for (const chunk of rest) if (!again.destroyed) again.write(chunk)
    await expect.poll(() => again.destroyed || again.readableEnded, PATIENTLY).toBe(true)
    expect(stage.api.of(PODS)).toHaveLength(1)
    expect(stage.audit.of(PODS)).toHaveLength(1)
  })
})
