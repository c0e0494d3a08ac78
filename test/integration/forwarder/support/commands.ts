import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { commandPlanOf } from '../../../../src/forwarder/command-plan.ts'
import {
  formatChannelMessage,
  formatTerminalSize,
  parseChannelMessage,
  type TerminalSize,
} from '../../../../src/protocol/index.ts'
import {
  type CommandEnd,
  type CommandListener,
  type CommandStream,
  chooseDialect,
  defaultStreamLimits,
  openSpdyCommand,
  openWebSocketCommand,
  serveSpdyCommand,
  serveWebSocketCommand,
} from '../../../../src/streams/index.ts'
import type { ApiServer } from './api-server.ts'
import { EXEC, type Stage } from './stage.ts'
import { openWebSocket, readHead, upgradeToWebSocket } from './upgrades.ts'

export const SUCCESS = JSON.stringify({ metadata: {}, status: 'Success' })
export const exitStatus = (code: number): string =>
  JSON.stringify({
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${code}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  })

/** One end of a command in a test: hears everything, says what the test says. */
export class TestEnd implements CommandListener {
  readonly heard: Record<CommandStream, Buffer[]> = { stdin: [], stdout: [], stderr: [] }
  readonly ended: CommandStream[] = []
  readonly sizes: TerminalSize[] = []
  readonly statuses: string[] = []
  readonly over = Promise.withResolvers<Error | null>()
  /** False: reads nothing more once it has heard something. */
  reads = true
  isOver = false
  #speaker: CommandEnd | null = null
  /** What it does with what it hears. */
  onData: (stream: CommandStream, data: Buffer) => void = () => {}
  onEnd: (stream: CommandStream) => void = () => {}
  onDrain: () => void = () => {}

  /** Its own voice. */
  get out(): CommandEnd {
    if (this.#speaker === null) throw new Error('no streams yet')
    return this.#speaker
  }
  speaksBy(end: CommandEnd): void {
    this.#speaker = end
  }
  text(stream: CommandStream): string {
    return Buffer.concat(this.heard[stream]).toString('latin1')
  }
  bytes(stream: CommandStream): number {
    return this.heard[stream].reduce((sum, { length }) => sum + length, 0)
  }

  /** Does with what it heard before somebody said what. */
  catchUp(): void {
    for (const stream of ['stdin', 'stdout', 'stderr'] as const) {
      for (const data of this.heard[stream]) this.onData(stream, data)
    }
    for (const stream of this.ended) this.onEnd(stream)
  }

  data(stream: CommandStream, data: Buffer): boolean {
    const kept = Buffer.from(data)
    this.heard[stream].push(kept)
    this.onData(stream, kept)
    return this.reads
  }
  end(stream: CommandStream): void {
    this.ended.push(stream)
    this.onEnd(stream)
  }
  resize(size: TerminalSize): void {
    this.sizes.push(size)
  }
  status(status: string): void {
    this.statuses.push(status)
  }
  drain(): void {
    this.onDrain()
  }
  closed(error: Error | null): void {
    this.isOver = true
    this.over.resolve(error)
  }
}

/** What a simulated API server knows. */
export interface ServerKind {
  readonly name: string
  /** What it says to who asks for a WebSocket; null: it speaks v5.channel.k8s.io. */
  readonly refusesWebSocket: number | null
}

export const serverKinds: readonly ServerKind[] = [
  { name: 'an API server of today', refusesWebSocket: null },
  { name: 'an API server that knows no WebSocket (400)', refusesWebSocket: 400 },
  { name: 'an API server that forbids its way (403)', refusesWebSocket: 403 },
]

export const refusing = (status: number, message = 'no'): string => {
  const body = JSON.stringify({ kind: 'Status', code: status, message })
  return `HTTP/1.1 ${status} No\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

/** Lets the stage's API server run commands; each one is given to `run` when its streams stand. */
export function serveCommands(
  stage: { readonly api: Pick<ApiServer, 'upgrade'> },
  kind: ServerKind,
  run: (end: TestEnd, asked: IncomingMessage) => void,
): void {
  stage.api.upgrade = (asked, socket, head) => {
    const isWebSocket = asked.headers.upgrade?.toLowerCase() === 'websocket'
    if (isWebSocket && kind.refusesWebSocket !== null) {
      socket.end(refusing(kind.refusesWebSocket))
      return
    }
    const end = new TestEnd()
    serving(asked, socket, head, end).then(
      (opened) => {
        end.speaksBy(opened)
        run(end, asked)
        end.catchUp()
        opened.resume()
      },
      () => socket.destroy(),
    )
  }
}

function serving(
  asked: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  end: TestEnd,
): Promise<CommandEnd> {
  const plan = commandPlanOf(asked.url ?? '')
  const limits = defaultStreamLimits
  if (asked.headers.upgrade?.toLowerCase() !== 'websocket') {
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n',
    )
    return serveSpdyCommand({ socket, head, plan, protocol: 'v4.channel.k8s.io', limits }, end)
  }
  const header = (name: string): string | null => {
    const value = asked.headers[name.toLowerCase()]
    return Array.isArray(value) ? value.join(', ') : (value ?? null)
  }
  const dialect = chooseDialect((header('sec-websocket-protocol') ?? '').split(/,\s*/))
  if (dialect === null) throw new Error('no dialect')
  return serveWebSocketCommand({ socket, head, header, dialect, plan, limits }, end)
}

export const clientKinds = [
  'SPDY/3.1',
  'v5.channel.k8s.io',
  'v4.channel.k8s.io',
  'v4.base64.channel.k8s.io',
  'channel.k8s.io',
] as const
export type ClientKind = (typeof clientKinds)[number]

export const ALL = 'stdin=true&stdout=true&stderr=true'
export const TTY = 'stdin=true&stdout=true&tty=true'

/** Runs a command as a person's client. Rejects with Refused. */
export async function openCommand(
  stage: Pick<Stage, 'raw'>,
  kind: ClientKind,
  { query = ALL, path = EXEC }: { readonly query?: string; readonly path?: string } = {},
): Promise<TestEnd & { readonly connection: Duplex }> {
  const connection = await stage.raw()
  const target = `${path}?${query}`
  const end = Object.assign(new TestEnd(), { connection })
  const limits = defaultStreamLimits
  if (kind === 'SPDY/3.1') {
    connection.write(
      `POST ${target} HTTP/1.1\r\nHost: k\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n`,
    )
    const head = await readHead(connection)
    end.speaksBy(
      openSpdyCommand({ socket: connection, head, plan: commandPlanOf(target), limits }, end),
    )
  } else {
    const dialect = chooseDialect([kind])
    if (dialect === null) throw new Error(kind)
    if (dialect.style === 'json') {
      const head = await upgradeToWebSocket(connection, target, kind)
      end.speaksBy(openWebSocketCommand({ socket: connection, head, dialect, limits }, end))
    } else end.speaksBy(wordsClient(await openWebSocket(connection, target, kind), end))
  }
  end.out.resume()
  return end
}

/** A client from before a command's end was told in JSON: the error channel has words, and nothing when all went well. */
function wordsClient(socket: WebSocket, end: TestEnd): CommandEnd {
  let words = ''
  socket.on('message', (message: Buffer) => {
    const parsed = parseChannelMessage(message, 'v4.channel.k8s.io')
    if (parsed?.kind !== 'data') return
    if (parsed.channel === 'error') words += parsed.data.toString()
    else if (parsed.channel !== 'resize') end.data(parsed.channel, parsed.data)
  })
  socket.on('close', () => {
    end.status(words)
    end.closed(null)
  })
  const send = (channel: 'stdin' | 'resize', data: Buffer): void =>
    socket.send(formatChannelMessage(channel, data))
  return {
    write: (_stream, data) => {
      send('stdin', data)
      return true
    },
    end: () => {},
    resize: (size) => send('resize', Buffer.from(formatTerminalSize(size))),
    finish: () => {},
    resume: () => socket.resume(),
    destroy: () => socket.terminate(),
  }
}
