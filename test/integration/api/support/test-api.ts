import { mkdtemp, rm } from 'node:fs/promises'
import type { IncomingHttpHeaders } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import {
  AccessState,
  createApiListener,
  createApiServer,
  DynamicKubeClusters,
  ensurePresets,
  type Joining,
  KubeClusterRegistry,
  openStores,
  ProxyRegistry,
  type ServerLimits,
  SessionRegistry,
  type Stores,
  type StrangerPort,
  ViewTickets,
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
import {
  JoinTokens,
  KubeNames,
  type MemberService,
  Members,
  type StaticToken,
} from '../../../../src/join/index.ts'
import { authServerName } from '../../../../src/protocol/index.ts'
import {
  defaultRecordingSettings,
  openDirectoryStore,
  type RecordingStore,
} from '../../../../src/recordings/index.ts'
import { type Backend, openMemoryBackend } from '../../../../src/storage/index.ts'
import { createServerContext } from '../../../../src/tls/index.ts'
import { generateKeyPair, publicKeyToPem } from '../../../../src/x509/index.ts'

export const OWN_HOST_ID = '00000000-0000-4000-8000-000000000000'
export const CLUSTER = 'api.example.com'
/** The live numbers of a process in which nothing happened. */
const testStats = (): LiveStats =>
  new LiveStats({
    clock: systemClock,
    version: '1.0.0',
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
  readonly stack = new AsyncDisposableStack()
  clock: Clock = systemClock
  stores!: Stores
  authorities!: Authorities
  access!: AccessState
  backend!: Backend
  strangers!: StrangerPort
  kubeClusters!: KubeClusterRegistry
  proxies!: ProxyRegistry
  dynamicClusters!: DynamicKubeClusters
  joining!: Joining
  recordings!: RecordingStore
  recordingsPath!: string
  sessions!: SessionRegistry
  port = 0
  /** What a search of the audit log gives. */
  search: AuditReader['search'] = async () => ({ events: this.events, next: null })
  /** Where the next connections come from. */
  address = '127.0.0.1'
  spoolFails = false

  static async start(
    options: {
      secondFactor?: 'off' | 'otp' | 'on'
      clock?: Clock
      webUrl?: string | null
      staticTokens?: readonly StaticToken[]
      limits?: Partial<ServerLimits>
    } = {},
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
    api.proxies = await ProxyRegistry.open(backend, clock)
    api.dynamicClusters = api.stack.use(
      await DynamicKubeClusters.open({ backend, cipher, clock, log: silentLogger }),
    )
    api.joining = {
      tokens: new JoinTokens(backend, clock, options.staticTokens ?? []),
      members: new Members(backend, clock),
      names: new KubeNames(backend, clock),
      ownHostId: OWN_HOST_ID,
      proxyAddress: () => 'proxy.example.com:3080',
      authAddress: 'auth.example.com:3025',
    }
    const directory = await mkdtemp(join(tmpdir(), 'recordings-'))
    api.stack.defer(() => rm(directory, { recursive: true, force: true }))
    api.recordingsPath = directory
    api.recordings = await openDirectoryStore({ path: directory, clock, log: silentLogger })
    api.sessions = new SessionRegistry(clock)
    const server = await createApiServer({
      clusterName: CLUSTER,
      version: '1.0.0',
      kubeAddress: () => 'kube.example.com:3026',
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
      dynamicClusters: api.dynamicClusters,
      joining: api.joining,
      audit,
      events: audit,
      eventSink: {
        store: async (events) => {
          if (api.storeFails) throw new Error('disk full')
          api.stored.push(...events.map(({ json }) => JSON.parse(json.toString()) as AuditEvent))
        },
      },
      recordings: api.recordings,
      recordingSettings: defaultRecordingSettings,
      viewTickets: new ViewTickets(backend, clock),
      sessions: api.sessions,
      membership: {
        claim: async (name, lineage) =>
          (await api.joining.names.claim(name, lineage)).lineage === lineage,
        seen: (member, seen) => api.joining.members.seen(member, seen),
      },
      ownProxies: [{ host: 'proxy.example.com', port: 3080 }],
      proxies: api.proxies,
      stats: testStats(),
      clock,
      log: silentLogger,
      limits: options.limits ?? {},
    })
    api.stack.defer(() => server.app.close())
    api.strangers = server.strangers
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
      limits: options.limits ?? {},
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

  /** Somebody with a role of his own, which allows or denies these verbs on one kind of resource. */
  async withRules(
    user: string,
    resource: string,
    rules: { readonly allow?: readonly string[]; readonly deny?: readonly string[] } = {},
  ): Promise<ApiClient> {
    const name = `role-${user}`
    const of = (verbs: readonly string[] = []): { resources: string[]; verbs: string[] }[] =>
      verbs.length === 0 ? [] : [{ resources: [resource], verbs: [...verbs] }]
    await this.stores.roles.upsert({
      kind: 'role',
      version: 'v7',
      metadata: { name },
      spec: { allow: { rules: of(rules.allow) }, deny: { rules: of(rules.deny) } },
    })
    await expect.poll(() => this.access.current().roles.has(name)).toBe(true)
    return new ApiClient(await this.as(user, [name]))
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

  /** A service of ours in another process; of a lineage, unless it did not join. `joinedAs`: the services of its record. */
  async member(
    hostId: string,
    lineage: string | null,
    services: readonly HostService[] = ['kube'],
    joinedAs: readonly MemberService[] = services.filter((service) => service !== 'auth'),
  ): Promise<ApiConnection> {
    const nowMs = this.clock.now()
    if (lineage !== null) {
      await this.joining.members.enter({
        hostId,
        services: joinedAs,
        lineage,
        labels: {},
        nodename: 'agent',
        version: '1.0.0',
        address: '127.0.0.1:1',
        joinedMs: nowMs,
        lastSeenMs: nowMs,
        certificateEndsMs: nowMs + 3_600_000,
      })
    }
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
