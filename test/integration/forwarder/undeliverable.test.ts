import { type AddressInfo, connect, createServer } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createPeerParser } from '../../../src/ca/index.ts'
import {
  createUndeliverable,
  type Undeliverable,
  type Undelivered,
} from '../../../src/forwarder/index.ts'
import { createServerContext } from '../../../src/tls/index.ts'
import { type Client, openClient, versions } from './support/clients.ts'
import { type Credentials, TELEPORT_CLUSTER } from './support/people.ts'
import { TestAccess, TestAudit, TestClock, TestLog } from './support/ports.ts'
import {
  type Authorities,
  PATIENTLY,
  PODS,
  ROLE,
  SERVER_NAME,
  testAuthorities,
} from './support/stage.ts'

const NOW = Date.parse('2026-11-25T20:00:00Z')

/** What the auth service answers in the place of clusters that the gateway could not reach. */
describe.each(versions)('a cluster that nobody serves, over %s', (version) => {
  let stack: AsyncDisposableStack
  let known: Authorities
  let found: Undelivered
  let described: { serverName: string; user: string }[]
  let audit: TestAudit
  let access: TestAccess
  let undeliverable: Undeliverable
  let port: number
  /** Of the description, which storage may take its time for. */
  let held: Promise<void> | null

  beforeEach(async () => {
    stack = new AsyncDisposableStack()
    known = await testAuthorities()
    found = { kind: 'unknown' }
    described = []
    held = null
    audit = new TestAudit()
    access = new TestAccess({ allow: { ...ROLE.allow, kubernetes_users: ['alice', 'bob'] } })
    const { key, certificate } = known.kube
    const context = createServerContext({ key, certificate, minVersion: 'TLSv1.3' })
    undeliverable = createUndeliverable({
      secureContext: async () => context,
      peers: createPeerParser({
        trust: () => known.users.trust,
        teleportCluster: TELEPORT_CLUSTER,
        accept: ['user'],
      }),
      access,
      audit,
      clusterName: TELEPORT_CLUSTER,
      hostId: 'host-1',
      clock: new TestClock(),
      log: new TestLog(),
      limits: { maxExchangesPerUser: 3 },
      describe: async (serverName, { user }) => {
        described.push({ serverName, user })
        await held
        return found
      },
    })
    stack.defer(() => undeliverable.close(0))
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      undeliverable.accept(socket, { address: '192.0.2.1', port: 4711 })
    })
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    port = (server.address() as AddressInfo).port
    stack.defer(() => void server.close())
  })
  afterEach(() => stack[Symbol.asyncDispose]())

  async function client(credentials: Credentials | null = known.alice): Promise<Client> {
    const opened = await openClient(version, async (alpn) => {
      const tcp = connect(port, '127.0.0.1')
      const secured = connectTls({
        socket: tcp,
        servername: SERVER_NAME,
        ca: known.kube.ca,
        ALPNProtocols: [alpn],
        ...(credentials === null ? {} : { key: credentials.key, cert: credentials.cert }),
      })
      secured.on('error', () => {})
      await new Promise<void>((done) => secured.once('secureConnect', done))
      return { secured, tcp }
    })
    stack.defer(() => opened.close())
    return opened
  }

  const offline = {
    kind: 'offline',
    cluster: 'west',
    labels: { env: 'prod' },
    sinceMs: NOW,
  } as const

  test('and that the person may know of is offline since a time, and audited so', async () => {
    found = offline
    const answer = await (await client()).ask({ path: PODS })
    expect(answer.status).toBe(503)
    expect(JSON.parse(answer.text)).toMatchObject({
      kind: 'Status',
      reason: 'ServiceUnavailable',
      message:
        'Kubernetes cluster "west" is offline since 2026-11-25T20:00:00.000Z: no service of ours serves it',
    })
    expect(described).toEqual([{ serverName: SERVER_NAME, user: 'alice' }])
    expect(audit.of(PODS)).toEqual([
      expect.objectContaining({
        error_code: 'CLUSTER_OFFLINE',
        kubernetes_cluster: 'west',
        user: 'alice',
        'addr.remote': '192.0.2.1:4711',
      }),
    ])
  })

  test('and that he may not know of does not exist for him, nor for the audit of his request', async () => {
    const answer = await (await client()).ask({ path: PODS })
    expect(answer.status).toBe(403)
    expect(answer.text).toContain('no such cluster, or none of your roles reaches it')
    expect(audit.of(PODS)).toEqual([
      expect.objectContaining({ error_code: 'CLUSTER_UNKNOWN', kubernetes_cluster: '' }),
    ])
  })

  test('is described to nobody who is locked out, deleted or a stranger', async () => {
    found = offline
    expect((await (await client(null)).ask({ path: PODS })).status).toBe(401)
    access.lock({ user: 'alice' })
    expect((await (await client()).ask({ path: PODS })).status).toBe(403)
    access.lock()
    access.change(null)
    const gone = await (await client()).ask({ path: PODS })
    expect(gone.text).toContain('this user does not exist any more')
    expect(described).toEqual([])
  })

  test('has so many requests of one person underway and no more, and those of others', async () => {
    found = offline
    let release = (): void => {}
    held = new Promise((done) => {
      release = done
    })
    const clients = await Promise.all(Array.from({ length: 4 }, () => client()))
    const first = clients.slice(0, 3).map((one) => one.ask({ path: PODS }))
    await expect.poll(() => described.length, PATIENTLY).toBe(3)
    const refused = await clients[3]?.ask({ path: PODS })
    expect(refused?.status).toBe(429)
    expect(refused?.headers['retry-after']).toBe('1')
    const bob = await client(await known.users.certify('bob'))
    const others = bob.ask({ path: PODS })
    await expect.poll(() => described.at(-1)?.user, PATIENTLY).toBe('bob')
    release()
    for (const answer of [...first, others]) expect((await answer).status).toBe(503)
    expect((await (await client()).ask({ path: PODS })).status).toBe(503)
  })
})
