import { newEventUid } from '../audit/index.ts'
import { errorMessage, formatAddress } from '../core/index.ts'
import {
  acceptWebSocket,
  defaultStreamLimits,
  type ForwardEnd,
  type ForwardListener,
  openSpdyForward,
  SPDY_FORWARD_PROTOCOL,
  serveSpdyForward,
  serveWebSocketForward,
  TUNNEL_PROTOCOL,
  tunnelOf,
  WebSocketLink,
} from '../streams/index.ts'
import type { AllowedRequest } from './allowed-request.ts'
import { auditRefusal, commitEvent } from './audit-request.ts'
import type { HandlerDeps } from './deps.ts'
import type { UpgradeRequest } from './exchange.ts'
import { type ForwardProtocol, forwardProtocolOf, withoutPorts } from './forward-protocol.ts'
import { LiveUpgrade } from './live-upgrade.ts'
import { PodWatch } from './pod-watch.ts'
import { type PortConnection, PortEvents } from './port-events.ts'
import { headerOf } from './raw-headers.ts'
import { type Refusal, upstreamRefusal } from './refusal.ts'
import type { LiveSession, SessionPlace } from './session/live-sessions.ts'
import { sessionEnded } from './session/refusals.ts'
import { sessionTarget } from './session/session-target.ts'
import {
  type AskedServer,
  SPDY,
  type Standing,
  standBetween,
  switchedToSpdy,
} from './stand-between.ts'
import { failureOf, refuseHere } from './waiting-upgrade.ts'

/**
 * Stands between a client and the API server of a port-forward: ends the protocol of the client, speaks one that the server knows,
 * and moves what is inside, so that any client works with any server, each connection is in the audit log, and an end has words
 * where there is a place for them.
 */
export async function portForward(
  deps: HandlerDeps,
  request: AllowedRequest,
  wanted: UpgradeRequest,
): Promise<void> {
  const { rawHeaders } = request.exchange
  const protocol = forwardProtocolOf(wanted.protocol, rawHeaders, request.target)
  if (typeof protocol === 'string') {
    await refuseHere(deps, request, {
      code: 'BAD_REQUEST',
      reason: 'BadRequest',
      message: protocol,
    })
    return
  }
  const asked: AskedServer = {
    target: withoutPorts(request.target),
    subprotocol: TUNNEL_PROTOCOL,
    spdyVersion: SPDY_FORWARD_PROTOCOL,
    remembered: deps.tunnels,
  }
  await standBetween(deps, request, wanted, asked, async (place) => ({
    cut: null,
    run: (standing) => new PortForward(deps, request, wanted, protocol, standing, place).start(),
    abandon: () => {},
  }))
}

const protocolName = (protocol: ForwardProtocol): string =>
  protocol.kind === 'websocket'
    ? (protocol.dialect.protocol ?? 'websocket')
    : protocol.kind === 'tunnel'
      ? TUNNEL_PROTOCOL
      : `${SPDY} ${SPDY_FORWARD_PROTOCOL}`

const limits = defaultStreamLimits
const EMPTY = Buffer.alloc(0)

/** A connection that goes on. */
interface Going {
  readonly connection: PortConnection
  /** Nothing more comes from the pod. */
  isEnded: boolean
  /** How it fared, in words that are empty when all went well; null while that is not known. */
  fared: string | null
}

/** For a client that is cut to read why. */
const CUT_LINGER_MS = 2_000

/** A running port-forward, between its client and its API server. */
class PortForward extends LiveUpgrade {
  readonly #wanted: UpgradeRequest
  readonly #protocol: ForwardProtocol
  readonly #standing: Standing
  readonly #place: SessionPlace
  readonly #going = new Map<number, Going>()
  readonly #events: PortEvents
  readonly #podWatch: PodWatch | null
  #client: ForwardEnd | null = null
  #server: ForwardEnd | null = null
  /** What the client is told on connections that stand; the API server is gone then. */
  #lastWords: string | null = null
  #cutTimer: NodeJS.Timeout | null = null

  constructor(
    deps: HandlerDeps,
    request: AllowedRequest,
    wanted: UpgradeRequest,
    protocol: ForwardProtocol,
    standing: Standing,
    place: SessionPlace,
  ) {
    super(deps, request)
    this.#wanted = wanted
    this.#protocol = protocol
    this.#standing = standing
    this.#place = place
    this.#events = new PortEvents({
      event: (facts, nowMs) => request.events.port(place.sessionId, facts, nowMs),
      newUid: newEventUid,
      write: (event) => commitEvent(deps, event),
      onUnwritable: () => this.cutFor(auditRefusal),
      now: () => deps.clock.now(),
    })
    const { info, user, headers, connection } = request
    this.#podWatch =
      info.kind !== 'resource' || info.name === ''
        ? null
        : new PodWatch(
            connection.cluster.upstream,
            { user, namespace: info.namespace, name: info.name, headers },
            (words) => this.#sayLast(words),
            deps.log,
          )
  }

  start(): void {
    this.enter()
    this.#place.start(this.#listed(), (by) => this.cutFor(sessionEnded(by)))
    this.#podWatch?.start()
    const { socket } = this.#wanted
    socket.on('error', () => this.#standing.connection.destroy())
    // Whoever leaves before his streams stand.
    socket.once('close', () => {
      if (this.#client === null) this.#clientClosed()
    })
    this.#server = this.#openServer()
    this.#serveClient().then(
      (client) => {
        this.#client = client
        if (this.isFinished) client.destroy()
        else if (this.#lastWords !== null) client.finish(this.#lastWords)
        else this.#server?.resume()
      },
      (error: unknown) => {
        this.deps.log.debug({ error: errorMessage(error) }, 'a client began no port-forward')
        socket.destroy()
        this.#clientClosed()
      },
    )
  }

  #listed(): LiveSession {
    const { connection, user, info, target } = this.request
    const { address, port } = connection.origin
    return {
      sessionId: this.#place.sessionId,
      kind: 'portforward',
      user,
      kubeCluster: connection.cluster.name,
      ...sessionTarget(info, target, null),
      command: [],
      tty: false,
      protocol: protocolName(this.#protocol),
      address: formatAddress(address, port),
      startedMs: this.deps.clock.now(),
      recording: false,
    }
  }

  /** Whoever has lost his rights is not waited for, if he reads slowly. */
  protected end(refusal: Refusal): void {
    this.#cutTimer = setTimeout(() => this.#wanted.socket.destroy(), CUT_LINGER_MS)
    this.#sayLast(refusal.message)
  }

  /** Ends the session, with words on each connection that stands. */
  #sayLast(words: string): void {
    if (this.#lastWords !== null) return
    this.#lastWords = words
    this.#client?.finish(words)
    this.#standing.connection.destroy()
    for (const id of [...this.#going.keys()]) this.#over(id, words)
  }

  #openServer(): ForwardEnd {
    const { connection } = this.#standing
    const listener = this.#serverListener()
    if (this.#standing.kind === 'spdy') {
      return openSpdyForward({ socket: connection, head: this.#standing.head, limits }, listener)
    }
    const link = new WebSocketLink('client', connection, limits)
    const socket = tunnelOf(link, this.#standing.head)
    return openSpdyForward({ socket, head: EMPTY, limits }, listener)
  }

  async #serveClient(): Promise<ForwardEnd> {
    const { socket, head } = this.#wanted
    const listener = this.#clientListener()
    const { rawHeaders } = this.request.exchange
    const header = (name: string): string | null => headerOf(rawHeaders, name)
    if (this.#protocol.kind === 'websocket') {
      const { dialect, ports } = this.#protocol
      return serveWebSocketForward({ socket, head, header, dialect, ports, limits }, listener)
    }
    if (this.#protocol.kind === 'tunnel') {
      const asked = { socket, header, protocol: TUNNEL_PROTOCOL }
      const tunnel = tunnelOf(acceptWebSocket(asked, limits), head)
      return serveSpdyForward({ socket: tunnel, head: EMPTY, limits }, listener)
    }
    socket.write(switchedToSpdy(SPDY_FORWARD_PROTOCOL))
    return serveSpdyForward({ socket, head, limits }, listener)
  }

  #clientListener(): ForwardListener {
    return {
      opened: (id, port) => {
        this.heard()
        if (this.#lastWords !== null) return true
        const connection = this.#events.began(port)
        this.#going.set(id, { connection, isEnded: false, fared: null })
        return this.#server?.open(id, port) ?? true
      },
      data: (id, data) => {
        this.heard()
        this.bytesReceived += data.length
        const going = this.#going.get(id)
        if (going !== undefined) going.connection.bytesReceived += data.length
        return this.#server?.write(id, data) ?? true
      },
      end: (id) => this.#server?.end(id),
      fared: () => {},
      reset: (id) => {
        const going = this.#going.get(id)
        if (going === undefined) return
        going.isEnded = true
        if (going.fared === null) this.#server?.reset(id)
        else this.#over(id, going.fared)
      },
      drain: () => this.#server?.resume(),
      closed: () => this.#clientClosed(),
    }
  }

  #serverListener(): ForwardListener {
    return {
      opened: () => true,
      data: (id, data) => {
        this.bytesSent += data.length
        const going = this.#going.get(id)
        if (going !== undefined) going.connection.bytesSent += data.length
        return this.#client?.write(id, data) ?? true
      },
      end: (id) => {
        this.#client?.end(id)
        const going = this.#going.get(id)
        if (going === undefined) return
        going.isEnded = true
        if (going.fared !== null) this.#over(id, going.fared)
      },
      fared: (id, words) => {
        this.#client?.tell(id, words)
        const going = this.#going.get(id)
        if (going === undefined) return
        going.fared = words
        if (going.isEnded) this.#over(id, words)
      },
      reset: (id) => {
        this.#client?.reset(id)
        this.#over(id, 'the API server broke the connection off')
      },
      drain: () => this.#client?.resume(),
      closed: (error) => {
        if (error !== null && this.#lastWords === null) {
          this.broken = upstreamRefusal(failureOf(error), this.request.connection.cluster.name)
        }
        this.#sayLast(this.broken?.message ?? 'the API server ended the port-forward')
      },
    }
  }

  /** Of one connection. */
  #over(id: number, words: string): void {
    const going = this.#going.get(id)
    if (going === undefined) return
    this.#going.delete(id)
    this.#events.ended(going.connection, words === '' ? null : words)
  }

  #clientClosed(): void {
    if (this.#cutTimer !== null) clearTimeout(this.#cutTimer)
    this.#standing.connection.destroy()
    this.#close()
  }

  #close(): void {
    if (this.isFinished) return
    this.#podWatch?.stop()
    this.#lastWords ??= ''
    for (const id of [...this.#going.keys()]) this.#over(id, '')
    this.#events.flush()
    this.#place.leave()
    this.finish()
  }
}
