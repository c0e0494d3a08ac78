import { errorMessage } from '../core/index.ts'
import { statusBody } from '../kube/index.ts'
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
import { commit, noteCut } from './audit-request.ts'
import { commandPlanOf } from './command-plan.ts'
import { type ClientProtocol, clientProtocolOf } from './command-protocol.ts'
import type { HandlerDeps } from './deps.ts'
import type { RequestOutcome } from './event.ts'
import type { UpgradeRequest } from './exchange.ts'
import type { LiveExchange } from './live.ts'
import { headerOf } from './raw-headers.ts'
import { type Refusal, upstreamRefusal } from './refusal.ts'
import { type AskedServer, SPDY, type Standing, standBetween } from './stand-between.ts'
import { failureOf, refuseHere, shuttingDown } from './waiting-upgrade.ts'

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
    await refuseHere(deps, request, unspoken)
    return
  }
  const asked: AskedServer = {
    target: request.target,
    subprotocol: V5.protocol,
    spdyVersion: SPDY_VERSION,
    remembered: deps.servers,
  }
  await standBetween(deps, request, wanted, asked, (standing) =>
    new Command(deps, request, wanted, protocol, standing).start(),
  )
}

const unspoken: Refusal = {
  code: 'BAD_REQUEST',
  reason: 'BadRequest',
  message:
    'this client speaks none of the protocols of exec and attach: SPDY/3.1 or WebSocket with v5.channel.k8s.io to channel.k8s.io',
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
