import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { AuditEvent } from '../../../../src/audit/index.ts'
import type { ClusterMatcher } from '../../../../src/authz/index.ts'
import { ApiClient, readAdminIdentity } from '../../../../src/client/index.ts'
import type { RoleResource, UserResource } from '../../../../src/contract/index.ts'
import type { Clock, Logger } from '../../../../src/core/index.ts'
import { silentLogger, systemClock } from '../../../../src/core/index.ts'
import { createMetrics } from '../../../../src/daemon/metrics.ts'
import { type Agent, openAgent } from '../../../../src/daemon/run-agent.ts'
import { type AuthService, openAuthService } from '../../../../src/daemon/services/auth.ts'
import type { MemberLink } from '../../../../src/daemon/services/member.ts'
import { LiveStats } from '../../../../src/daemon/stats/live-stats.ts'
import { type DemoCluster, openDemoCluster } from '../../../../src/demo/index.ts'
import { writePrivateFile } from '../../../../src/files/index.ts'
import { authServerName, kubeServerName } from '../../../../src/protocol/index.ts'
import {
  defaultRecordingSettings,
  type RecordingSettings,
} from '../../../../src/recordings/index.ts'
import { generateKeyPair, publicKeyToPem } from '../../../../src/x509/index.ts'
import { KubeClient } from '../../../support/kube-client.ts'

export const TELEPORT = 'member.example.com'
export const CLUSTER = 'demo'

/** The machine's clock, and as far ahead as a test says. */
export class MovableClock implements Clock {
  aheadMs = 0

  now(): number {
    return Date.now() + this.aheadMs
  }
}

/** An auth service that can be killed and started again on the same port, with its data in a directory of its own. */
export class AuthParty implements AsyncDisposable {
  readonly directory: string
  port = 0
  /** How sessions are recorded, from the next start on. */
  recording: RecordingSettings = defaultRecordingSettings
  /** What one service may bring of them in a day, from the next start on. */
  recordingHostQuota = 0
  #stack: AsyncDisposableStack | null = null
  #service: AuthService | null = null

  constructor(directory: string) {
    this.directory = directory
  }

  get service(): AuthService {
    if (this.#service === null) throw new Error('the auth service does not run')
    return this.#service
  }

  async start(): Promise<void> {
    const stack = new AsyncDisposableStack()
    const server = createServer((socket) =>
      service.listener.accept(socket, {
        address: socket.remoteAddress ?? '',
        port: socket.remotePort ?? 0,
      }),
    )
    const service = await openAuthService(stack, {
      dataDir: this.directory,
      databasePath: join(this.directory, 'teleport.db'),
      recordingsPath: join(this.directory, 'recordings'),
      recordingRetentionMs: null,
      recordingHostQuota: this.recordingHostQuota,
      recordingSettings: this.recording,
      clusterName: TELEPORT,
      hostId: 'auth',
      version: '0.0.0',
      kubeAddress: null,
      webUrl: null,
      ownProxies: [],
      secondFactor: 'off',
      staticTokens: [],
      joinAddresses: { proxy: null, auth: null },
      localAddress: { host: '127.0.0.1', port: 1 },
      stats: new LiveStats({
        clock: systemClock,
        version: '0.0.0',
        clusterName: TELEPORT,
        eventLoop: { read: () => ({ p50: 0, p99: 0, max: 0 }), [Symbol.dispose]: () => {} },
      }),
      env: {},
      clock: systemClock,
      log: silentLogger,
      onFatal: () => {},
    })
    stack.defer(() => service.listener.close(0))
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve))
    stack.defer(() => void server.close())
    const address = server.address()
    if (address !== null && typeof address !== 'string') this.port = address.port
    this.#stack = stack
    this.#service = service
  }

  async stop(): Promise<void> {
    const stack = this.#stack
    this.#stack = null
    this.#service = null
    await stack?.[Symbol.asyncDispose]()
  }

  async admin(): Promise<ApiClient> {
    const identity = await readAdminIdentity(this.directory)
    return new ApiClient({ ...identity, port: this.port })
  }

  /** Everything that was stored of requests, oldest first. */
  async requests(): Promise<AuditEvent[]> {
    using client = await this.admin()
    const { items } = await client.call('events.list', {
      query: { event: 'kube.request', order: 'asc', limit: 1000 },
    })
    return items
  }

  /** Makes a member out of a host id, as joining does. */
  async link(
    hostId: string,
    lineage: string,
    pipe: { readonly up: boolean } = { up: true },
    kubeResources: readonly ClusterMatcher[] = [],
  ): Promise<MemberLink> {
    const { privateKey, publicKey } = await generateKeyPair()
    const { authorities } = this.service
    const issued = await authorities.issueHost({
      identity: { kind: 'host', teleportCluster: TELEPORT, hostId, services: ['kube'] },
      publicKeyPem: publicKeyToPem(publicKey),
      dnsNames: [],
      ipAddresses: [],
      ttlMs: 24 * 3_600_000,
    })
    await this.service.joining.members.enter({
      hostId,
      services: ['kube'],
      lineage,
      labels: {},
      kubeResources,
      nodename: hostId,
      version: '0.0.0',
      address: '127.0.0.1:1',
      joinedMs: Date.now(),
      lastSeenMs: Date.now(),
      certificateEndsMs: issued.expiresAtMs,
    })
    const credentials = {
      certificatePem: issued.certificatePem,
      privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      hostCaPem: authorities.hostCaPem,
      expiresAtMs: issued.expiresAtMs,
    }
    return {
      identity: {
        hostId,
        teleportCluster: TELEPORT,
        services: ['kube'],
        labels: {},
        current: () => credentials,
        onChange: () => () => {},
      },
      calls: (timeoutMs) => {
        const client = new ApiClient({
          host: '127.0.0.1',
          port: this.port,
          serverName: authServerName(TELEPORT),
          hostCa: credentials.hostCaPem,
          certificate: credentials.certificatePem,
          privateKey: credentials.privateKeyPem,
          timeoutMs,
        })
        return {
          call: async (name, input) => {
            if (!pipe.up) throw new Error('the network is cut')
            return client.call(name, input as Parameters<typeof client.call<typeof name>>[1])
          },
          [Symbol.dispose]: () => client[Symbol.dispose](),
        }
      },
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

/** An agent that can be killed and started again with what it left in its directory. */
export class AgentParty implements AsyncDisposable {
  readonly directory: string
  readonly #demo: DemoCluster | null
  readonly #resources: readonly ClusterMatcher[]
  readonly #link: MemberLink
  readonly #clock: Clock
  readonly #log: Logger
  #stack: AsyncDisposableStack | null = null
  #agent: Agent | null = null

  constructor(options: {
    directory: string
    /** Null: it serves dynamic clusters alone. */
    demo: DemoCluster | null
    resources?: readonly ClusterMatcher[]
    link: MemberLink
    clock?: Clock
    log?: Logger
  }) {
    this.directory = options.directory
    this.#demo = options.demo
    this.#resources = options.resources ?? []
    this.#link = options.link
    this.#clock = options.clock ?? systemClock
    this.#log = options.log ?? silentLogger
  }

  get agent(): Agent {
    if (this.#agent === null) throw new Error('the agent does not run')
    return this.#agent
  }

  async start(signal: AbortSignal = new AbortController().signal): Promise<void> {
    const kubeconfigFile = join(this.directory, 'kubeconfig')
    if (this.#demo !== null) await writePrivateFile(kubeconfigFile, this.#demo.kubeconfig())
    const metrics = createMetrics()
    await using stack = new AsyncDisposableStack()
    const agent = await openAgent(stack, {
      config: {
        dataDir: this.directory,
        kube: {
          enabled: true,
          enabledInPod: false,
          listen: { host: '127.0.0.1', port: 0 },
          publicAddresses: [],
          kubeconfigFile: this.#demo === null ? null : kubeconfigFile,
          kubeClusterName: null,
          resources: this.#resources,
          labels: { env: 'test' },
          commands: [],
          audit: 'strict',
        },
      },
      link: this.#link,
      version: '0.0.0',
      metrics,
      measured: metrics.forwarder,
      env: {},
      clock: this.#clock,
      log: this.#log,
      signal,
      onFatal: () => {},
    })
    stack.defer(() => agent.kube.forwarder.close(0))
    this.#agent = agent
    this.#stack = stack.move()
  }

  async stop(): Promise<void> {
    const stack = this.#stack
    this.#stack = null
    this.#agent = null
    await stack?.[Symbol.asyncDispose]()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

/** Auth, a demo cluster and a person in it, each with a directory of its own. */
export class Parties implements AsyncDisposable {
  readonly stack = new AsyncDisposableStack()
  auth!: AuthParty
  demo!: DemoCluster

  static async open(): Promise<Parties> {
    const parties = new Parties()
    parties.auth = parties.stack.use(new AuthParty(await parties.directory()))
    await parties.auth.start()
    parties.demo = parties.stack.use(
      await openDemoCluster({ clock: systemClock, log: silentLogger }),
    )
    using admin = await parties.auth.admin()
    await admin.call('roles.create', { body: role('dev', {}) })
    await admin.call('users.create', { body: user('alice', ['dev']) })
    return parties
  }

  async directory(): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), 'member-'))
    this.stack.defer(() => rm(path, { recursive: true, force: true }))
    return path
  }

  async agent(
    link: MemberLink,
    options: {
      clock?: Clock
      log?: Logger
      directory?: string
      demo?: null
      resources?: readonly ClusterMatcher[]
    } = {},
  ): Promise<AgentParty> {
    const { directory = await this.directory(), ...rest } = options
    return this.stack.use(new AgentParty({ directory, demo: this.demo, link, ...rest }))
  }

  /** A certificate of a person, as a client of an agent's port. */
  async person(name: string, cluster = CLUSTER): Promise<(agent: AgentParty) => KubeClient> {
    const { privateKey, publicKey } = await generateKeyPair()
    using admin = await this.auth.admin()
    const issued = await admin.call('users.certificates.create', {
      params: { name },
      body: { public_key: publicKeyToPem(publicKey) },
    })
    const tls = {
      ca: issued.host_ca,
      cert: issued.certificate,
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      servername: kubeServerName(TELEPORT, cluster),
    }
    return (party) =>
      this.stack.use(
        KubeClient.withCertificate({ host: '127.0.0.1', port: party.agent.port ?? 0 }, tls),
      )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stack[Symbol.asyncDispose]()
  }
}

/** A role that gives everything in the clusters of the test. */
export const role = (name: string, options: Readonly<Record<string, unknown>>): RoleResource => ({
  kind: 'role',
  version: 'v7',
  metadata: { name },
  spec: {
    options,
    allow: { kubernetes_groups: ['system:masters'], kubernetes_labels: { env: 'test' } },
  },
})

export const user = (name: string, roles: string[]): UserResource => ({
  kind: 'user',
  version: 'v2',
  metadata: { name },
  spec: { roles },
})

/** Until all that an agent wrote is in the auth service. */
export async function delivered(party: AgentParty): Promise<void> {
  const waiting = (): number => party.agent.member.spool.stats().pendingEvents
  await expect.poll(waiting, { timeout: 20_000 }).toBe(0)
}
