import type { Duplex } from 'node:stream'
import {
  acceptWebSocket,
  defaultStreamLimits,
  type ForwardEnd,
  type ForwardListener,
  openSpdyForward,
  serveSpdyForward,
  TUNNEL_PROTOCOL,
  tunnelOf,
  WebSocketLink,
} from '../../../../src/streams/index.ts'
import type { ApiServer } from './api-server.ts'
import { FORWARD, type Stage } from './stage.ts'
import { readHead, upgradeToWebSocket } from './upgrades.ts'

const limits = defaultStreamLimits
const EMPTY = Buffer.alloc(0)

/** One end of a port-forward in a test: hears everything, says what the test says. */
export class TestForward implements ForwardListener {
  readonly ports = new Map<number, number>()
  readonly ended: number[] = []
  readonly resets: number[] = []
  readonly words = new Map<number, string>()
  readonly over = Promise.withResolvers<Error | null>()
  isOver = false
  /** False: reads nothing more once it has heard something. */
  reads = true
  onOpened: (id: number, port: number) => void = () => {}
  onData: (id: number, data: Buffer) => void = () => {}
  onEnd: (id: number) => void = () => {}
  onDrain: () => void = () => {}
  readonly #heard = new Map<number, Buffer[]>()
  #speaker: ForwardEnd | null = null

  /** Its own voice. */
  get out(): ForwardEnd {
    if (this.#speaker === null) throw new Error('no streams yet')
    return this.#speaker
  }
  speaksBy(end: ForwardEnd): void {
    this.#speaker = end
  }
  /** A connection that is over well. */
  done(id: number): void {
    this.out.tell(id, '')
    this.out.end(id)
  }
  text(id: number): string {
    return Buffer.concat(this.#heard.get(id) ?? []).toString('latin1')
  }
  bytes(id: number): number {
    return (this.#heard.get(id) ?? []).reduce((sum, { length }) => sum + length, 0)
  }

  opened(id: number, port: number): boolean {
    this.ports.set(id, port)
    this.onOpened(id, port)
    return true
  }
  data(id: number, data: Buffer): boolean {
    const kept = Buffer.from(data)
    const heard = this.#heard.get(id)
    if (heard === undefined) this.#heard.set(id, [kept])
    else heard.push(kept)
    this.onData(id, kept)
    return this.reads
  }
  end(id: number): void {
    this.ended.push(id)
    this.onEnd(id)
  }
  fared(id: number, words: string): void {
    this.words.set(id, words)
  }
  reset(id: number): void {
    this.resets.push(id)
  }
  drain(): void {
    this.onDrain()
  }
  closed(error: Error | null): void {
    this.isOver = true
    this.over.resolve(error)
  }
}

/** What a simulated API server knows of the tunnel: null, it speaks it; else what it says to who asks. */
export const forwardServers = [
  ['an API server of today', null],
  ['an API server that knows no tunnel (400)', 400],
  ['an API server that forbids its way (403)', 403],
] as const

const refusing = (status: number): string => {
  const body = JSON.stringify({ kind: 'Status', code: status, message: 'no tunnel here' })
  return `HTTP/1.1 ${status} No\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

/** Lets the stage's API server forward ports; each session is given to `run` as it begins. */
export function serveForwards(
  stage: { readonly api: Pick<ApiServer, 'upgrade'> },
  refusesTunnel: number | null,
  run: (end: TestForward, connection: Duplex) => void,
): void {
  stage.api.upgrade = (asked, socket, head) => {
    const isTunnel = asked.headers.upgrade?.toLowerCase() === 'websocket'
    if (isTunnel && refusesTunnel !== null) {
      socket.end(refusing(refusesTunnel))
      return
    }
    const begin = (carrier: Duplex): void => {
      const end = new TestForward()
      end.speaksBy(serveSpdyForward({ socket: carrier, head: EMPTY, limits }, end))
      run(end, socket)
    }
    if (isTunnel) {
      const header = (name: string): string | null => {
        const value = asked.headers[name]
        return typeof value === 'string' ? value : null
      }
      const link = acceptWebSocket({ socket, header, protocol: TUNNEL_PROTOCOL }, limits)
      begin(tunnelOf(link, head))
    } else {
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: portforward.k8s.io\r\n\r\n',
      )
      begin(socket)
    }
  }
}

export const forwardClients = ['SPDY/3.1', TUNNEL_PROTOCOL] as const
export type ForwardClient = (typeof forwardClients)[number]

/** Begins a port-forward as kubectl does. Rejects with Refused. */
export async function openForward(
  stage: Pick<Stage, 'raw'>,
  kind: ForwardClient,
  { path = FORWARD }: { path?: string } = {},
): Promise<TestForward & { readonly connection: Duplex }> {
  const connection = await stage.raw()
  const end = Object.assign(new TestForward(), { connection })
  if (kind === 'SPDY/3.1') {
    connection.write(
      `POST ${path} HTTP/1.1\r\nHost: k\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: portforward.k8s.io\r\n\r\n`,
    )
    const head = await readHead(connection)
    end.speaksBy(openSpdyForward({ socket: connection, head, limits }, end))
  } else {
    const head = await upgradeToWebSocket(connection, path, TUNNEL_PROTOCOL)
    const tunnel = tunnelOf(new WebSocketLink('client', connection, limits), head)
    end.speaksBy(openSpdyForward({ socket: tunnel, head: EMPTY, limits }, end))
  }
  end.out.resume()
  return end
}
