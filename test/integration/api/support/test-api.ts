import type { IncomingHttpHeaders } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createServer, type Server } from 'node:net'
import { expect } from 'vitest'
import {
  AccessState,
  createApiListener,
  createApiServer,
  ensurePresets,
  type InvitePort,
  KubeClusterRegistry,
  openStores,
  type Stores,
} from '../../../../src/api/index.ts'
import type { AuditEvent, AuditLog, AuditReader } from '../../../../src/audit/index.ts'
import { openLocalUsers } from '../../../../src/authn/index.ts'
import {
  type Authorities,
  createPeerParser,
  createSecretCipher,
  openAuthorities,
} from '../../../../src/ca/index.ts'
import { ApiClient, type ApiConnection } from '../../../../src/client/index.ts'
import { buildPath, type Endpoint, type ResponseOf } from '../../../../src/contract/index.ts'
import { type Clock, silentLogger, systemClock } from '../../../../src/core/index.ts'
import { LiveStats } from '../../../../src/daemon/stats/live-stats.ts'
import type { HostService } from '../../../../src/identity/index.ts'
import { authServerName } from '../../../../src/protocol/index.ts'
import { type Backend, openMemoryBackend } from '../../../../src/storage/index.ts'
import { createServerContext } from '../../../../src/tls/index.ts'
import { generateKeyPair, publicKeyToPem } from '../../../../src/x509/index.ts'

export const CLUSTER = 'api.example.com'
/** The live numbers of a process in which nothing happened. */
const testStats = (): LiveStats =>
  new LiveStats({
    clock: systemClock,
    version: '0.0.0',
    clusterName: CLUSTER,
    eventLoop: { read: () => ({ p50: 0, p99: 0, max: 0 }), [Symbol.dispose]: () => {} },
  })
const SERVER_NAME = authServerName(CLUSTER)

/** The management API on a real TLS socket, over a memory backend. */
export class TestApi implements AsyncDisposable {
  readonly events: AuditEvent[] = []
  /** What members delivered. */
  readonly stored: AuditEvent[] = []
  storeFails = false
  /** Who joined, by host id, and whose the names of clusters are. */
  readonly lineages = new Map<string, string>()
  readonly owners = new Map<string, string>()
  readonly stack = new AsyncDisposableStack()
  clock: Clock = systemClock
  stores!: Stores
  authorities!: Authorities
  access!: AccessState
  backend!: Backend
  invites!: InvitePort
  kubeClusters!: KubeClusterRegistry
  port = 0
  /** What a search of the audit log gives. */
  search: AuditReader['search'] = async () => ({ events: this.events, next: null })
  /** Where the next connections come from. */
  address = '127.0.0.1'
  spoolFails = false

  static async start(
    options: { secondFactor?: 'off' | 'otp' | 'on'; clock?: Clock; webUrl?: string | null } = {},
  ): Promise<TestApi> {
    const {
      secondFactor = 'otp',
      clock = systemClock,
      webUrl = 'https://proxy.example.com',
    } = options
    const api = new TestApi()
    api.clock = clock
    const backend = api.stack.use(openMemoryBackend({ clock }))
    api.backend = backend
    const cipher = createSecretCipher(Buffer.alloc(32, 7))
    api.authorities = await openAuthorities({
      backend,
      cipher,
      clock,
      clusterName: CLUSTER,
      log: silentLogger,
    })
    api.stores = openStores(backend, clock)
    await ensurePresets(api.stores)
    api.access = api.stack.use(await AccessState.open(backend, silentLogger, clock))
    const audit: AuditLog & AuditReader = {
      append: async (event) => {
        if (api.spoolFails) throw new Error('disk full')
        api.events.push(event)
      },
      search: (query) => api.search(query),
    }
    const peers = createPeerParser({
      trust: () => api.authorities.trust(),
      teleportCluster: CLUSTER,
      accept: ['user', 'host', 'admin'],
    })
    api.kubeClusters = new KubeClusterRegistry(backend, clock)
    const server = await createApiServer({
      clusterName: CLUSTER,
      version: '0.0.0',
      kubeAddress: 'kube.example.com:3026',
      webUrl,
      secondFactor,
      localUsers: await openLocalUsers({
        backend,
        cipher,
        clock,
        secondFactor: secondFactor !== 'off',
      }),
      stores: api.stores,
      access: api.access,
      authorities: api.authorities,
      peers,
      kubeClusters: api.kubeClusters,
      audit,
      events: audit,
      eventSink: {
        store: async (events) => {
          if (api.storeFails) throw new Error('disk full')
          api.stored.push(...events.map(({ json }) => JSON.parse(json.toString()) as AuditEvent))
        },
      },
      membership: {
        lineageOf: async (hostId) => api.lineages.get(hostId) ?? null,
        claim: async (name, lineage) => {
          const owner = api.owners.get(name) ?? lineage
          api.owners.set(name, owner)
          return owner === lineage
        },
        seen: async () => {},
      },
      proxies: () => [{ host: 'proxy.example.com', port: 3080 }],
      stats: testStats(),
      clock,
      log: silentLogger,
    })
    api.stack.defer(() => server.app.close())
    api.invites = server.invites
    const { privateKey, publicKey } = await generateKeyPair()
    const issued = await api.authorities.issueHost({
      identity: { kind: 'host', teleportCluster: CLUSTER, hostId: 'h', services: ['auth'] },
      publicKeyPem: publicKeyToPem(publicKey),
      dnsNames: [SERVER_NAME],
      ipAddresses: [],
      ttlMs: 3_600_000,
    })
    const context = createServerContext({
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      certificate: issued.certificatePem,
      minVersion: 'TLSv1.3',
    })
    const listener = createApiListener({
      server,
      secureContext: async () => context,
      peers,
      clock: systemClock,
      log: silentLogger,
    })
    api.stack.defer(() => listener.close(0))
    const tcp: Server = createServer((socket) =>
      listener.accept(socket, { address: api.address, port: socket.remotePort ?? 0 }),
    )
    await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve))
    api.stack.defer(() => void tcp.close())
    api.port = (tcp.address() as AddressInfo).port
    return api
  }

  /** A connection as a user with the given roles, who exists. */
  async as(
    user: string,
    roles: string[],
    pinnedAddress: string | null = null,
  ): Promise<ApiConnection> {
    await this.stores.users.upsert({
      kind: 'user',
      version: 'v2',
      metadata: { name: user },
      spec: { roles },
    })
    await expect.poll(() => this.access.current().users.get(user)?.roles).toEqual(roles)
    return this.connection((publicKeyPem) =>
      this.authorities.issueUser({
        identity: {
          kind: 'user',
          teleportCluster: CLUSTER,
          user,
          roles,
          traits: {},
          login: 'signed',
          issuedAtMs: this.clock.now(),
          pinnedAddress,
        },
        publicKeyPem,
        ttlMs: 3_600_000,
      }),
    )
  }

  /** A link for a user who exists, made by the administrator. */
  async invite(
    user: string,
    kind: 'invite' | 'reset' = 'invite',
    ttlMs?: number,
  ): Promise<ResponseOf<'users.invites.create'>> {
    using admin = new ApiClient(await this.admin())
    return await admin.call('users.invites.create', {
      params: { name: user },
      body: { kind, ...(ttlMs === undefined ? {} : { ttl_ms: ttlMs }) },
    })
  }

  /** A connection that presents no certificate. */
  async bare(): Promise<Omit<ApiConnection, 'certificate' | 'privateKey'>> {
    const { certificate: _, privateKey: __, ...bare } = await this.admin()
    return bare
  }

  async connection(
    issue: (publicKeyPem: string) => Promise<{ certificatePem: string }>,
  ): Promise<ApiConnection> {
    const { privateKey, publicKey } = await generateKeyPair()
    const issued = await issue(publicKeyToPem(publicKey))
    return {
      host: '127.0.0.1',
      port: this.port,
      serverName: SERVER_NAME,
      hostCa: this.authorities.hostCaPem,
      certificate: issued.certificatePem,
      privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    }
  }

  /** A service of ours in another process; of a lineage, unless it did not join. */
  member(
    hostId: string,
    lineage: string | null,
    services: readonly HostService[] = ['kube'],
  ): Promise<ApiConnection> {
    if (lineage !== null) this.lineages.set(hostId, lineage)
    return this.connection((publicKeyPem) =>
      this.authorities.issueHost({
        identity: { kind: 'host', teleportCluster: CLUSTER, hostId, services },
        publicKeyPem,
        dnsNames: [],
        ipAddresses: [],
        ttlMs: 3_600_000,
      }),
    )
  }

  admin(): Promise<ApiConnection> {
    return this.connection((publicKeyPem) =>
      this.authorities.issueHost({
        identity: { kind: 'admin', teleportCluster: CLUSTER, hostId: 'h' },
        publicKeyPem,
        dnsNames: [],
        ipAddresses: [],
        ttlMs: 3_600_000,
      }),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stack[Symbol.asyncDispose]()
  }
}

/** A raw call, valid body or not, with or without a certificate. */
export function call(
  connection: Omit<ApiConnection, 'certificate' | 'privateKey'> & Partial<ApiConnection>,
  endpoint: Endpoint,
  body?: unknown,
): Promise<{ status: number; body: unknown; headers: IncomingHttpHeaders }> {
  const params = Object.fromEntries(
    Object.keys(endpoint.params.properties).map((name) => [name, 'x']),
  )
  return new Promise((resolve, reject) => {
    const outgoing = httpsRequest(
      {
        host: connection.host,
        port: connection.port,
        servername: connection.serverName,
        ca: connection.hostCa,
        cert: connection.certificate ?? undefined,
        key: connection.privateKey ?? undefined,
        method: endpoint.method,
        path: buildPath(endpoint, params),
        agent: false,
        headers: { 'content-type': 'application/json' },
      },
      (response) => {
        let text = ''
        response.on('data', (chunk: Buffer) => {
          text += chunk.toString()
        })
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            body: JSON.parse(text) as unknown,
            headers: response.headers,
          }),
        )
      },
    )
    outgoing.on('error', reject)
    outgoing.end(body === undefined ? undefined : JSON.stringify(body))
  })
}
