import type { Http2Session } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { SecureContext, TLSSocket } from 'node:tls'
import { type EncodedAuditLog, UnprovenEvents } from '../audit/index.ts'
import { type Clock, errorMessage, type Logger } from '../core/index.ts'
import { type ConnectionOrigin, createTlsDoor, type SecuredConnection } from '../tls/index.ts'
import { Connection } from './connection.ts'
import { Crowd } from './crowd.ts'
import type { ForwarderMetrics, HandlerDeps } from './deps.ts'
import type { ClientExchange } from './exchange.ts'
import { createHttp1 } from './h1.ts'
import { serveHttp2 } from './h2.ts'
import { handle } from './handle.ts'
import { defaultForwarderLimits, type ForwarderLimits, strangersLimits } from './limits.ts'
import { LINGER_MS } from './linger.ts'
import { LiveExchanges } from './live.ts'
import type {
  AccessSnapshots,
  PeerCertificate,
  PeerCertificateParser,
  ServedClusters,
  SessionLeases,
  SessionRecorder,
} from './ports.ts'
import { RememberedServers } from './remembered-servers.ts'
import { type LiveSessions, SessionsHere } from './session/live-sessions.ts'
import { LongCommands } from './session/long-commands.ts'

/** How often a drain looks whether everything has ended. */
const DRAIN_LOOK_MS = 20
/** For the last bytes and events of what was cut. */
const LAST_WORDS_MS = 50

export interface ForwarderOptions {
  readonly clusters: ServedClusters
  readonly peers: PeerCertificateParser
  readonly access: AccessSnapshots
  /** The TLS context of a served cluster's name. */
  readonly certificates: { secureContext(serverName: string): Promise<SecureContext> }
  readonly audit: EncodedAuditLog
  readonly auditMode: 'strict' | 'best_effort'
  readonly clusterName: string
  readonly hostId: string
  readonly clock: Clock
  readonly log: Logger
  /** Null: this service records nothing. */
  readonly recorder?: SessionRecorder | null
  readonly limits?: Partial<ForwarderLimits>
  readonly metrics?: ForwarderMetrics
  /** Without it, each service counts the sessions of a person for itself. */
  readonly leases?: SessionLeases
}

/** The data path of the kubernetes service. */
export interface Forwarder {
  /** Takes a socket at its ClientHello. */
  accept(socket: Duplex, origin: ConnectionOrigin): void
  /** What goes on as exec and attach. */
  readonly sessions: LiveSessions
  stats(): { readonly connections: number; readonly exchanges: number }
  /** Tells clients to go elsewhere, ends watches, lets other exchanges end, cuts what is left after `graceMs`. */
  close(graceMs: number): Promise<void>
}

export function createForwarder(options: ForwarderOptions): Forwarder {
  const limits = { ...defaultForwarderLimits, ...options.limits }
  const live = new LiveExchanges()
  const sessions = new SessionsHere((id) => options.leases?.release(id))
  const unproven = new UnprovenEvents(options.audit, options.clock, options.log)
  const deps: HandlerDeps = {
    access: options.access,
    isServed: (cluster) => options.clusters.byServerName(cluster.serverName) === cluster,
    audit: options.audit,
    unproven,
    auditMode: options.auditMode,
    clusterName: options.clusterName,
    hostId: options.hostId,
    clock: options.clock,
    log: options.log,
    limits,
    metrics: options.metrics ?? null,
    recorder: options.recorder ?? null,
    live,
    servers: new RememberedServers(),
    tunnels: new RememberedServers(),
    longCommands: new LongCommands(),
    sessions,
    leases: options.leases ?? null,
  }
  const served = serveConnections({
    limits,
    log: options.log,
    secureContext: async (serverName) =>
      options.clusters.byServerName(serverName) === null
        ? null
        : options.certificates.secureContext(serverName),
    bind: async ({ serverName, certificate, origin }) => {
      const cluster = options.clusters.byServerName(serverName)
      return cluster === null
        ? null
        : new Connection(options.peers.parse(certificate), origin, cluster)
    },
    holder: ({ peer }) => holderOf(peer, deps),
    handle: (connection, exchange) => void handle(deps, connection, exchange),
  })
  const stopWatching = options.access.onChange(() => live.recheck())
  const sweeper = setInterval(() => live.sweep(options.clock.now()), limits.sweepIntervalMs)
  sweeper.unref()
  return {
    accept: served.accept,
    sessions,
    stats: () => ({ connections: served.connections(), exchanges: live.size }),
    async close(graceMs) {
      await served.close(graceMs, live)
      stopWatching()
      clearInterval(sweeper)
      await unproven.flush().catch((error: unknown) => {
        options.log.error({ error: errorMessage(error) }, 'gathered refusals cannot be audited')
      })
    },
  }
}

/** The name of whoever a connection is proven to be of, as of now; null for nobody, and for who is gone. */
export function holderOf(
  peer: PeerCertificate,
  { access, clock }: Pick<HandlerDeps, 'access' | 'clock'>,
): string | null {
  const verdict = peer.judge(clock.now())
  if (!verdict.ok || verdict.identity.kind !== 'user') return null
  return access.current().subject(verdict.identity) === null ? null : verdict.identity.user
}

/** Connections by HTTP/1.1 and HTTP/2, each bound to something before its first request; shared with `undeliverable`. */
export function serveConnections<Bound>(options: {
  readonly limits: ForwarderLimits
  readonly log: Logger
  readonly secureContext: (serverName: string) => Promise<SecureContext | null>
  /** Null: the connection is closed. */
  readonly bind: (connection: SecuredConnection) => Promise<Bound | null>
  /** Whose share of the connections it takes; null: that of strangers. */
  readonly holder: (bound: Bound) => string | null
  readonly handle: (bound: Bound, exchange: ClientExchange) => void
}): {
  accept(socket: Duplex, origin: ConnectionOrigin): void
  connections(): number
  close(graceMs: number, live: LiveExchanges): Promise<void>
} {
  const bound = new WeakMap<TLSSocket, Bound>()
  const sessions = new Set<Http2Session>()
  const exchanges = new Crowd<ClientExchange>()
  let closing = false
  let isOver = false
  const dispatch = (exchange: ClientExchange, socket: TLSSocket): void => {
    exchange.onClosed(exchanges.enter(exchange))
    const to = bound.get(socket)
    // Nobody would hear the answer on a connection whose half of ours has ended.
    if (to === undefined || isOver || socket.writableEnded) exchange.reset()
    else options.handle(to, exchange)
  }
  const forStrangers = strangersLimits(options.limits)
  const known = { limits: options.limits, http1: createHttp1(options.limits, dispatch) }
  const stranger = { limits: forStrangers, http1: createHttp1(forStrangers, dispatch) }
  const door = createTlsDoor({
    alpnProtocols: ['h2', 'http/1.1'],
    requestCertificate: true,
    // Older versions show the client's certificate to whoever moves the bytes.
    minVersion: 'TLSv1.3',
    handshakeTimeoutMs: options.limits.handshakeTimeoutMs,
    maxConnections: options.limits.maxConnections,
    limits: options.limits,
    log: options.log,
    secureContext: options.secureContext,
    onSecured: async (connection) => {
      const to = await options.bind(connection)
      const { socket, protocol } = connection
      if (to === null || socket.destroyed) {
        socket.destroy()
        return
      }
      const holder = options.holder(to)
      if (!connection.hold(holder)) return
      bound.set(socket, to)
      const serving = holder === null ? stranger : known
      if (protocol !== 'h2') {
        serving.http1.emit('connection', socket)
        return
      }
      const session = serveHttp2(socket, serving.limits, dispatch)
      sessions.add(session)
      session.once('close', () => sessions.delete(session))
      if (closing) session.close()
    },
  })
  return {
    accept: (socket, origin) => door.accept(socket, origin),
    connections: () => door.connections,
    async close(graceMs, live) {
      closing = true
      // HTTP/2 clients are told by GOAWAY, HTTP/1.1 ones by closing what is idle.
      for (const session of sessions) session.close()
      const deadline = AbortSignal.timeout(graceMs)
      for (let quietLooks = 0; ; quietLooks += 1) {
        for (const { http1 } of [known, stranger]) http1.closeIdleConnections()
        live.cutResumable()
        if (exchanges.size > 0) quietLooks = 0
        // Sent is not read: whoever says a word, as HTTP/2 does for each piece that it takes, to a connection that is closed loses the rest.
        const isRead = door.connections === 0 || quietLooks * DRAIN_LOOK_MS >= LINGER_MS
        if (deadline.aborted || (exchanges.size === 0 && isRead)) break
        await new Promise((resolve) => setTimeout(resolve, DRAIN_LOOK_MS))
      }
      isOver = true
      live.cutAll()
      await new Promise((resolve) => setTimeout(resolve, LAST_WORDS_MS))
      for (const { http1 } of [known, stranger]) http1.close()
      door.destroy()
    },
  }
}
