import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createServer as createTlsServer } from 'node:tls'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { kubeServerName } from '../../../src/protocol/index.ts'
import { serverCertificate } from '../../support/certificates.ts'
import { versions } from '../forwarder/support/clients.ts'
import { PATIENTLY, PODS, SERVER_NAME, Stage } from '../forwarder/support/stage.ts'
import { CLUSTER, Cluster, type Gateway, served, WEST } from './support/fleet.ts'
import { HostileDoor, join } from './support/hostile-door.ts'

const OTHER = kubeServerName(CLUSTER, 'other')

/**
 * A gateway in the wrong hands: it has the tunnels of agents and the connections of people, and does what it likes with the
 * bytes between them. It has no key of a cluster.
 */
describe('a hostile gateway', () => {
  let stack: AsyncDisposableStack
  let stage: Stage
  let gateway: Gateway
  /** What it does with a person's connection. */
  let treat: (person: Socket) => void | Promise<void>

  const toAgent = (serverName: string, socket: Socket): Promise<Duplex> =>
    gateway.dial(serverName, { address: '203.0.113.7', port: socket.remotePort ?? 0 })

  beforeEach(async () => {
    stack = new AsyncDisposableStack()
    const cluster = stack.use(await Cluster.open())
    gateway = await cluster.gateway()
    stage = await Stage.open()
    // It announces both names, as an agent does that serves two clusters; the forwarder has a key for one of them.
    await cluster.agent([gateway], {
      names: [WEST, OTHER],
      serve: (stream, { origin }) => stage.forwarder.accept(stream, origin),
    })
    await served(gateway)
    stage.front = stack.use(await HostileDoor.open((person) => void treat(person))).port
    stack.use(stage)
  })
  afterEach(() => stack.disposeAsync())

  const ask = async (
    version: (typeof versions)[number],
  ): Promise<{ status: number; whole: boolean } | 'refused'> => {
    try {
      const client = await stage.client(version)
      const { status, whole } = await client.ask({ path: PODS })
      return { status, whole }
    } catch {
      return 'refused'
    }
  }

  describe.each(versions)('%s', (version) => {
    test('that only carries is not noticed', async () => {
      treat = async (person) => {
        const agent = await toAgent(WEST, person)
        join(person, agent)
        person.pipe(agent).pipe(person)
      }
      expect(await ask(version)).toEqual({ status: 200, whole: true })
    })

    test('that gives a connection to the agent of another name changes nothing: the person names the cluster', async () => {
      treat = async (person) => {
        const agent = await toAgent(OTHER, person)
        join(person, agent)
        person.pipe(agent).pipe(person)
      }
      expect(await ask(version)).toEqual({ status: 200, whole: true })
      expect(stage.audit.events.every((event) => event.kubernetes_cluster === 'west')).toBe(true)
    })

    test('that ends the TLS itself is refused by the person', async () => {
      const own = await serverCertificate(SERVER_NAME)
      const server = createTlsServer({
        key: own.key,
        cert: own.certificate,
        ALPNProtocols: ['h2', 'http/1.1'],
      })
      const errors: unknown[] = []
      server.on('tlsClientError', (error) => errors.push(error))
      treat = (person) => void server.emit('connection', person)
      expect(['refused', 0]).toContain(
        await ask(version).then((said) => (said === 'refused' ? said : said.status)),
      )
      await expect.poll(() => errors.length, PATIENTLY).toBe(1)
      expect(stage.api.arrived).toEqual([])
    })

    test('that cuts an answer short is noticed by the person', async () => {
      stage.api.answer = (_request, response) => response.end(Buffer.alloc(1024 * 1024))
      treat = async (person) => {
        const agent = await toAgent(WEST, person)
        join(person, agent)
        person.pipe(agent)
        let rest = 300_000
        agent.on('data', (chunk: Buffer) => {
          person.write(chunk.subarray(0, rest))
          rest -= chunk.length
          if (rest <= 0) person.end()
        })
      }
      expect(await ask(version)).toMatchObject({ whole: false })
    })

    test('that changes a byte of a request ends it', async () => {
      treat = async (person) => {
        const agent = await toAgent(WEST, person)
        join(person, agent)
        agent.pipe(person)
        let seen = 0
        person.on('data', (chunk: Buffer) => {
          seen += chunk.length
          // The ClientHello is left as it is, so that the TLS begins.
          if (seen !== chunk.length) {
            chunk.writeUInt8(chunk.readUInt8(chunk.length - 1) ^ 1, chunk.length - 1)
          }
          agent.write(chunk)
        })
      }
      const said = await Promise.race([ask(version), once(AbortSignal.timeout(3000), 'abort')])
      if (!Array.isArray(said)) expect(said === 'refused' || !said.whole).toBe(true)
      expect(stage.api.arrived).toEqual([])
    })

    test('that plays a request again gets nothing done by it', async () => {
      const recorded: Buffer[] = []
      treat = async (person) => {
        const agent = await toAgent(WEST, person)
        join(person, agent)
        agent.pipe(person)
        person.on('data', (chunk: Buffer) => {
          recorded.push(Buffer.from(chunk))
          agent.write(chunk)
        })
      }
      expect(await ask(version)).toEqual({ status: 200, whole: true })
      const again = await gateway.dial(WEST)
      again.on('error', () => {})
      again.resume()
      for (const chunk of recorded) {
        if (!again.destroyed) again.write(chunk)
      }
      await expect.poll(() => again.destroyed || again.readableEnded, PATIENTLY).toBe(true)
      expect(stage.api.of(PODS)).toHaveLength(1)
      expect(stage.audit.of(PODS)).toHaveLength(1)
    })
  })
})
