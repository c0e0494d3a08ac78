import { join } from 'node:path'
import { openSpool, type Spool } from '../../audit/index.ts'
import type { ClusterMatcher } from '../../authz/index.ts'
import { createPeerParser, createSecretCipher, type PeerCertificateParser } from '../../ca/index.ts'
import { type Clock, errorMessage, type Logger } from '../../core/index.ts'
import type { AccessSnapshots } from '../../forwarder/index.ts'
import {
  createRemoteRecordings,
  createRemoteSink,
  Heartbeats,
  MemberAccess,
  type MemberCall,
  MemberCertificates,
  MemberDynamicClusters,
  type MemberIdentity,
} from '../../member/index.ts'
import type { RecordingTarget } from '../../recordings/index.ts'
import { loadSecretKey } from '../secret-key.ts'
import type { ClusterInventory, KubeCertificates } from './kube-ports.ts'
import { memberSessions, type SessionLink } from './sessions.ts'

/** A way to the auth service, as the member that this process is. */
export interface MemberLink {
  readonly identity: MemberIdentity
  /** Calls that may take that long, on connections of their own. */
  calls(timeoutMs: number): Disposable & { readonly call: MemberCall }
}

/** What the services of a process without auth use in its place. */
export interface MemberService {
  readonly access: AccessSnapshots &
    Pick<MemberAccess, 'recording' | 'proxies' | 'onProxiesChange' | 'trust' | 'hostBar'>
  /** Proves users to the kubernetes service. */
  readonly userPeers: PeerCertificateParser
  /** Proves proxies to it. */
  readonly hostPeers: PeerCertificateParser
  readonly authorities: { onChange(listener: () => void): () => void }
  readonly certificates: KubeCertificates & Pick<MemberCertificates, 'pairOf' | 'onChange'>
  readonly spool: Spool
  readonly inventory: ClusterInventory
  readonly sessions: SessionLink
  /** Where recordings of sessions are delivered. */
  readonly recordings: RecordingTarget
  /** Null: this service picks none up. */
  readonly dynamic: MemberDynamicClusters | null
}

/** A call that waits for news is answered within 25 s; who is not answered then is cut off from the auth service. */
const WAITING_CALL_MS = 35_000
/** People wait for a lease; their service counts for itself when it does not come. */
const SESSION_CALL_MS = 5000
/** All other calls: longer, and the next heartbeat is due. */
const CALL_MS = 15_000
/** A chunk of a recording over a slow line; the spool has the patience. */
const UPLOAD_MS = 60_000

/** Opens what a member has instead of an auth service; everything is disposed with `stack`, in reverse order. */
export async function openMemberService(
  stack: AsyncDisposableStack,
  options: {
    readonly link: MemberLink
    readonly dataDir: string
    readonly version: string
    /** host:port where proxies reach this process; null when it dials out. */
    readonly address: string | null
    /** Which dynamic clusters this service wants; none: it asks for none. */
    readonly resources: readonly ClusterMatcher[]
    readonly env: Readonly<Record<string, string | undefined>>
    readonly clock: Clock
    readonly log: Logger
    /** Ends the wait for the auth service at start. */
    readonly signal: AbortSignal
    readonly onFatal: (error: Error) => void
  },
): Promise<MemberService> {
  const { link, dataDir, clock, log } = options
  const { identity } = link
  const waiting = stack.use(link.calls(WAITING_CALL_MS))
  const calls = stack.use(link.calls(CALL_MS))
  const sessionCalls = stack.use(link.calls(SESSION_CALL_MS))
  const uploads = stack.use(link.calls(UPLOAD_MS))
  const call: MemberCall = (name, input) => calls.call(name, input)

  const access = stack.use(
    await MemberAccess.open({
      identity,
      call: (name, input) => waiting.call(name, input),
      path: join(dataDir, 'member-state.json'),
      clock,
      log,
      signal: options.signal,
    }),
  )
  const certificates = stack.use(
    await MemberCertificates.open({
      identity,
      call,
      path: join(dataDir, 'member-certificates.json'),
      clock,
      log,
    }),
  )
  const dynamic =
    options.resources.length === 0
      ? null
      : stack.use(
          await MemberDynamicClusters.open({
            resources: options.resources,
            call: (name, input) => waiting.call(name, input),
            cipher: createSecretCipher(await loadSecretKey(dataDir, options.env)),
            path: join(dataDir, 'member-kube-clusters.json'),
            log,
          }),
        )
  const spool = stack.use(await openSpool({ directory: join(dataDir, 'spool'), clock, log }))
  const shipping = new AbortController()
  const shipped = spool.ship(createRemoteSink(call, log), shipping.signal)
  shipped.catch((error: unknown) =>
    options.onFatal(error instanceof Error ? error : new Error(errorMessage(error))),
  )
  stack.defer(async () => {
    shipping.abort()
    await shipped.catch(() => {})
  })
  return {
    access,
    userPeers: createPeerParser({
      trust: () => access.trust(),
      teleportCluster: identity.teleportCluster,
      accept: ['user'],
    }),
    hostPeers: createPeerParser({
      trust: () => access.trust(),
      teleportCluster: identity.teleportCluster,
      accept: ['host'],
      hostBar: (id, nowMs) => access.hostBar(id, nowMs),
    }),
    // Authorities come with users and roles; one change of both is told once.
    authorities: { onChange: () => () => {} },
    certificates,
    dynamic,
    sessions: memberSessions({
      call: (name, input) => sessionCalls.call(name, input),
      waiting: (name, input) => waiting.call(name, input),
      clock,
      log,
    }),
    spool,
    recordings: createRemoteRecordings((name, input) => uploads.call(name, input)),
    inventory: new Heartbeats({
      call,
      version: options.version,
      address: options.address,
      log,
      onRefused: (names) => certificates.drop(names),
    }),
  }
}
