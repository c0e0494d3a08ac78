import { once } from 'node:events'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  type OutgoingHttpHeaders,
} from 'node:http2'
import { type AddressInfo, connect } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ApiClient } from '../../../src/client/index.ts'
import { authServerName, proxyServerName, TUNNEL_ALPN } from '../../../src/protocol/index.ts'
import { serverCertificate } from '../../support/certificates.ts'
import { closed } from '../../support/closed.ts'
import { Parties, TELEPORT } from '../member/support/parties.ts'
import { type Agent, CLUSTER, Cluster, EAST, WEST } from './support/fleet.ts'
import { Relay } from './support/relay.ts'

const PATIENTLY = { timeout: 30_000 }

/** What an agent finds where it looks for a proxy, with whatever certificate it has, and what it heard of the agent. */
class HostileProxy implements AsyncDisposable {
  readonly sessions: ClientHttp2Session[] = []
  /** What agents announced. */
  readonly announced: string[] = []
  /** Where they do. */
  readonly names: ClientHttp2Stream[] = []
  arrivals = 0
  readonly #server: ReturnType<typeof createServer>
  readonly #sockets = new Set<TLSSocket>()

  private constructor(pair: { readonly key: string; readonly certificate: string }) {
    this.#server = createServer(
      {
        key: pair.key,
        cert: pair.certificate,
        ALPNProtocols: [TUNNEL_ALPN],
        requestCert: true,
        rejectUnauthorized: false,
      },
      (socket) => this.#take(socket),
    )
    this.#server.on('tlsClientError', () => {
      this.arrivals += 1
    })
  }

  static async open(pair: { key: string; certificate: string }): Promise<HostileProxy> {
    const proxy = new HostileProxy(pair)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get address(): { readonly host: string; readonly port: number } {
    return { host: '127.0.0.1', port: (this.#server.address() as AddressInfo).port }
  }

  #take(socket: TLSSocket): void {
    this.arrivals += 1
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => this.#sockets.delete(socket))
    const session = connectHttp2('https://agent', { createConnection: () => socket })
    session.on('error', () => {})
    this.sessions.push(session)
    const names = session.request({ ':method': 'GET', ':path': '/v1/names' })
    this.names.push(names)
    names.on('error', () => {})
    names.on('data', (chunk: Buffer) => this.announced.push(chunk.toString()))
  }

  /** The status of the answer to a stream; 'reset' when there is none. */
  async stream(headers: OutgoingHttpHeaders): Promise<unknown> {
    const session = this.sessions.at(-1)
    if (session === undefined) throw new Error('no agent is there')
    const stream = session.request(headers, { endStream: false })
    stream.on('error', () => {})
    const status = await new Promise((resolve) => {
      stream.once('response', (answer) => resolve(answer[':status']))
      stream.once('close', () => resolve('reset'))
    })
    stream.destroy()
    return status
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.sessions) session.destroy()
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

/** A gateway in the wrong hands, seen from the agents that dial it: what they tell it, and what they take from it. */
describe('a hostile gateway and the tunnel of an agent', () => {
  let cluster: Cluster
  beforeEach(async () => {
    cluster = await Cluster.open()
  })
  afterEach(() => cluster.stack.disposeAsync())

  const name = proxyServerName(CLUSTER)
  test.each([
    ['made itself', () => serverCertificate(name)],
    [
      'is that of another cluster',
      async () => cluster.stack.use(await Cluster.open()).pair('p', ['proxy'], [name]),
    ],
    ['is that of a kubernetes service', () => cluster.pair('agent-2', ['kube'], [name])],
    ['is that of the auth service', () => cluster.pair('auth', ['auth'], [name])],
    ['is a proxy’s for other names', () => cluster.pair('p', ['proxy'], ['proxy.example.com'])],
    ['is a person’s door', () => cluster.pair('agent-2', ['kube'], [WEST])],
  ])(
    'that shows a certificate which it %s hears nothing of what the agent serves',
    async (_, pair) => {
      const proxy = cluster.stack.use(await HostileProxy.open(await pair()))
      const agent = await cluster.agent([proxy])
      await expect.poll(() => proxy.arrivals, PATIENTLY).toBeGreaterThan(1)
      expect(agent.tunnels.status()[0]).toMatchObject({
        state: expect.stringMatching(/waiting|connecting/),
        problem: expect.stringMatching(/no TLS with the proxy|what answers there is no/),
      })
      expect(proxy.announced).toEqual([])
    },
  )

  describe('with the certificate of a proxy', () => {
    let proxy: HostileProxy
    let agent: Agent
    beforeEach(async () => {
      proxy = cluster.stack.use(
        await HostileProxy.open(await cluster.pair('proxy-1', ['proxy'], [name])),
      )
      agent = await cluster.agent([proxy])
      await expect.poll(() => proxy.announced.length, PATIENTLY).toBe(1)
    })
    afterEach(async () => {
      // Whatever it was, the agent serves on.
      const honest = { ':method': 'CONNECT', ':authority': WEST, 'teleport-origin': '192.0.2.1:1' }
      expect(await proxy.stream(honest)).toBe(200)
      expect(agent.tunnels.status()[0]?.state).toBe('up')
    })

    const connecting = (fields: OutgoingHttpHeaders): OutgoingHttpHeaders => ({
      ':method': 'CONNECT',
      ':authority': WEST,
      'teleport-origin': '192.0.2.1:1',
      ...fields,
    })

    test.each([
      ['a name that the agent does not serve', { ':authority': EAST }, 404],
      ['a place in the network', { ':authority': '10.0.0.1:6443' }, 404],
      ['the API server itself', { ':authority': 'kubernetes.default.svc:443' }, 404],
      ['an origin that is none', { 'teleport-origin': 'somewhere' }, 400],
      ['a name for an origin', { 'teleport-origin': 'trusted.example.com:1' }, 400],
      ['a port that is none', { 'teleport-origin': '192.0.2.1:70000' }, 400],
      ['two origins', { 'teleport-origin': '192.0.2.1:1, 192.0.2.2:2' }, 400],
      ['an origin with something behind it', { 'teleport-origin': '192.0.2.1:1 admin' }, 400],
    ])(
      'that opens a stream to %s is refused, and nobody hears of it',
      async (_, fields, status) => {
        expect(await proxy.stream(connecting(fields))).toBe(status)
        expect(agent.arrived).toEqual([])
      },
    )

    test('that asks without an origin, or for a page, or twice for the names, is refused', async () => {
      const { 'teleport-origin': _, ...without } = connecting({})
      expect(await proxy.stream(without)).toBe(400)
      for (const path of ['/', '/api/v1/secrets', '/v1/names']) {
        expect(await proxy.stream({ ':method': 'GET', ':path': path })).toBe(400)
      }
      expect(agent.arrived).toEqual([])
      expect(proxy.announced).toHaveLength(1)
    })

    test('that does not read what is announced hears the last word of it, and not each', async () => {
      const times = 500
      proxy.names[0]?.pause()
      const west = await cluster.name('agent-1', WEST)
      for (let count = 1; count < times; count += 1) {
        agent.announce([{ ...west, healthy: count % 2 === 0 }])
        await new Promise((resolve) => setImmediate(resolve))
      }
      agent.announce([west, await cluster.name('agent-1', EAST)])
      proxy.names[0]?.resume()
      const lines = (): string[] => proxy.announced.join('').trimEnd().split('\n')
      await expect.poll(() => lines().at(-1), PATIENTLY).toContain(EAST)
      expect(lines().length).toBeLessThan(times / 2)
    })

    test('may say of anybody where he comes from: that is its word, and all that it can give', async () => {
      expect(await proxy.stream(connecting({ 'teleport-origin': '198.51.100.9:9' }))).toBe(200)
      expect(agent.arrived.map(({ origin }) => origin)).toEqual([
        { address: '198.51.100.9', port: 9 },
      ])
    })
  })
})

/** What agents and the auth service say to each other goes through proxies, too. */
describe('a hostile gateway between an agent and the auth service', () => {
  let parties: Parties
  let network: Relay
  let calls: ApiClient
  let sent: Buffer[]

  beforeEach(async () => {
    parties = await Parties.open()
    network = parties.stack.use(await Relay.open({ host: '127.0.0.1', port: parties.auth.port }))
    sent = []
    network.mischief = (chunk) => {
      sent.push(chunk)
      return chunk
    }
    calls = await client(network.address.port)
  })
  afterEach(() => parties[Symbol.asyncDispose]())

  const client = async (port: number, from: Parties = parties): Promise<ApiClient> => {
    const { identity } = await from.auth.link('agent-1', 'token')
    const { hostCaPem, certificatePem, privateKeyPem } = identity.current()
    return parties.stack.use(
      new ApiClient({
        host: '127.0.0.1',
        port,
        serverName: authServerName(TELEPORT),
        hostCa: hostCaPem,
        certificate: certificatePem,
        privateKey: privateKeyPem,
        timeoutMs: 30_000,
      }),
    )
  }
  const beat = (names: readonly string[], by = calls): Promise<unknown> =>
    by.call('member.heartbeat', {
      body: {
        version: '0.0.0',
        address: null,
        clusters: names.map((name) => ({
          name,
          labels: {},
          unknown_labels: [],
          health: 'healthy' as const,
          problem: null,
          since: new Date().toISOString(),
          kubernetes_version: null,
        })),
      },
    })
  const known = async (): Promise<string[]> => {
    using admin = await parties.auth.admin()
    return (await admin.call('kube_clusters.list', {})).items.map(({ metadata }) => metadata.name)
  }
  const flipped = (chunk: Buffer): Buffer => {
    const altered = Buffer.from(chunk)
    altered.writeUInt8(altered.readUInt8(altered.length - 1) ^ 1, altered.length - 1)
    return altered
  }

  test('that changes a byte of what is said has nothing done by it', async () => {
    await beat(['one'])
    network.mischief = flipped
    await expect(beat(['two'])).rejects.toThrow()
    network.mischief = (chunk) => chunk
    expect(await known()).toEqual(['one'])
    await beat(['three'])
    expect(await known()).toContain('three')
  })

  test('that changes a byte of the answer, or cuts it short, is noticed by the agent', async () => {
    await beat(['one'])
    network.mischiefBack = flipped
    await expect(calls.call('member.state', {})).rejects.toThrow()
    network.mischiefBack = (chunk) => {
      setImmediate(() => network.cut())
      return chunk.subarray(0, chunk.length - 1)
    }
    await expect(calls.call('member.state', {})).rejects.toThrow()
    network.mischiefBack = (chunk) => chunk
    expect(await calls.call('member.state', {})).toMatchObject({ state: expect.any(String) })
  })

  test('that plays again what an agent said has nothing done by it', async () => {
    await beat(['one'])
    await beat([])
    const before = await known()
    const replayed = connect({ host: '127.0.0.1', port: parties.auth.port })
    replayed.resume()
    for (const chunk of sent) replayed.write(chunk)
    await closed(replayed)
    expect(await known()).toEqual(before)
    using admin = await parties.auth.admin()
    const { items } = await admin.call('kube_clusters.list', {})
    expect(items.map(({ status }) => status.online)).toEqual([false])
  })

  test('that answers itself hears nothing of what the agent wanted to say', async () => {
    const { key, certificate } = await serverCertificate(authServerName(TELEPORT))
    const heard: Buffer[] = []
    const impostor = createServer({
      key,
      cert: certificate,
      requestCert: true,
      rejectUnauthorized: false,
    })
    impostor.on('secureConnection', (socket) => {
      socket.on('error', () => {})
      socket.on('data', (chunk: Buffer) => heard.push(chunk))
    })
    impostor.on('tlsClientError', () => {})
    impostor.listen(0, '127.0.0.1')
    await once(impostor, 'listening')
    const deceived = await client((impostor.address() as AddressInfo).port)
    await expect(beat(['one'], deceived)).rejects.toThrow()
    expect(Buffer.concat(heard).toString()).toBe('')
    impostor.close()
  })

  test('that leads to the auth service of another cluster is noticed', async () => {
    const other = parties.stack.use(await Parties.open())
    const astray = await client(other.auth.port)
    await expect(beat(['one'], astray)).rejects.toThrow()
    // Its own agents are served there: the way was open.
    await beat(['one'], await client(other.auth.port, other))
  })
})
