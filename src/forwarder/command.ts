import { errorMessage } from '../core/index.ts'
import { statusBody } from '../kube/index.ts'
import type { TerminalSize } from '../protocol/index.ts'
import {
  type CommandEnd,
  type CommandListener,
  type CommandPlan,
  type CommandStream,
  defaultStreamLimits,
  openSpdyCommand,
  openWebSocketCommand,
  serveSpdyCommand,
  serveWebSocketCommand,
  V5,
} from '../streams/index.ts'
import type { AllowedRequest } from './allowed-request.ts'
import { commandPlanOf } from './command-plan.ts'
import { type ClientProtocol, clientProtocolOf } from './command-protocol.ts'
import type { HandlerDeps } from './deps.ts'
import type { UpgradeRequest } from './exchange.ts'
import { LastSize } from './last-size.ts'
import { LiveUpgrade } from './live-upgrade.ts'
import type { PodFacts } from './ports.ts'
import { headerOf } from './raw-headers.ts'
import { type Refusal, upstreamRefusal } from './refusal.ts'
import { Session, type SessionCarrier } from './session/session.ts'
import type { SessionEnding } from './session/session-events.ts'
import {
  type AskedServer,
  SPDY,
  type Standing,
  standBetween,
  switchedToSpdy,
} from './stand-between.ts'
import { failureOf, refuseHere } from './waiting-upgrade.ts'

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
  const plan = commandPlanOf(request.target)
  await standBetween(deps, request, wanted, asked, async (place) => {
    const running = new Command(deps, request, wanted, protocol, plan)
    const beginning = {
      kind: request.stream === 'attach' ? ('attach' as const) : ('exec' as const),
      protocol: protocolName(protocol),
      tty: plan.tty,
      pod: await describePod(request),
    }
    const session = await Session.begin(deps, request, place, beginning, running)
    if ('code' in session) return session
    return {
      cut: { signal: running.asking, refusal: () => running.cutBy },
      run: (standing) => running.start(session, standing),
      abandon: (reason) => session.end({ status: null, reason, bytesSent: 0, bytesReceived: 0 }),
    }
  })
}

function describePod({ info, connection }: AllowedRequest): Promise<PodFacts | null> {
  if (info.kind !== 'resource') return Promise.resolve(null)
  return connection.cluster.upstream.describePod(info.namespace, info.name)
}

const protocolName = (protocol: ClientProtocol): string =>
  protocol.kind === 'spdy' ? `${SPDY} ${protocol.protocol}` : protocol.dialect.protocol

const unspoken: Refusal = {
  code: 'BAD_REQUEST',
  reason: 'BadRequest',
  message:
    'this client speaks none of the protocols of exec and attach: SPDY/3.1 or WebSocket with v5.channel.k8s.io to channel.k8s.io',
}

/** Nobody sees a terminal change more often. */
const RESIZE_MS = 20
/** For an API server that has said how the command ended to end its streams as well. */
const LAST_OUTPUT_MS = 5_000
/** For a client that is cut to read why. */
const CUT_LINGER_MS = 2_000

/** A running command, between its client and its API server. */
class Command extends LiveUpgrade implements SessionCarrier {
  readonly plan: CommandPlan
  readonly #wanted: UpgradeRequest
  readonly #protocol: ClientProtocol
  /** Null while the API server is asked. */
  #standing: Standing | null = null
  readonly #asking = new AbortController()
  /** Streams from which output still comes. */
  readonly #open = new Set<CommandStream>()
  /** Who has no room: what comes from the other side waits. */
  readonly #full = { client: false, server: false, record: false }
  /** What the client said before there was somebody to tell. */
  #early: (() => void)[] = []
  #session: Session | null = null
  #client: CommandEnd | null = null
  #server: CommandEnd | null = null
  #status: string | null = null
  /** The client knows how the command ended: what it still says is thrown away, so that it can say that it leaves. */
  #isTold = false
  #lastOutput: NodeJS.Timeout | null = null
  #cutTimer: NodeJS.Timeout | null = null
  /** What the API server is still to be told. */
  #size: TerminalSize | null = null
  readonly #sizes = new LastSize(RESIZE_MS, (size) => {
    this.#session?.resize(size)
    this.#size = size
    this.#tellSize()
  })

  constructor(
    deps: HandlerDeps,
    request: AllowedRequest,
    wanted: UpgradeRequest,
    protocol: ClientProtocol,
    plan: CommandPlan,
  ) {
    super(deps, request)
    this.plan = plan
    this.#wanted = wanted
    this.#protocol = protocol
  }

  start(session: Session, standing: Standing): void {
    this.#session = session
    this.#standing = standing
    this.enter()
    session.runs()
    if (this.plan.stdout) this.#open.add('stdout')
    if (this.plan.stderr) this.#open.add('stderr')
    const { socket } = this.#wanted
    socket.on('error', () => standing.connection.destroy())
    // Whoever leaves before his streams stand.
    socket.once('close', () => {
      if (this.#client === null) this.#clientClosed()
    })
    this.#serveClient().then(
      (client) => {
        this.#client = client
        if (this.isFinished) {
          client.destroy()
          return
        }
        this.#server = this.#openServer(standing)
        for (const call of this.#early.splice(0)) call()
        this.#tellSize()
        this.#readOn()
        if (this.withdrawn !== null) this.#sayLast(client, this.withdrawn)
      },
      (error: unknown) => {
        this.deps.log.debug({ error: errorMessage(error) }, 'a client did not open its streams')
        socket.destroy()
        this.#clientClosed()
      },
    )
  }

  /** Aborts when it is cut while the API server is asked: its record was lost. */
  get asking(): AbortSignal {
    return this.#asking.signal
  }

  get cutBy(): Refusal | null {
    return this.withdrawn
  }

  /** The record has room again. */
  drain(): void {
    this.#full.record = false
    this.#readOn()
  }

  protected end(refusal: Refusal): void {
    this.#asking.abort()
    if (this.#client !== null) this.#sayLast(this.#client, refusal)
    this.#standing?.connection.destroy()
  }

  /** Whoever has lost his rights is not waited for, if he reads slowly. */
  #sayLast(client: CommandEnd, refusal: Refusal): void {
    this.#tell(client, statusBody(refusal))
    this.#cutTimer = setTimeout(() => client.destroy(), CUT_LINGER_MS)
  }

  #readOn(): void {
    const { client, server, record } = this.#full
    if (record || this.#server === null) return
    if (!client) this.#server.resume()
    if (!server) this.#client?.resume()
  }

  #serveClient(): Promise<CommandEnd> {
    const { socket, head } = this.#wanted
    const { plan } = this
    const limits = defaultStreamLimits
    const listener = this.#clientListener()
    if (this.#protocol.kind === 'websocket') {
      const { rawHeaders } = this.request.exchange
      const header = (name: string): string | null => headerOf(rawHeaders, name)
      const { dialect } = this.#protocol
      return serveWebSocketCommand({ socket, head, header, dialect, plan, limits }, listener)
    }
    const { protocol } = this.#protocol
    socket.write(switchedToSpdy(protocol))
    return serveSpdyCommand({ socket, head, plan, protocol, limits }, listener)
  }

  #openServer(standing: Standing): CommandEnd {
    const limits = defaultStreamLimits
    const { connection } = standing
    const listener = this.#serverListener()
    if (standing.kind === 'websocket') {
      const { head } = standing
      return openWebSocketCommand({ socket: connection, head, dialect: V5, limits }, listener)
    }
    const { head } = standing
    const { plan } = this
    return openSpdyCommand({ socket: connection, head, plan, limits }, listener)
  }

  #clientListener(): CommandListener {
    return {
      data: (stream, data) => {
        // Streams of output are the API server's; what a client says there is no input.
        if (this.#isTold || stream !== 'stdin') return true
        this.heard()
        this.bytesReceived += data.length
        if (this.#session?.input(data) === false) this.#full.record = true
        if (this.#server === null) {
          // They are lent.
          const kept = Buffer.from(data)
          this.#soon((server) => {
            if (!server.write(stream, kept)) this.#full.server = true
          })
          return false
        }
        if (!this.#server.write(stream, data)) this.#full.server = true
        return !this.#full.server && !this.#full.record
      },
      end: (stream) => this.#soon((server) => server.end(stream)),
      resize: (size: TerminalSize) => {
        this.heard()
        this.#sizes.push(size)
      },
      status: () => {},
      drain: () => {
        this.#full.client = false
        this.#readOn()
      },
      closed: () => this.#clientClosed(),
    }
  }

  #serverListener(): CommandListener {
    return {
      data: (stream, data) => {
        // Nobody says anything there to a client, and it would be in no record. Who was told how it ended gets nothing more.
        if (stream === 'stdin' || this.#isTold || this.isFinished) return true
        this.bytesSent += data.length
        // Not the last, then, although it was said how the command ended.
        this.#lastOutput?.refresh()
        if (this.#session?.output(stream, data) === false) this.#full.record = true
        if (this.#client?.write(stream, data) === false) this.#full.client = true
        return !this.#full.client && !this.#full.record
      },
      end: (stream) => {
        this.#open.delete(stream)
        if (this.#status !== null && this.#open.size === 0) this.#end()
      },
      resize: () => {},
      status: (status) => {
        this.#status = status
        if (this.#open.size === 0) this.#end()
        else this.#lastOutput = setTimeout(() => this.#outputIsLate(), LAST_OUTPUT_MS)
      },
      drain: () => {
        this.#full.server = false
        this.#tellSize()
        this.#readOn()
      },
      closed: (error) => {
        if (this.#status === null && this.withdrawn === null) {
          const failure = failureOf(error ?? new Error('the API server left'))
          this.broken = upstreamRefusal(failure, this.request.connection.cluster.name)
          this.#tell(this.#client, statusBody(this.broken))
        } else this.#end()
      },
    }
  }

  /** Output that waits for a slow client is not late. */
  #outputIsLate(): void {
    if (this.#full.client || this.#full.record) this.#lastOutput?.refresh()
    else this.#end()
  }

  /** The size of the terminal, unless the API server does not read: then the last one waits. */
  #tellSize(): void {
    const size = this.#size
    if (size === null || this.#server === null) return
    if (this.#standing?.connection.writableNeedDrain === true) return
    this.#size = null
    this.#server.resize(size)
  }

  /** Tells the client how the command ended, once all of its output has gone. */
  #end(): void {
    if (this.#lastOutput !== null) clearTimeout(this.#lastOutput)
    if (this.#status !== null && this.withdrawn === null) this.#tell(this.#client, this.#status)
    this.#standing?.connection.destroy()
  }

  #tell(client: CommandEnd | null, status: string): void {
    if (client === null) return
    this.#isTold = true
    client.finish(status)
  }

  #soon(call: (server: CommandEnd) => void): void {
    const server = this.#server
    if (server !== null) call(server)
    else
      this.#early.push(() => {
        if (this.#server !== null) call(this.#server)
      })
  }

  #clientClosed(): void {
    if (this.#lastOutput !== null) clearTimeout(this.#lastOutput)
    if (this.#cutTimer !== null) clearTimeout(this.#cutTimer)
    this.#sizes.stop()
    this.#standing?.connection.destroy()
    this.#close()
  }

  #close(): void {
    if (!this.finish()) return
    this.#session?.end({
      status: this.#status,
      reason: this.#ending(),
      bytesSent: this.bytesSent,
      bytesReceived: this.bytesReceived,
    })
  }

  #ending(): SessionEnding {
    if (this.withdrawn?.code === 'CERT_EXPIRED') return 'expired'
    if (this.withdrawn?.code === 'CLIENT_IDLE') return 'idle'
    if (this.withdrawn !== null) return 'terminated'
    if (this.broken !== null) return 'lost'
    return this.#status === null ? 'client' : 'exited'
  }
}
