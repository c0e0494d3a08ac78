import { hash } from 'node:crypto'
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2'
import type { Duplex } from 'node:stream'
import { addressKey, errorMessage, isWithin, type Logger } from '../core/index.ts'
import { isKubeServerName } from '../protocol/index.ts'
import type { SecuredConnection } from '../tls/index.ts'
import { type AnnouncedName, LineReader, parseAnnouncement } from './announcement.ts'
import type { Binding } from './dial-back/frames.ts'
import { type DialBackCounts, ProxyDialBacks, type Taken } from './dial-back/proxy-end.ts'
import type { Tickets } from './dial-back/tickets.ts'
import { TunnelError } from './errors.ts'
import type { TunnelLimits } from './limits.ts'
import { formatOrigin, ORIGIN_HEADER, type TunnelOrigin } from './origin.ts'
import { type JudgedPeer, judgeHost, namesServer, type PeerJudges } from './peers.ts'
import { type RefusedName, RefusedNames } from './refused-names.ts'
import { TunnelSession } from './session.ts'
import type { Unread } from './unread.ts'

const { HTTP2_HEADER_STATUS, NGHTTP2_CANCEL, NGHTTP2_INADEQUATE_SECURITY } = constants

/** Where the agent says what it serves, for as long as the tunnel lives. */
export const NAMES_PATH = '/v1/names'

/** Where the proxy orders connections that the agent dials back, and says whose they are. */
export const DIAL_BACKS_PATH = '/v1/dial-backs'

/** The code by which judges tell a holder who was removed or locked out from a certificate that has ended. */
const REVOKED = 'CERT_REVOKED'

interface ProvenName {
  readonly peer: JudgedPeer
  /** Of the certificate: one that is shown again, with each change of health, is not parsed and verified again. */
  readonly digest: string
  readonly healthy: boolean
}

export interface ProxyTunnelOptions {
  readonly connection: SecuredConnection
  readonly peer: JudgedPeer
  readonly hostId: string
  readonly peers: PeerJudges
  readonly limits: TunnelLimits
  readonly nowMs: () => number
  /** Null: everything goes through the tunnel itself. */
  readonly tickets: Tickets | null
  readonly counts: DialBackCounts
  readonly log: Logger
  /** After each announcement, with the names that are gone and those that are served now. */
  readonly onNames: (tunnel: ProxyTunnel, gone: readonly string[], now: readonly string[]) => void
  readonly onClosed: (tunnel: ProxyTunnel) => void
}

/** The proxy's end of one tunnel: an HTTP/2 client on the connection of an agent that dialled in. */
export class ProxyTunnel {
  readonly hostId: string
  readonly origin: TunnelOrigin
  readonly sinceMs: number
  readonly #options: ProxyTunnelOptions
  readonly #http2: ClientHttp2Session
  readonly #session: TunnelSession
  /** Null until somebody comes: most tunnels of thousands are idle. */
  #dialBacks: ProxyDialBacks | null = null
  /** What counts as the address of whoever has a stream. */
  readonly #addressOf = new WeakMap<object, string>()
  #names: ReadonlyMap<string, ProvenName> = new Map()
  /** Null until one is: most agents announce what is theirs. */
  #refused: RefusedNames | null = null
  #control: ClientHttp2Stream | null = null
  #version = ''
  #failedMs = Number.NEGATIVE_INFINITY

  constructor(options: ProxyTunnelOptions) {
    const { connection, limits, nowMs, log } = options
    this.hostId = options.hostId
    this.origin = connection.origin
    this.sinceMs = nowMs()
    this.#options = options
    const http2 = connectOver(connection, limits)
    this.#http2 = http2
    this.#session = new TunnelSession(http2, connection.socket, limits, this.sinceMs)
    http2.on('error', (error) =>
      log.info({ host_id: this.hostId, error: errorMessage(error) }, 'a tunnel of an agent broke'),
    )
    // What serves nothing new any more is no way to a cluster; what runs in it goes on.
    http2.once('goaway', () => this.drain())
    http2.once('close', () => {
      this.#setNames(new Map())
      this.#dialBacks?.destroy()
      options.onClosed(this)
    })
    this.#listen()
  }

  get names(): readonly string[] {
    return [...this.#names.keys()]
  }

  get version(): string {
    return this.#version
  }

  get streams(): number {
    return this.#session.streams.size + (this.#dialBacks?.active ?? 0)
  }

  /** Whether it can take one more connection for a name, as of now. */
  serves(serverName: string): boolean {
    const name = this.#names.get(serverName)
    if (name === undefined || this.#session.leaving) return false
    if (this.streams >= this.#mostStreams()) return false
    const nowMs = this.#options.nowMs()
    return this.#options.peer.judge(nowMs).ok && name.peer.judge(nowMs).ok
  }

  healthy(serverName: string): boolean {
    return this.#names.get(serverName)?.healthy === true
  }

  get doubtful(): boolean {
    const { nowMs, limits } = this.#options
    return this.#session.silent || isWithin(limits.distrustMs, this.#failedMs, nowMs())
  }

  /** Connections that the agent has dialled back and nobody has yet. */
  get warm(): number {
    return this.#dialBacks?.warm ?? 0
  }

  /**
   * With a hello, the agent has it when this resolves. `mayDialBack` makes no difference without one: it is a stream of the tunnel
   * then. Null: the agent was given the hello for a connection that it had dialled back, and said nothing. Rejects with TunnelError
   * TUNNEL_CONNECT_FAILED, or with the signal's reason.
   */
  async open(
    serverName: string,
    origin: TunnelOrigin,
    hello: Buffer | null,
    signal: AbortSignal,
    mayDialBack: boolean,
  ): Promise<Duplex | null> {
    const dialBack =
      hello === null || !mayDialBack
        ? null
        : await this.#dialBack({ serverName, origin, hello }, signal)
    if (dialBack === 'silent') {
      this.#failedMs = this.#options.nowMs()
      return null
    }
    if (dialBack !== null) return dialBack
    return this.#openStream(serverName, origin, hello, signal)
  }

  async #dialBack(binding: Binding, signal: AbortSignal): Promise<Taken> {
    const { tickets, limits, nowMs, counts } = this.#options
    if (tickets === null) return null
    this.#dialBacks ??= new ProxyDialBacks({
      openStream: () => this.#openDialBacks(),
      tickets,
      limits,
      nowMs,
      counts,
    })
    return this.#dialBacks.take(binding, signal)
  }

  async #openStream(
    serverName: string,
    origin: TunnelOrigin,
    hello: Buffer | null,
    signal: AbortSignal,
  ): Promise<Duplex> {
    const stream = this.#http2.request(
      {
        ':method': 'CONNECT',
        ':authority': serverName,
        [ORIGIN_HEADER]: formatOrigin(origin),
      },
      { endStream: false },
    )
    // Whoever gets it may not listen yet when it breaks.
    stream.on('error', ignore)
    this.#addressOf.set(stream, addressKey(origin.address))
    this.#session.enter(stream)
    // Not after the answer, a round trip later and in a message of its own: whoever refuses throws it away.
    if (hello !== null) stream.write(hello)
    try {
      await answered(stream, signal, this.#options.limits.openTimeoutMs)
      this.#options.counts.stream += 1
      return stream
    } catch (cause) {
      stream.close(NGHTTP2_CANCEL)
      // Who gave up himself says nothing about the agent.
      signal.throwIfAborted()
      this.#failedMs = this.#options.nowMs()
      const message = `the agent ${this.hostId} did not take a connection: ${errorMessage(cause)}`
      throw new TunnelError('TUNNEL_CONNECT_FAILED', message, { cause })
    }
  }

  /** To be called every `lookMs`; adds what each address has left here to `unread`. */
  look(nowMs: number, unread: Unread): void {
    this.#session.look(nowMs)
    this.#dialBacks?.look(nowMs, unread)
    for (const stream of this.#session.streams) {
      unread.add(this.#addressOf.get(stream) ?? '', stream)
    }
    const verdict = judgeHost(this.#options.peer, 'kube', nowMs)
    if (verdict.ok) return
    if (verdict.code === REVOKED) {
      this.#options.log.warn(
        { host_id: this.hostId, reason: verdict.message },
        'the tunnel of an agent is cut, with all that is in it',
      )
      this.destroy()
      return
    }
    // The agent has a new certificate long before, and dials again with it.
    this.drain()
  }

  drain(): void {
    this.#control?.close(NGHTTP2_CANCEL)
    this.#control = null
    this.#setNames(new Map())
    this.#dialBacks?.drain()
    this.#session.drain()
  }

  destroy(): void {
    this.#session.destroy()
  }

  #mostStreams(): number {
    const theirs = this.#http2.remoteSettings.maxConcurrentStreams ?? 0
    // One is the control stream, one that of dial-backs.
    return Math.min(this.#options.limits.maxStreams, theirs - 2)
  }

  #openDialBacks(): ClientHttp2Stream {
    return this.#http2.request(
      {
        ':method': 'POST',
        ':path': DIAL_BACKS_PATH,
        ':scheme': 'https',
        ':authority': 'agent',
      },
      { endStream: false },
    )
  }

  #listen(): void {
    const { limits, log } = this.#options
    const control = this.#http2.request({
      ':method': 'GET',
      ':path': NAMES_PATH,
      ':scheme': 'https',
      ':authority': 'agent',
    })
    this.#control = control
    const lines = new LineReader(limits.maxAnnouncementBytes)
    control.on('error', ignore)
    control.on('data', (chunk: Buffer) => {
      try {
        const line = lines.push(chunk).at(-1)
        if (line === undefined) return
        const judged = this.#announced(line)
        if (judged > 0) rest(control, judged * limits.provingRestMs)
      } catch (error) {
        log.warn({ host_id: this.hostId, error: errorMessage(error) }, 'an agent is not understood')
        this.#http2.destroy()
      }
    })
    // An agent that says no more what it serves is about to leave.
    control.once('close', () => this.drain())
  }

  /** The last one counts; how many names had to be proven anew for it. */
  #announced(line: string): number {
    const { version, names } = parseAnnouncement(line, this.#options.limits)
    this.#version = version
    const proven = new Map<string, ProvenName>()
    const refused: RefusedName[] = []
    let judged = 0
    for (const name of names) {
      const digest = hash('sha256', name.certificate, 'base64')
      const known = this.#known(name, digest)
      if (known === null) judged += 1
      const peer = known ?? this.#prove(name, refused)
      if (peer !== null) proven.set(name.serverName, { peer, digest, healthy: name.healthy })
    }
    this.#setNames(proven)
    if (refused.length > 0) {
      this.#refused ??= new RefusedNames(
        this.#options.log.child({ host_id: this.hostId, from: this.origin.address }),
      )
    }
    this.#refused?.tell(refused)
    return judged
  }

  /** What was proven by the same certificate, and holds. */
  #known({ serverName }: AnnouncedName, digest: string): JudgedPeer | null {
    const known = this.#names.get(serverName)
    if (known?.digest !== digest) return null
    return judgeHost(known.peer, 'kube', this.#options.nowMs()).ok ? known.peer : null
  }

  /** A name is proven by a certificate of the host CA that holds it and that was issued to this very host. */
  #prove({ serverName, certificate }: AnnouncedName, refused: RefusedName[]): JudgedPeer | null {
    const { peers, nowMs } = this.#options
    const problem = (): string | null => {
      if (!isKubeServerName(serverName)) return 'it is not the name of a Kubernetes cluster'
      const verdict = judgeHost(peer, 'kube', nowMs())
      if (!verdict.ok) return verdict.message
      if (verdict.identity.hostId !== this.hostId) return 'its certificate is of another host'
      return namesServer(certificate, serverName) ? null : 'its certificate is for other names'
    }
    const peer = peers.parse(certificate)
    const reason = problem()
    if (reason === null) return peer
    refused.push({ serverName, reason })
    return null
  }

  #setNames(names: ReadonlyMap<string, ProvenName>): void {
    const gone = [...this.#names.keys()].filter((name) => !names.has(name))
    this.#names = names
    this.#options.onNames(this, gone, [...names.keys()])
  }
}

/** Ends a connection that is no tunnel of ours with words that the agent can log. */
export function refuseTunnel(
  connection: SecuredConnection,
  limits: TunnelLimits,
  why: string,
): void {
  const http2 = connectOver(connection, limits)
  http2.on('error', ignore)
  http2.once('connect', () => {
    // What came with the handshake may have ended it: then nobody hears any words.
    if (http2.destroyed) return
    http2.goaway(NGHTTP2_INADEQUATE_SECURITY, 0, Buffer.from(why, 'utf8'))
    http2.close()
  })
  const timer = setTimeout(() => connection.socket.destroy(), REFUSAL_LINGER_MS)
  connection.socket.once('close', () => clearTimeout(timer))
}

/** For the words of a refusal to arrive. */
const REFUSAL_LINGER_MS = 1000

function connectOver({ socket }: SecuredConnection, limits: TunnelLimits): ClientHttp2Session {
  // Node takes it of clients, too; its types do not know.
  const misfits = { maxSessionInvalidFrames: limits.sessionMisfits }
  const http2 = connect('https://agent', {
    ...misfits,
    createConnection: () => socket,
    maxSessionMemory: limits.sessionMemoryMib,
    // Until its settings arrive: one for the control stream.
    peerMaxConcurrentStreams: limits.maxStreams,
    settings: {
      enablePush: false,
      initialWindowSize: limits.streamWindowBytes,
    },
  })
  http2.once('connect', () => {
    if (!http2.destroyed) http2.setLocalWindowSize(limits.tunnelWindowBytes)
  })
  return http2
}

/** Does not read for a while: what comes waits with who sends it, beyond a window. */
function rest(stream: ClientHttp2Stream, ms: number): void {
  stream.pause()
  const timer = setTimeout(() => stream.resume(), ms)
  stream.once('close', () => clearTimeout(timer))
}

function answered(
  stream: ClientHttp2Stream,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail(new Error('no answer in time')), timeoutMs)
    const leave = (): void => {
      clearTimeout(timer)
      stream.off('response', onResponse)
      stream.off('error', fail)
      stream.off('close', onClose)
      signal.removeEventListener('abort', onAbort)
    }
    const fail = (error: unknown): void => {
      leave()
      reject(error instanceof Error ? error : new Error(errorMessage(error)))
    }
    const onResponse = (headers: Record<string, unknown>): void => {
      const status = headers[HTTP2_HEADER_STATUS]
      if (status !== 200) {
        fail(new Error(`status ${String(status)}`))
        return
      }
      leave()
      resolve()
    }
    const onClose = (): void => fail(new Error('the stream was closed'))
    const onAbort = (): void => fail(signal.reason)
    stream.on('response', onResponse)
    stream.on('error', fail)
    stream.on('close', onClose)
    signal.addEventListener('abort', onAbort)
    if (signal.aborted) onAbort()
  })
}

const ignore = (): void => {}
