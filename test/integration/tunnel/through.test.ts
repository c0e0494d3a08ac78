import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { afterEach, describe, expect, test } from 'vitest'
import { silentLogger } from '../../../src/core/index.ts'
import { openProxyService } from '../../../src/daemon/services/proxy.ts'
import { drainAgent } from '../../../src/daemon/services/tunnels.ts'
import type { Origin } from '../../../src/gateway/index.ts'
import { versions } from '../forwarder/support/clients.ts'
import {
  PATIENTLY,
  PODS,
  PROXIED,
  Stage,
  type StageOptions,
  WATCH,
} from '../forwarder/support/stage.ts'
import {
  type Agent,
  type AgentOptions,
  Cluster,
  type Gateway,
  served,
  unserved,
} from './support/fleet.ts'

let stack = new AsyncDisposableStack()
afterEach(async () => {
  await stack.disposeAsync()
  stack = new AsyncDisposableStack()
})

interface Way {
  readonly stage: Stage
  readonly gateway: Gateway
  readonly cluster: Cluster
  readonly agent: Agent
  /** Where connections came from that nobody served. */
  readonly undelivered: Origin[]
}

const accepting = (stage: Stage): Pick<AgentOptions, 'serve'> => ({
  serve: (stream, { origin }) => stage.forwarder.accept(stream, origin),
})

/** A person's client ─▶ the proxy's real doors ─▶ a tunnel ─▶ the real forwarder ─▶ a simulated API server. */
async function open(options: StageOptions = {}): Promise<Way> {
  const cluster = stack.use(await Cluster.open())
  const gateway = await cluster.gateway()
  const stage = await Stage.open(options)
  const agent = await cluster.agent([gateway], accepting(stage))
  await served(gateway)
  const undelivered: Origin[] = []
  const proxy = await openProxyService(stack, {
    web: null,
    kube: { host: '127.0.0.1', port: 0 },
    tunnel: null,
    ways: {
      auth: { serves: () => false, route: { kind: 'none' } },
      kube: null,
      tunnels: gateway.tunnels,
      direct: { serves: () => false, dial: () => Promise.reject(new Error('nobody')) },
      undeliverable: {
        kind: 'local',
        accept(socket, origin) {
          undelivered.push(origin)
          socket.destroy()
        },
      },
    },
    proxyProtocol: false,
    log: silentLogger,
  })
  stage.front = proxy.kubePort
  stack.use(stage)
  return { stage, gateway, cluster, agent, undelivered }
}

describe.each(versions)('%s through a tunnel', (version) => {
  test('a request is answered, and audited with the address of the person', async () => {
    const { stage, agent } = await open()
    const client = await stage.client(version)
    expect(await client.ask({ path: PODS })).toMatchObject({ status: 200, text: 'ok' })
    const { origin } = agent.arrived[0] ?? {}
    await stage.expectAudited(PODS, { 'addr.remote': `127.0.0.1:${origin?.port}`, user: 'alice' })
    expect(stage.sockets.size).toBe(0)
  })

  test('20 MB arrive unchanged both ways', async () => {
    const { stage } = await open()
    const size = 20 * 1024 * 1024
    const bytes = Buffer.alloc(size, 'some bytes of any kind')
    const hash = (of: Buffer): string => createHash('sha256').update(of).digest('hex')
    stage.api.answer = (request, response) => {
      const parts: Buffer[] = []
      request.on('data', (chunk: Buffer) => parts.push(chunk))
      request.on('end', () => response.end(Buffer.concat(parts)))
    }
    const client = await stage.client(version)
    const answer = await client.ask({ method: 'POST', path: PODS, body: bytes })
    expect(answer.body.length).toBe(size)
    expect(hash(answer.body)).toBe(hash(bytes))
  })

  test('a watch arrives item by item, and ends when the person leaves', async () => {
    const { stage } = await open()
    const send = Promise.withResolvers<(text: string) => void>()
    let ended = false
    stage.api.answer = (_request, response) => {
      response.write('one\n')
      response.on('close', () => {
        ended = true
      })
      send.resolve((text) => void response.write(text))
    }
    const client = await stage.client(version)
    const call = client.call({ path: WATCH })
    await expect.poll(() => call.received(), PATIENTLY).toBe(4)
    const more = await send.promise
    more('two\n')
    await expect.poll(() => call.received(), PATIENTLY).toBe(8)
    call.abort()
    await expect.poll(() => ended, PATIENTLY).toBe(true)
  })

  test('an answer that nobody reads waits at the API server', async () => {
    const { stage } = await open()
    let sent = 0
    stage.api.answer = (_request, response) => {
      const piece = Buffer.alloc(256 * 1024)
      const go = (): void => {
        while (!response.destroyed && sent < 200_000_000) {
          sent += piece.length
          if (!response.write(piece)) return
        }
      }
      response.on('drain', go)
      go()
    }
    const client = await stage.client(version)
    const call = client.call({ path: `${PODS}/web/log?follow=1` })
    call.pause()
    let before = -1
    while (sent !== before) {
      before = sent
      await new Promise((resolve) => setTimeout(resolve, 300))
    }
    expect(sent).toBeLessThan(64_000_000)
    call.abort()
  })
})

describe('through a tunnel', () => {
  test('an upgraded stream carries raw bytes both ways', async () => {
    const { stage } = await open()
    stage.api.upgrade = (_request, socket: Duplex) => {
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n',
      )
      socket.on('data', (chunk: Buffer) => socket.write(chunk))
      socket.on('end', () => socket.end())
    }
    const socket = await stage.raw()
    const heard: Buffer[] = []
    socket.on('data', (chunk: Buffer) => heard.push(chunk))
    socket.write(
      `POST ${PROXIED}?command=sh HTTP/1.1\r\nHost: k\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n`,
    )
    await expect
      .poll(() => Buffer.concat(heard).toString('latin1'), PATIENTLY)
      .toContain('\r\n\r\n')
    socket.write(Buffer.from([0, 255, 13, 10]))
    await expect
      .poll(() => Buffer.concat(heard).subarray(-4), PATIENTLY)
      .toEqual(Buffer.from([0, 255, 13, 10]))
    socket.destroy()
  })

  test('an agent that drains ends watches so that clients come back, and the next connection goes to the other', async () => {
    const { stage, gateway, cluster, agent } = await open()
    const second = await cluster.agent([gateway], { ...accepting(stage), hostId: 'second' })
    stack.use(second)
    await expect
      .poll(() => gateway.tunnels.agents().filter(({ names }) => names.length > 0))
      .toHaveLength(2)
    const closed = agent.tunnels.close(5000)
    await expect
      .poll(() => gateway.tunnels.agents().filter(({ names }) => names.length > 0))
      .toHaveLength(1)
    const client = await stage.client('HTTP/1.1')
    expect((await client.ask({ path: PODS })).status).toBe(200)
    expect(second.arrived).toHaveLength(1)
    await closed
  })

  test('who still waits when the time of an agent that stops is over is told so', async () => {
    const { stage, agent } = await open()
    stage.api.answer = () => {}
    const client = await stage.client('HTTP/1.1')
    const call = client.call({ path: `${PODS}/a` })
    await expect.poll(() => stage.api.arrived.length, PATIENTLY).toBe(1)
    await drainAgent(stage.forwarder, agent.tunnels, 300)
    expect(await call.answer).toMatchObject({ status: 503, whole: true })
  })

  test('an agent that stops keeps nothing from who has not read all that it sent', async () => {
    const { stage, agent } = await open()
    // Fits in what kernels keep for a reader who has stopped, and in the window of the tunnel; not in the former alone.
    const size = 4.5 * 1024 * 1024
    stage.api.answer = (_request, response) => void response.end(Buffer.alloc(size, 'x'))
    const socket = await stage.unread()
    const closed = Promise.all([stage.forwarder.close(20_000), agent.tunnels.close(20_000)])
    // A moment in which a connection that nobody waits for would be closed.
    await new Promise((resolve) => setTimeout(resolve, 500))
    let bytes = 0
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length
    })
    socket.resume()
    await once(socket, 'end')
    socket.destroy()
    expect(bytes).toBeGreaterThan(size)
    await closed
  })

  test('when no agent takes the connection it goes to whoever says so, unread', async () => {
    const { stage, gateway, agent, undelivered } = await open()
    agent.announce([])
    await unserved(gateway)
    const connecting = stage.connect('http/1.1')
    await expect(connecting).rejects.toThrow(/disconnected|ECONNRESET|socket hang up/)
    expect(undelivered).toHaveLength(1)
  })

  test('an agent that refuses at the last moment is not seen by the person either', async () => {
    const { stage, gateway, undelivered } = await open()
    gateway.tunnels.dial = async () => {
      throw new Error('it has just left')
    }
    await expect(stage.connect('http/1.1')).rejects.toThrow(
      /disconnected|ECONNRESET|socket hang up/,
    )
    expect(undelivered).toHaveLength(1)
  })

  test('a tunnel that breaks breaks the connections in it, and none stays', async () => {
    const { stage, agent } = await open()
    stage.api.answer = (_request, response) => void response.write('one\n')
    const client = await stage.client('HTTP/1.1')
    const call = client.call({ path: WATCH })
    await expect.poll(() => call.received(), PATIENTLY).toBe(4)
    for (const socket of agent.sockets) socket.destroy()
    expect((await call.answer).whole).toBe(false)
    await stage.expectQuiet()
  })
})
