import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { expect } from 'vitest'
import type { EncodedAuditLog } from '../../../../src/audit/index.ts'
import { createPeerParser } from '../../../../src/ca/index.ts'
import type { DemoCluster } from '../../../../src/demo/index.ts'
import {
  createForwarder,
  type Forwarder,
  type ForwarderLimits,
  type ForwarderMetrics,
  type MeasuredRequest,
  type PodFacts,
  type RequestOutcome,
  type ServedCluster,
  type SessionLeases,
  type SessionRecorder,
  type Upstream,
} from '../../../../src/forwarder/index.ts'
import { kubeServerName } from '../../../../src/protocol/index.ts'
import { createServerContext } from '../../../../src/tls/index.ts'
import { type OpenUpstream, openUpstream } from '../../../../src/upstream/index.ts'
import { serverCertificate } from '../../../support/certificates.ts'
import type { RoleSpec } from '../../../support/roles.ts'
import { createPki } from '../../upstream/support/pki.ts'
import { ApiServer, type ApiServerOptions } from './api-server.ts'
import { type Client, type Connect, openClient, type Version } from './clients.ts'
import {
  type Credentials,
  createUserAuthority,
  TELEPORT_CLUSTER,
  type UserAuthority,
} from './people.ts'
import { TestAccess, TestAudit, TestClock, TestLog } from './ports.ts'

export const KUBE_CLUSTER = 'west'
export const SERVER_NAME = kubeServerName(TELEPORT_CLUSTER, KUBE_CLUSTER)
/** The server name of a second cluster. */
export const NEIGHBOUR = kubeServerName(TELEPORT_CLUSTER, 'east')
export const PODS = '/api/v1/namespaces/team/pods'
export const WATCH = `${PODS}?watch=1`
export const EXEC = `${PODS}/web/exec`
export const FORWARD = `${PODS}/web/portforward`
/** An upgrade that belongs to whoever stands behind the API server: its bytes go through as they are. */
export const PROXIED = `${PODS}/web/proxy/live`

/** What the person's role gives: himself, in one group. */
export const ROLE: RoleSpec = {
  allow: {
    kubernetes_groups: ['team'],
    kubernetes_users: ['alice'],
    kubernetes_labels: { env: 'test' },
  },
}

export interface StageOptions extends ApiServerOptions {
  readonly limits?: Partial<ForwarderLimits>
  readonly auditMode?: 'strict' | 'best_effort'
  readonly audit?: EncodedAuditLog
  /** Stands behind the forwarder instead of the simulated API server. */
  readonly demo?: DemoCluster
  /** What the API server says of any pod. */
  readonly pod?: PodFacts
  readonly recorder?: SessionRecorder
  readonly leases?: SessionLeases
  /** What the next upgrade speaks to instead of the API server. */
  readonly dialled?: Duplex
  /** Labels of a second cluster behind the same door, NEIGHBOUR; its API server is the same. */
  readonly neighbour?: Readonly<Record<string, string>>
}

export interface Authorities {
  readonly users: UserAuthority
  readonly alice: Credentials
  readonly kube: { readonly key: string; readonly certificate: string; readonly ca: string }
  readonly api: { readonly key: string; readonly cert: string; readonly ca: string }
}

let authorities: Promise<Authorities> | null = null

/** The same for all tests of a file: making keys takes longer than most of them. */
export async function testAuthorities(): Promise<Authorities> {
  authorities ??= createAuthorities()
  return authorities
}

async function createAuthorities(): Promise<Authorities> {
  const [users, kube, pki] = await Promise.all([
    createUserAuthority(),
    serverCertificate(SERVER_NAME),
    createPki(),
  ])
  const [alice, server] = await Promise.all([users.certify('alice'), pki.server()])
  return { users, alice, kube, api: { ...server, ca: pki.ca } }
}

/** Hears what metrics hear, and fails the test whose requests do not start and end once. */
class TestMetrics implements ForwarderMetrics {
  readonly underway = new Set<MeasuredRequest>()
  readonly ended: string[] = []
  readonly refused: string[] = []
  /** Hears the same. */
  also: ForwarderMetrics | null = null

  requestStarted(request: MeasuredRequest): void {
    this.also?.requestStarted(request)
    expect(this.underway.has(request)).toBe(false)
    this.underway.add(request)
  }

  requestEnded(request: MeasuredRequest, result: RequestOutcome, durationMs: number): void {
    this.also?.requestEnded(request, result, durationMs)
    const { outcome, status, error } = result
    expect(this.underway.delete(request)).toBe(true)
    const what = request.stream ?? 'request'
    this.ended.push(`${request.user} ${what} ${status} ${outcome} ${error?.code ?? ''}`.trimEnd())
  }

  requestRefused(cluster: string, user: string | null, code: string, status: number): void {
    this.refused.push(`${user ?? 'somebody'} ${cluster} ${status} ${code}`)
  }
}

/** The real forwarder and the real upstream, before a simulated API server, behind a listener like the daemon's. */
export class Stage implements AsyncDisposable {
  readonly api: ApiServer
  readonly audit = new TestAudit()
  readonly access = new TestAccess(ROLE)
  readonly clock = new TestClock()
  readonly log = new TestLog()
  readonly metrics = new TestMetrics()
  readonly forwarder: Forwarder
  readonly authorities: Authorities
  /** Connections of clients, on our side. */
  readonly sockets = new Set<Socket>()
  /** The port of something in front, through which clients come instead of the listener. */
  front: number | null = null
  readonly #server: Server
  readonly #upstream: OpenUpstream
  readonly #clients = new Set<{ close(): void }>()

  private constructor(known: Authorities, api: ApiServer, options: StageOptions) {
    this.authorities = known
    this.api = api
    const { clock, log } = this
    const port = options.demo?.port ?? api.port
    this.#upstream = openUpstream(
      {
        name: KUBE_CLUSTER,
        secure: true,
        hostname: '127.0.0.1',
        port,
        host: `127.0.0.1:${port}`,
        basePath: '',
        tlsServerName: null,
        insecureSkipTlsVerify: false,
        certificateAuthority: {
          kind: 'data',
          pem: options.demo?.certificateAuthorityPem ?? known.api.ca,
        },
        clientCertificate: null,
        login: { kind: 'token', token: options.demo?.token ?? 'service' },
        proxyUrl: null,
      },
      { clock, log },
    )
    const labels = { env: 'test' }
    const cluster: ServedCluster = {
      name: KUBE_CLUSTER,
      serverName: SERVER_NAME,
      labels: () => labels,
      unknownLabels: () => [],
      upstream: this.#seen(options),
    }
    const { neighbour } = options
    const east: ServedCluster | null =
      neighbour === undefined
        ? null
        : { ...cluster, name: 'east', serverName: NEIGHBOUR, labels: () => neighbour }
    const { key, certificate } = known.kube
    const context = createServerContext({ key, certificate, minVersion: 'TLSv1.3' })
    this.forwarder = createForwarder({
      clusters: {
        byServerName: (name) => (name === SERVER_NAME ? cluster : name === NEIGHBOUR ? east : null),
      },
      peers: createPeerParser({
        trust: () => known.users.trust,
        teleportCluster: TELEPORT_CLUSTER,
        accept: ['user'],
      }),
      access: this.access,
      certificates: { secureContext: async () => context },
      audit: options.audit ?? this.audit,
      auditMode: options.auditMode ?? 'strict',
      clusterName: TELEPORT_CLUSTER,
      hostId: 'host-1',
      clock,
      log,
      metrics: this.metrics,
      ...(options.limits === undefined ? {} : { limits: options.limits }),
      ...(options.recorder === undefined ? {} : { recorder: options.recorder }),
      ...(options.leases === undefined ? {} : { leases: options.leases }),
    })
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      this.sockets.add(socket)
      socket.once('close', () => this.sockets.delete(socket))
      this.forwarder.accept(socket, {
        address: socket.remoteAddress ?? '',
        port: socket.remotePort ?? 0,
      })
    })
  }

  /** The way to the API server, as a test has it. */
  #seen({ dialled, pod, demo }: StageOptions): Upstream {
    const upstream = this.#upstream
    return {
      send: (request, handler) => upstream.send(request, handler),
      dialForUpgrade: async (signal) =>
        dialled === undefined
          ? upstream.dialForUpgrade(signal)
          : {
              socket: dialled,
              host: '127.0.0.1',
              basePath: '',
              authorization: null,
              refused: () => {},
            },
      describePod: async (namespace, name) =>
        demo === undefined ? (pod ?? null) : upstream.describePod(namespace, name),
    }
  }

  static async open(options: StageOptions = {}): Promise<Stage> {
    const known = await testAuthorities()
    const stage = new Stage(known, await ApiServer.start(known.api, options), options)
    await new Promise<void>((resolve) => stage.#server.listen(0, '127.0.0.1', resolve))
    return stage
  }

  get upstream(): OpenUpstream {
    return this.#upstream
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** A TLS connection of the person, or of somebody else, or of nobody (null). */
  async connect(
    alpn: string,
    credentials: Credentials | null = this.authorities.alice,
    allowHalfOpen = false,
  ): ReturnType<Connect> {
    const tcp = connect({ port: this.front ?? this.port, host: '127.0.0.1', allowHalfOpen })
    tcp.on('error', () => {})
    const secured = connectTls({
      socket: tcp,
      servername: SERVER_NAME,
      ca: this.authorities.kube.ca,
      ALPNProtocols: [alpn],
      ...(credentials ?? {}),
    })
    this.#clients.add({ close: () => tcp.destroy() })
    await once(secured, 'secureConnect')
    secured.on('error', () => {})
    return { secured, tcp }
  }

  /** A connection of the person for bytes by hand; it stays open when our side ends. */
  async raw(alpn = 'http/1.1'): Promise<TLSSocket> {
    return (await this.connect(alpn, this.authorities.alice, true)).secured
  }

  /** A connection on which an answer was sent, and is not read. */
  async unread(): Promise<TLSSocket> {
    const socket = await this.raw()
    socket.pause()
    socket.write(`GET ${PODS}/a HTTP/1.1\r\nHost: k\r\n\r\n`)
    await expect
      .poll(() => this.audit.of(`${PODS}/a`), PATIENTLY)
      .toMatchObject([{ outcome: 'done' }])
    return socket
  }

  async client(version: Version, credentials?: Credentials | null): Promise<Client> {
    const client = await openClient(version, (alpn) => this.connect(alpn, credentials))
    this.#clients.add(client)
    return client
  }

  /** Nothing goes on any more. */
  async expectQuiet(): Promise<void> {
    await expect.poll(() => this.forwarder.stats().exchanges, PATIENTLY).toBe(0)
  }

  /** The last event of the only request of a path. */
  async expectAudited(path: string, fields: object): Promise<void> {
    const target = path.split('?')[0] ?? ''
    await expect
      .poll(() => this.audit.of(target).map((event) => ({ ...event })), PATIENTLY)
      .toEqual([expect.objectContaining(fields)])
  }

  /** Ends everything; fails when something of ours stays, or when something failed inside. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      for (const client of this.#clients) client.close()
      await this.expectQuiet()
      await expect.poll(() => this.sockets.size, PATIENTLY).toBe(0)
      await expect.poll(() => this.forwarder.stats().connections, PATIENTLY).toBe(0)
      expect([...this.metrics.underway]).toEqual([])
      expect(this.log.errors).toEqual([])
    } finally {
      await this.forwarder.close(0)
      await this.#upstream[Symbol.asyncDispose]()
      await new Promise<void>((resolve) => {
        this.#server.close(() => resolve())
        for (const socket of this.sockets) socket.destroy()
      })
      await this.api[Symbol.asyncDispose]()
    }
  }
}

/** For states that are bound to come. */
export const PATIENTLY = { timeout: 20_000, interval: 10 } as const
