import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import {
  type Clock,
  errorMessage,
  followSignals,
  formatAddress,
  type Logger,
  tlsWords,
} from '../core/index.ts'
import { decodeIdentity, IDENTITY_OID } from '../identity/index.ts'
import { proxyServerName, TUNNEL_ALPN } from '../protocol/index.ts'
import { parseCertificate } from '../x509/index.ts'
import { AgentSession, type TunnelledConnection } from './agent-session.ts'
import type { DialBackAddress } from './dial-back/agent-end.ts'
import { TunnelError } from './errors.ts'
import type { TunnelLimits } from './limits.ts'
import { type LinkEvent, type LinkState, stepLink } from './link.ts'
import type { ProxyAddress, ProxyClaims } from './proxy-claims.ts'

/** What the agent is to the proxies, in PEM; renewed underneath. */
export interface TunnelIdentity {
  readonly teleportCluster: string
  current(): {
    readonly certificatePem: string
    readonly privateKeyPem: string
    readonly hostCaPem: string
  }
  /** Calls back when `current()` is another one, until the returned function is called. */
  onChange(listener: () => void): () => void
}

export interface LinkDeps {
  readonly identity: TunnelIdentity
  /** A plain connection to an address, through an HTTP proxy where the network asks for one. */
  readonly dial: (address: ProxyAddress, signal: AbortSignal) => Promise<Duplex>
  /** Whether a proxy may ask for plain connections to this address: nothing else stands on the way. */
  readonly mayDialBack: (address: ProxyAddress) => boolean
  readonly announcement: () => string
  readonly serves: (serverName: string) => boolean
  readonly onConnection: (stream: Duplex, connection: TunnelledConnection) => void
  /** Why a proxy is not to be trusted, although its certificate is genuine; null: it is. */
  readonly hostBar?: (hostId: string, nowMs: number) => string | null
  readonly claims: ProxyClaims
  /** The proxies behind an address, as far as they are known now. */
  readonly behind: (address: ProxyAddress) => ReadonlySet<string>
  readonly clock: Clock
  readonly random: () => number
  readonly limits: TunnelLimits
  readonly log: Logger
}

/** The tunnel to one proxy, as an administrator wants to know it. */
export interface TunnelStatus {
  readonly proxy: string
  readonly state: LinkState['kind']
  /** People's connections that it carries, those of tunnels that end included. */
  readonly streams: number
  /** Why there is none, when there is none. */
  readonly problem: string | null
}

/** Keeps a tunnel to one proxy: dials, waits, dials again, and replaces one that ends without dropping what runs in it. */
export class AgentLink {
  readonly #address: ProxyAddress
  readonly #deps: LinkDeps
  readonly #log: Logger
  /** Each with the host id of its proxy: behind a balancer those that end may be with another one. */
  readonly #sessions = new Map<AgentSession, string>()
  #state: LinkState = { kind: 'waiting', failures: 0, forMs: 0 }
  #current: AgentSession | null = null
  #connecting = new AbortController()
  #timer: NodeJS.Timeout | null = null
  /** Who answered last; null before the first time. */
  #leadsTo: string | null = null
  #problem: string | null = null

  constructor(address: ProxyAddress, deps: LinkDeps) {
    this.#address = address
    this.#deps = deps
    this.#log = deps.log.child({ proxy: formatAddress(address.host, address.port) })
  }

  start(): void {
    this.#dispatch({ kind: 'due' })
  }

  status(): TunnelStatus {
    const { host, port } = this.#address
    let streams = 0
    for (const session of this.#sessions.keys()) streams += session.streams
    return {
      proxy: formatAddress(host, port),
      state: this.#state.kind,
      streams,
      problem: this.#problem,
    }
  }

  get sessions(): number {
    return this.#sessions.size
  }

  announce(): void {
    this.#current?.announce()
  }

  get isUp(): boolean {
    return this.#state.kind === 'up'
  }

  /** Proxies, or tunnels to them, are not what they were. */
  reconsider(): void {
    this.#dispatch({ kind: 'wanted' })
  }

  /** Our certificate is a new one: a tunnel with it takes the place of the one that is. */
  renew(): void {
    // Behind a balancer another proxy may answer, whose link comes to ours.
    this.#release()
    this.#dispatch({ kind: 'outdated' })
  }

  look(nowMs: number): void {
    for (const [session, hostId] of this.#sessions) {
      const bar = this.#deps.hostBar?.(hostId, nowMs) ?? null
      if (bar !== null) session.destroy()
      session.look(nowMs)
    }
  }

  /** Lets what runs end, and takes no more. */
  stop(): void {
    this.#dispatch({ kind: 'stop' })
  }

  destroy(): void {
    this.stop()
    for (const session of this.#sessions.keys()) session.destroy()
  }

  #dispatch(event: LinkEvent): void {
    const { clock, random, limits } = this.#deps
    const before = this.#state
    const step = stepLink(before, event, { nowMs: clock.now(), random: random(), limits })
    this.#state = step.state
    for (const effect of step.effects) {
      switch (effect) {
        case 'wait':
          this.#wait()
          break
        case 'connect':
          void this.#connect()
          break
        case 'drainOthers':
          for (const session of this.#sessions.keys()) {
            if (session !== this.#current) session.drain()
          }
          break
        case 'stop':
          this.#connecting.abort(new Error('stopped'))
          if (this.#timer !== null) clearTimeout(this.#timer)
          for (const session of this.#sessions.keys()) session.drain()
          this.#deps.claims.release(this)
      }
    }
  }

  #wait(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    const { kind } = this.#state
    if ((kind !== 'waiting' && kind !== 'spare') || this.#state.forMs === null) return
    this.#timer = setTimeout(() => this.#due(), this.#state.forMs)
  }

  #due(): void {
    const isNeeded = this.#state.kind !== 'spare' || this.#lacking()
    this.#dispatch(isNeeded ? { kind: 'due' } : { kind: 'spare', lacking: false })
  }

  /** Whether a proxy that may answer at this address has no tunnel. */
  #lacking(): boolean {
    const { claims, behind } = this.#deps
    const may = new Set(behind(this.#address))
    if (this.#leadsTo !== null) may.add(this.#leadsTo)
    return [...may].some((hostId) => !claims.isHeld(hostId))
  }

  async #connect(): Promise<void> {
    const { limits } = this.#deps
    this.#connecting = new AbortController()
    using following = followSignals([
      this.#connecting.signal,
      AbortSignal.timeout(limits.connectTimeoutMs),
    ])
    const { signal } = following
    let session: AgentSession | null = null
    try {
      const below = await this.#deps.dial(this.#address, signal)
      const { socket, hostId } = await secure(below, this.#deps, signal)
      if (signal.aborted) {
        socket.destroy()
        below.destroy()
        throw signal.reason
      }
      this.#leadsTo = hostId
      if (!this.#deps.claims.take(hostId, this)) {
        socket.destroy()
        below.destroy()
        this.#problem = null
        this.#dispatch({ kind: 'spare', lacking: this.#lacking() })
        return
      }
      session = await this.#serve(socket, hostId, this.#dialBackAddress(below), signal)
      // One that was lost in between has said so already, to nobody.
      if (!this.#sessions.has(session)) throw ended('closed')
      this.#problem = null
      this.#current = session
      this.#deps.claims.release(this, hostId)
      this.#log.info({}, 'a tunnel to the proxy is open')
      this.#dispatch({ kind: 'taken' })
    } catch (error) {
      session?.destroy()
      if (this.#state.kind !== 'stopped') this.#failed(error)
    }
  }

  /** Where this very proxy answers; null where that is not known, or where plain bytes have no way. */
  #dialBackAddress(below: Duplex): DialBackAddress | null {
    // What is carried inside something else is no socket; and a balancer may lead the next connection to another proxy.
    if (!(below instanceof Socket) || this.#deps.behind(this.#address).size > 1) return null
    if (!this.#deps.mayDialBack(this.#address)) return null
    const { remoteAddress: host, remotePort: port } = below
    return host === undefined || port === undefined ? null : { host, port }
  }

  #failed(error: unknown): void {
    const problem = errorMessage(error)
    // Every few seconds the same words help nobody.
    if (problem !== this.#problem) this.#log.warn({ error: problem }, 'no tunnel to the proxy')
    this.#problem = problem
    this.#deps.claims.release(this)
    this.#dispatch({ kind: 'failed' })
  }

  /** Resolves when the proxy has taken the tunnel: only then it believes our certificate. */
  #serve(
    socket: TLSSocket,
    hostId: string,
    dialBack: DialBackAddress | null,
    signal: AbortSignal,
  ): Promise<AgentSession> {
    const { limits, clock, announcement, serves, onConnection } = this.#deps
    return new Promise((resolve, reject) => {
      let leaving = ''
      const session: AgentSession = new AgentSession({
        socket,
        limits,
        nowMs: clock.now(),
        announcement,
        serves,
        onConnection,
        dialBack,
        onTaken: () => {
          signal.removeEventListener('abort', giveUp)
          resolve(session)
        },
        onLeaving: (words) => {
          leaving = words
          this.#left(session, 'outdated')
        },
        onClosed: (error) => {
          signal.removeEventListener('abort', giveUp)
          this.#sessions.delete(session)
          this.#left(session, 'lost')
          reject(ended(leaving === '' ? (error?.message ?? 'closed') : leaving))
        },
      })
      const giveUp = (): void => session.destroy()
      signal.addEventListener('abort', giveUp)
      this.#sessions.set(session, hostId)
    })
  }

  #left(session: AgentSession, kind: 'lost' | 'outdated'): void {
    if (session !== this.#current) return
    this.#current = null
    if (this.#state.kind === 'stopped') this.#log.debug({}, 'the tunnel to the proxy is closed')
    else if (kind === 'lost') this.#log.warn({}, 'the tunnel to the proxy is lost')
    else this.#log.info({}, 'the proxy leaves: its tunnel is replaced')
    this.#release()
    this.#dispatch({ kind })
  }

  /** The tunnel that is has no claim any more. What is claimed while another is made belongs to that one. */
  #release(): void {
    if (this.isUp) this.#deps.claims.release(this)
  }
}

const ended = (why: string): TunnelError =>
  new TunnelError('TUNNEL_PEER_REFUSED', `the proxy ended the tunnel: ${why}`)

interface Secured {
  readonly socket: TLSSocket
  /** Of the proxy. */
  readonly hostId: string
}

/** TLS with whom only a proxy of our own cluster can be. */
async function secure(below: Duplex, deps: LinkDeps, signal: AbortSignal): Promise<Secured> {
  const { teleportCluster } = deps.identity
  const { certificatePem, privateKeyPem, hostCaPem } = deps.identity.current()
  if (signal.aborted) {
    below.destroy()
    throw signal.reason
  }
  // The TLS socket above reports it; without a listener of its own this one would end the process.
  below.on('error', () => {})
  const socket = connectTls({
    socket: below,
    servername: proxyServerName(teleportCluster),
    ca: hostCaPem,
    cert: certificatePem,
    key: privateKeyPem,
    // Said, or NODE_TLS_REJECT_UNAUTHORIZED would turn it off.
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3',
    ALPNProtocols: [TUNNEL_ALPN],
  })
  // Of a WebSocket that is broken off Node does not tell the TLS socket above.
  below.once('close', () => socket.destroy())
  const giveUp = (): void => {
    // In this order: this may still be amid the handshake, which a TLS socket that goes after the one below it does not survive, nor the process.
    socket.destroy()
    below.destroy()
  }
  signal.addEventListener('abort', giveUp)
  try {
    await secured(socket, signal)
    const hostId = provenProxy(socket, teleportCluster)
    const bar = deps.hostBar?.(hostId, deps.clock.now()) ?? null
    if (bar !== null) throw new TunnelError('TUNNEL_PEER_REFUSED', bar)
    return { socket, hostId }
  } catch (error) {
    giveUp()
    throw error
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}

function secured(socket: TLSSocket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('secureConnect', resolve)
    socket.on('error', (error) =>
      reject(
        new TunnelError('TUNNEL_CONNECT_FAILED', `no TLS with the proxy: ${tlsWords(error)}`, {
          cause: error,
        }),
      ),
    )
    socket.once('close', () =>
      reject(
        new TunnelError('TUNNEL_CONNECT_FAILED', 'the proxy closed the connection', {
          cause: signal.reason,
        }),
      ),
    )
  })
}

/**
 * The host id of the proxy. The chain and the name were judged in the handshake; who may bear the name is said by the certificate.
 * Throws TunnelError TUNNEL_PEER_REFUSED.
 */
function provenProxy(socket: TLSSocket, teleportCluster: string): string {
  const refused = (why: string): TunnelError => new TunnelError('TUNNEL_PEER_REFUSED', why)
  if (socket.alpnProtocol !== TUNNEL_ALPN) throw refused('what answers there takes no tunnels')
  const certificate = socket.getPeerX509Certificate()
  const extension =
    certificate === undefined ? null : parseCertificate(certificate.raw).extension(IDENTITY_OID)
  if (extension === null) throw refused('what answers there is no service of ours')
  const identity = decodeIdentity(extension)
  const isProxy =
    identity.kind === 'host' &&
    identity.teleportCluster === teleportCluster &&
    identity.services.includes('proxy')
  if (!isProxy) throw refused('what answers there is no proxy of this cluster')
  return identity.hostId
}
