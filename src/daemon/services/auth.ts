import { join } from 'node:path'
import {
  AccessState,
  type ApiListener,
  createApiListener,
  createApiServer,
  createRecordingIntake,
  DynamicKubeClusters,
  ensurePresets,
  type Joining,
  KubeClusterRegistry,
  type Membership,
  openStores,
  type ProxyPlace,
  type ProxyRecord,
  ProxyRegistry,
  RecordingExpiry,
  SessionRegistry,
  type StatsReader,
  type StrangerPort,
  ViewTickets,
} from '../../api/index.ts'
import { type AuditLog, openSpool, type Spool } from '../../audit/index.ts'
import { openLocalUsers } from '../../authn/index.ts'
import {
  type Authorities,
  createPeerParser,
  createSecretCipher,
  openAuthorities,
  type PeerCertificateParser,
} from '../../ca/index.ts'
import { type Clock, errorMessage, type Logger, parseDuration } from '../../core/index.ts'
import { JoinTokens, KubeNames, Members, type StaticToken } from '../../join/index.ts'
import { ANY_AUTH_SERVER_NAME, authServerName } from '../../protocol/index.ts'
import {
  HOST_BYTES_PER_DAY,
  openDirectoryStore,
  type RecordingSettings,
  type RecordingTarget,
  StoreRoom,
  spaceOf,
} from '../../recordings/index.ts'
import { openSqlAuditStore } from '../../sinks/index.ts'
import { openSqlite } from '../../storage/index.ts'
import { keepAdminIdentity } from '../admin-identity.ts'
import { HostCertificates } from '../host-certificates.ts'
import { loadSecretKey } from '../secret-key.ts'

/** How often expired items and events past their retention are removed. */
const SWEEP_EVERY_MS = 60_000

/** What the other services of the process use of the auth service. */
export interface AuthService {
  readonly authorities: Authorities
  readonly access: AccessState
  readonly spool: Spool
  readonly kubeClusters: KubeClusterRegistry
  readonly dynamicClusters: DynamicKubeClusters
  /** Who joined, and whose the clusters' names are. */
  readonly joining: Joining
  readonly listener: ApiListener
  readonly serverName: string
  /** Proves users to the kubernetes service. */
  readonly userPeers: PeerCertificateParser
  /** Proves services of ours to each other. */
  readonly hostPeers: PeerCertificateParser
  readonly certificates: HostCertificates
  /** What web pages call for whoever looks at them. */
  readonly strangers: StrangerPort
  /** Which sessions go on at which service. */
  readonly sessions: SessionRegistry
  /** Takes recordings of this process. */
  readonly recordings: RecordingTarget
}

/** Opens the auth service; everything that it owns is disposed with `stack`, in reverse order. */
export async function openAuthService(
  stack: AsyncDisposableStack,
  options: {
    readonly dataDir: string
    /** `:memory:` or a file. */
    readonly databasePath: string
    /** The directory where recordings of sessions are kept. */
    readonly recordingsPath: string
    /** What one service may bring in a day, in bytes; 0: as much as the disk has. */
    readonly recordingHostQuota?: number
    readonly recordingSettings: RecordingSettings
    /** How long they are kept after their session; null: forever. */
    readonly recordingRetentionMs: number | null
    readonly clusterName: string
    readonly hostId: string
    readonly version: string
    /** What the configuration says; null: what proxies of other processes say. */
    readonly kubeAddress: string | null
    readonly webUrl: string | null
    /** Where members find the proxies that the configuration of this process names. */
    readonly ownProxies: readonly ProxyPlace[]
    readonly secondFactor: 'off' | 'otp' | 'on'
    /** Those of the configuration file. */
    readonly staticTokens: readonly StaticToken[]
    /** Where agents find this cluster, `host:port`; null: nowhere. */
    readonly joinAddresses: { readonly proxy: string | null; readonly auth: string | null }
    /** Where `tctl` on this machine finds us. */
    readonly localAddress: { readonly host: string; readonly port: number }
    /** Live numbers; the events of the management API are counted on their way to the spool. */
    readonly stats: StatsReader & { countingAudit(audit: AuditLog): AuditLog }
    readonly env: Readonly<Record<string, string | undefined>>
    readonly clock: Clock
    readonly log: Logger
    /** Storage died under us: the process cannot go on. */
    readonly onFatal: (error: Error) => void
  },
): Promise<AuthService> {
  const { dataDir, clusterName, hostId, clock, log } = options

  const database = stack.use(await openSqlite({ path: options.databasePath, clock, log }))
  const { backend } = database
  database.ended.catch((error: unknown) => options.onFatal(toError(error)))
  const cipher = createSecretCipher(await loadSecretKey(dataDir, options.env))
  const authorities = stack.use(await openAuthorities({ backend, cipher, clock, clusterName, log }))
  const stores = openStores(backend, clock)
  await ensurePresets(stores)
  const access = stack.use(await AccessState.open(backend, log, clock))

  const events = await openSqlAuditStore(database)
  const spool = stack.use(await openSpool({ directory: join(dataDir, 'spool'), clock, log }))
  const shipping = new AbortController()
  const shipped = spool.ship(events, shipping.signal)
  shipped.catch((error: unknown) => options.onFatal(toError(error)))
  stack.defer(async () => {
    shipping.abort()
    await shipped.catch(() => {})
  })

  const audit = options.stats.countingAudit(spool)
  const recordings = await openDirectoryStore({
    path: options.recordingsPath,
    clock,
    log,
    room: new StoreRoom({
      space: () => spaceOf(options.recordingsPath),
      hostBytesPerDay: options.recordingHostQuota ?? HOST_BYTES_PER_DAY,
      clock,
      log,
    }),
  })

  const sessions = new SessionRegistry(clock)
  const proxies = await ProxyRegistry.open(backend, clock)
  const kubeClusters = new KubeClusterRegistry(backend, clock)
  // From here on it knows what an earlier process knew.
  await kubeClusters.list()
  const dynamicClusters = stack.use(await DynamicKubeClusters.open({ backend, cipher, clock, log }))
  const joining: Joining = {
    tokens: new JoinTokens(backend, clock, options.staticTokens),
    members: new Members(backend, clock),
    names: new KubeNames(backend, clock),
    ownHostId: hostId,
    proxyAddress: () => options.joinAddresses.proxy ?? firstOf(proxies, ({ web }) => web),
    authAddress: options.joinAddresses.auth,
  }
  const sweep = async (): Promise<void> => {
    await backend.sweep(clock.now())
    proxies.forgetSilent()
    sessions.forgetSilent()
    const { audit_retention: retention } = access.current().settings
    if (retention === undefined) return
    const before = clock.now() - parseDuration(retention)
    await events.deleteBefore(new Date(before).toISOString())
  }
  const { recordingRetentionMs: retentionMs } = options
  const expiry =
    retentionMs === null
      ? null
      : stack.use(new RecordingExpiry({ recordings, audit, clusterName, clock, log, retentionMs }))
  const sweeper = setInterval(() => {
    void expiry?.round()
    sweep().catch((error: unknown) =>
      log.warn({ error: errorMessage(error) }, 'cannot remove what has expired from storage'),
    )
  }, SWEEP_EVERY_MS)
  stack.defer(() => clearInterval(sweeper))

  const trust = (): ReturnType<Authorities['trust']> => authorities.trust()
  const peers = createPeerParser({
    trust,
    teleportCluster: clusterName,
    accept: ['user', 'host', 'admin'],
  })
  const userPeers = createPeerParser({ trust, teleportCluster: clusterName, accept: ['user'] })
  const hostPeers = createPeerParser({
    trust,
    teleportCluster: clusterName,
    accept: ['host'],
    hostBar: (id, nowMs) => access.current().hostBar(id, nowMs),
  })

  const server = await createApiServer({
    clusterName,
    version: options.version,
    kubeAddress: () => options.kubeAddress ?? firstOf(proxies, ({ kube }) => kube),
    webUrl: options.webUrl,
    secondFactor: options.secondFactor,
    stores,
    access,
    authorities,
    localUsers: await openLocalUsers({
      backend,
      cipher,
      clock,
      secondFactor: options.secondFactor !== 'off',
    }),
    peers,
    kubeClusters,
    dynamicClusters,
    joining,
    audit,
    events,
    eventSink: events,
    membership: membershipOf(joining),
    recordings,
    recordingSettings: options.recordingSettings,
    viewTickets: new ViewTickets(backend, clock),
    sessions,
    ownProxies: options.ownProxies,
    proxies,
    stats: options.stats,
    clock,
    log,
  })
  stack.defer(() => server.app.close())

  const serverName = authServerName(clusterName)
  const certificates = await HostCertificates.open(
    authorities,
    { kind: 'host', teleportCluster: clusterName, hostId, services: ['auth'] },
    clock,
  )
  const listener = createApiListener({
    server,
    secureContext: async (name) =>
      name === serverName || name === ANY_AUTH_SERVER_NAME
        ? certificates.secureContext(name)
        : null,
    peers,
    clock,
    log,
  })
  stack.use(
    await keepAdminIdentity({
      dataDir,
      authorities,
      teleportCluster: clusterName,
      hostId,
      address: options.localAddress,
      serverName,
      log,
    }),
  )
  return {
    authorities,
    access,
    spool,
    kubeClusters,
    dynamicClusters,
    joining,
    listener,
    serverName,
    userPeers,
    hostPeers,
    certificates,
    strangers: server.strangers,
    sessions,
    recordings: createRecordingIntake({ recordings, audit, clusterName, clock }),
  }
}

/** What the endpoints for members ask of those who joined. */
const membershipOf = ({ members, names }: Joining): Membership => ({
  claim: async (name, lineage) => (await names.claim(name, lineage)).lineage === lineage,
  seen: (member, seen) => members.seen(member, seen),
})

/** What one of the proxies says that says something. */
function firstOf(proxies: ProxyRegistry, of: (proxy: ProxyRecord) => string | null): string | null {
  for (const proxy of proxies.list()) {
    const said = of(proxy)
    if (said !== null) return said
  }
  return null
}

const toError = (error: unknown): Error =>
  error instanceof Error ? error : new Error(errorMessage(error))
