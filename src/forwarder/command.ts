import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { errorMessage } from '../core/index.ts'
import { statusBody, statusCodes } from '../kube/index.ts'
import type { TerminalSize } from '../protocol/index.ts'
import {
  type CommandEnd,
  type CommandListener,
  type CommandStream,
  defaultStreamLimits,
  openSpdyCommand,
  openWebSocketCommand,
  serveSpdyCommand,
  serveWebSocketCommand,
  V5,
} from '../streams/index.ts'
import type { AllowedRequest } from './allowed-request.ts'
import { ask, type RefusedUpgrade } from './ask-upgrade.ts'
import { askWebSocket } from './ask-websocket.ts'
import { commit, noteCut } from './audit-request.ts'
import { commandPlanOf } from './command-plan.ts'
import { type ClientProtocol, clientProtocolOf, withoutUpgrade } from './command-protocol.ts'
import type { HandlerDeps } from './deps.ts'
import { leftEarly, type RequestOutcome } from './event.ts'
import type { UpgradeRequest } from './exchange.ts'
import type { LiveExchange } from './live.ts'
import type { UpgradeConnection } from './ports.ts'
import { headerOf } from './raw-headers.ts'
import { notAccepted, type Refusal, upstreamRefusal } from './refusal.ts'
import { refuse } from './refuse.ts'
import { fail, failureOf, relay, shuttingDown, WaitingUpgrade } from './waiting-upgrade.ts'

const SPDY = 'SPDY/3.1'
const SPDY_VERSION = 'v4.channel.k8s.io'

/**
 * Stands between a client and the API server of an exec or attach: ends the protocol of the client, speaks one that the
 * server knows, and moves what is inside, so that any client works with any server, and whoever stands here can end
 * the session in words. A connection that was meant for one is never used for anything else (CVE-2018-1002105).
 */
export async function command(
  deps: HandlerDeps,
  request: AllowedRequest,
  wanted: UpgradeRequest,
): Promise<void> {
  const protocol = clientProtocolOf(wanted.protocol, request.exchange.rawHeaders)
  if (protocol === null) {
    await refuseUnspoken(deps, request)
    return
  }
  const waiting = new WaitingUpgrade(request, wanted.socket)
  const leave = deps.live.enter(waiting)
  try {
    const signal = AbortSignal.any([
      waiting.signal,
      AbortSignal.timeout(deps.limits.upgradeTimeoutMs),
    ])
    const reached = await reach(deps, request, signal)
    if (reached.kind === 'refused' && reached.answer.status === 401) {
      reached.dialled.refused()
      await fail(deps, request, waiting, notAccepted)
    } else if (reached.kind === 'refused') {
      await relay(deps, request, reached.answer)
    } else if (waiting.withdrawn !== null) {
      reached.connection.destroy()
      await fail(deps, request, waiting, failureOf(new Error('rights were withdrawn')))
    } else {
      // Later, an end in one direction is a part of the stream.
      waiting.over()
      new Command(deps, request, wanted, protocol, reached).start()
    }
  } catch (error) {
    await fail(deps, request, waiting, failureOf(error))
  } finally {
    waiting.over()
    leave()
  }
}

const unspoken: Refusal = {
  code: 'BAD_REQUEST',
  reason: 'BadRequest',
  message:
    'this client speaks none of the protocols of exec and attach: SPDY/3.1 or WebSocket with v5.channel.k8s.io to channel.k8s.io',
}

async function refuseUnspoken(deps: HandlerDeps, request: AllowedRequest): Promise<void> {
  const { exchange, info, events, startedMs } = request
  const status = statusCodes[unspoken.reason]
  const outcome = { ...leftEarly, outcome: 'denied', error: unspoken, status } as const
  deps.metrics?.requestEnded(request, outcome, deps.clock.now() - startedMs)
  await refuse(deps, exchange, events, info, unspoken)
}

type Standing =
  | { readonly kind: 'websocket'; readonly socket: WebSocket; readonly connection: Duplex }
  | { readonly kind: 'spdy'; readonly connection: Duplex; readonly head: Buffer }

type Reached =
  | Standing
  | {
      readonly kind: 'refused'
      readonly answer: RefusedUpgrade
      readonly dialled: UpgradeConnection
    }

/** What servers say who know no WebSocket here, or not this version; a 403 may as well mean the person. */
const MAY_SPEAK_SPDY: ReadonlySet<number> = new Set([400, 403, 404, 405, 426, 500])

/** WebSocket first, SPDY where that is refused (KEP-4006). Rejects with an UpstreamFailure, or with what broke. */
async function reach(
  deps: HandlerDeps,
  request: AllowedRequest,
  signal: AbortSignal,
): Promise<Reached> {
  const { target, user, connection } = request
  const { cluster } = connection
  const { limits } = deps
  const headers = withoutUpgrade(request.headers)
  const isOld = deps.servers.speaksSpdy(cluster.name, user, deps.clock.now())
  if (!isOld) {
    const dialled = await cluster.upstream.dialForUpgrade(signal)
    const answer = await askWebSocket(
      dialled,
      { target, headers, protocol: V5.protocol },
      limits,
      signal,
    )
    if (answer.type === 'standing') {
      return { kind: 'websocket', socket: answer.socket, connection: dialled.socket }
    }
    if (!MAY_SPEAK_SPDY.has(answer.status)) return { kind: 'refused', answer, dialled }
  }
  const dialled = await cluster.upstream.dialForUpgrade(signal)
  const asking = [
    'Connection',
    'Upgrade',
    'Upgrade',
    SPDY,
    'X-Stream-Protocol-Version',
    SPDY_VERSION,
  ]
  const asked = { method: 'POST', target, headers: [...headers, ...asking], protocol: SPDY }
  const answer = await ask(dialled, asked, limits, signal)
  if (answer.type === 'refused') return { kind: 'refused', answer, dialled }
  const version = headerOf(answer.rawHeaders, 'x-stream-protocol-version')
  if (version !== SPDY_VERSION) {
    answer.socket.destroy()
    throw new Error(`the API server speaks ${JSON.stringify(version)} and not ${SPDY_VERSION}`)
  }
  if (!isOld) deps.servers.remember(cluster.name, user, deps.clock.now())
  return { kind: 'spdy', connection: answer.socket, head: answer.head }
}

/** For an API server that has said how the command ended to end its streams as well. */
const LAST_OUTPUT_MS = 5_000

/** A running command, between its client and its API server. */
class Command implements LiveExchange {
  readonly #deps: HandlerDeps
  readonly #request: AllowedRequest
  readonly #wanted: UpgradeRequest
  readonly #protocol: ClientProtocol
  readonly #standing: Standing
  /** Streams from which output still comes. */
  readonly #open = new Set<CommandStream>()
  /** What the client said before there was somebody to tell. */
  #early: (() => void)[] = []
  #client: CommandEnd | null = null
  #server: CommandEnd | null = null
  #status: string | null = null
  #lastOutput: NodeJS.Timeout | null = null
  /** When somebody was last heard at the client's end; what programs send to keep a connection alive is nobody. */
  #heardMs: number
  #bytesSent = 0
  #bytesReceived = 0
  #withdrawn: Refusal | null = null
  #broken: Refusal | null = null
  #isFinished = false
  #leave = (): void => {}

  constructor(
    deps: HandlerDeps,
    request: AllowedRequest,
    wanted: UpgradeRequest,
    protocol: ClientProtocol,
    standing: Standing,
  ) {
    this.#deps = deps
    this.#request = request
    this.#wanted = wanted
    this.#protocol = protocol
    this.#standing = standing
    this.#heardMs = deps.clock.now()
  }

  start(): void {
    this.#leave = this.#deps.live.enter(this)
    const plan = commandPlanOf(this.#request.target)
    if (plan.stdout) this.#open.add('stdout')
    if (plan.stderr) this.#open.add('stderr')
    const { socket } = this.#wanted
    socket.on('error', () => this.#standing.connection.destroy())
    // Whoever leaves before his streams stand.
    socket.once('close', () => {
      if (this.#client === null) this.#clientClosed()
    })
    this.#serveClient().then(
      (client) => {
        this.#client = client
        if (this.#isFinished) {
          client.destroy()
          return
        }
        this.#server = this.#openServer()
        for (const call of this.#early.splice(0)) call()
        this.#server.resume()
        client.resume()
        if (this.#withdrawn !== null) client.finish(statusBody(this.#withdrawn))
      },
      (error: unknown) => {
        this.#deps.log.debug({ error: errorMessage(error) }, 'a client did not open its streams')
        socket.destroy()
        this.#clientClosed()
      },
    )
  }

  recheck(): void {
    this.#cut(this.#request.withdrawn())
  }

  sweep(nowMs: number): void {
    this.#cut(this.#request.overdue(nowMs, this.#heardMs))
  }

  cut(): void {
    this.#cut(shuttingDown)
  }

  #cut(refusal: Refusal | null): void {
    if (refusal === null || this.#withdrawn !== null || this.#isFinished) return
    this.#withdrawn = refusal
    noteCut(this.#deps, this.#request, refusal)
    this.#client?.finish(statusBody(refusal))
    this.#standing.connection.destroy()
  }

  #serveClient(): Promise<CommandEnd> {
    const { socket, head } = this.#wanted
    const plan = commandPlanOf(this.#request.target)
    const limits = defaultStreamLimits
    const listener = this.#clientListener()
    if (this.#protocol.kind === 'websocket') {
      const { rawHeaders } = this.#request.exchange
      const header = (name: string): string | null => headerOf(rawHeaders, name)
      const { dialect } = this.#protocol
      return serveWebSocketCommand({ socket, head, header, dialect, plan, limits }, listener)
    }
    const { protocol } = this.#protocol
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${SPDY}\r\nX-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
    )
    return serveSpdyCommand({ socket, head, plan, protocol, limits }, listener)
  }

  #openServer(): CommandEnd {
    const limits = defaultStreamLimits
    const { connection } = this.#standing
    const listener = this.#serverListener()
    if (this.#standing.kind === 'websocket') {
      const { socket } = this.#standing
      return openWebSocketCommand({ socket, connection, dialect: V5, limits }, listener)
    }
    const { head } = this.#standing
    const plan = commandPlanOf(this.#request.target)
    return openSpdyCommand({ socket: connection, head, plan, limits }, listener)
  }

  #clientListener(): CommandListener {
    return {
      data: (stream, data) => {
        this.#heard()
        this.#bytesReceived += data.length
        const server = this.#server
        if (server !== null) return server.write(stream, data)
        this.#early.push(() => this.#server?.write(stream, data))
        return false
      },
      end: (stream) => this.#soon((server) => server.end(stream)),
      resize: (size: TerminalSize) => {
        this.#heard()
        this.#soon((server) => server.resize(size))
      },
      status: () => {},
      drain: () => this.#server?.resume(),
      closed: () => this.#clientClosed(),
    }
  }

  #serverListener(): CommandListener {
    return {
      data: (stream, data) => {
        this.#bytesSent += data.length
        // Not the last, then, although it was said how the command ended.
        this.#lastOutput?.refresh()
        return this.#client?.write(stream, data) ?? true
      },
      end: (stream) => {
        this.#open.delete(stream)
        if (this.#status !== null && this.#open.size === 0) this.#end()
      },
      resize: () => {},
      status: (status) => {
        this.#status = status
        if (this.#open.size === 0) this.#end()
        else this.#lastOutput = setTimeout(() => this.#end(), LAST_OUTPUT_MS)
      },
      drain: () => this.#client?.resume(),
      closed: (error) => {
        if (this.#status === null && this.#withdrawn === null) {
          const failure = failureOf(error ?? new Error('the API server left'))
          this.#broken = upstreamRefusal(failure, this.#request.connection.cluster.name)
          this.#client?.finish(statusBody(this.#broken))
        } else this.#end()
      },
    }
  }

  /** Tells the client how the command ended, once all of its output has gone. */
  #end(): void {
    if (this.#lastOutput !== null) clearTimeout(this.#lastOutput)
    if (this.#status !== null && this.#withdrawn === null) this.#client?.finish(this.#status)
    this.#standing.connection.destroy()
  }

  #soon(call: (server: CommandEnd) => void): void {
    const server = this.#server
    if (server !== null) call(server)
    else
      this.#early.push(() => {
        if (this.#server !== null) call(this.#server)
      })
  }

  #heard(): void {
    this.#heardMs = this.#deps.clock.now()
  }

  #clientClosed(): void {
    if (this.#lastOutput !== null) clearTimeout(this.#lastOutput)
    this.#standing.connection.destroy()
    this.#finish()
  }

  #finish(): void {
    if (this.#isFinished) return
    this.#isFinished = true
    this.#leave()
    const deps = this.#deps
    const nowMs = deps.clock.now()
    const { events, startedMs } = this.#request
    const outcome: RequestOutcome = {
      outcome: this.#withdrawn !== null ? 'aborted' : this.#broken !== null ? 'failed' : 'done',
      status: 101,
      bytesSent: this.#bytesSent,
      bytesReceived: this.#bytesReceived,
      error: this.#withdrawn ?? this.#broken,
    }
    deps.metrics?.requestEnded(this.#request, outcome, nowMs - startedMs)
    void commit(deps, events.ended(outcome, nowMs))
  }
}
