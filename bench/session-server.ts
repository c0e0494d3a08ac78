/** An API server with one pod, whose commands do what a load asks for, by every protocol. `node bench/session-server.ts '<json>'` */
import type { IncomingMessage } from 'node:http'
import { createSecureServer } from 'node:http2'
import type { Duplex } from 'node:stream'
import {
  acceptWebSocket,
  type CommandEnd,
  chooseDialect,
  defaultStreamLimits as limits,
  serveSpdyCommand,
  serveSpdyForward,
  serveWebSocketCommand,
  TUNNEL_PROTOCOL,
  tunnelOf,
} from '../src/streams/index.ts'
import { CommandEars, ForwardEars, pour } from './session-plan.ts'

const { key, cert, port } = JSON.parse(process.argv[2] ?? '{}') as {
  key: string
  cert: string
  port: number
}
const SUCCESS = JSON.stringify({ metadata: {}, status: 'Success' })
const POD = JSON.stringify({
  kind: 'Pod',
  apiVersion: 'v1',
  metadata: { name: 'box', namespace: 'default', uid: 'box', resourceVersion: '1' },
  spec: { nodeName: 'node', containers: [{ name: 'main', image: 'box:1' }] },
  status: { phase: 'Running' },
})
const EMPTY = Buffer.alloc(0)

const server = createSecureServer({
  key,
  cert,
  allowHTTP1: true,
  settings: { maxConcurrentStreams: 250 },
})
server.on('request', (request, response) => {
  const path = request.url ?? ''
  response.writeHead(200, { 'content-type': 'application/json' })
  // The watch of a pod whose port is forwarded says nothing: the pod lives.
  if (path.includes('watch=')) response.write('{"type":"BOOKMARK","object":{}}\n')
  else response.end(path.includes('/pods/') ? POD : '{"kind":"APIVersions","versions":["v1"]}')
})
server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
  socket.on('error', () => {})
  const serve = request.url?.includes('/portforward') === true ? serveForward : serveCommand
  const served = new Promise<void>((resolve) => resolve(serve(request, socket, head) ?? undefined))
  served.catch((error: unknown) => {
    process.stderr.write(`session server: ${String(error)}\n`)
    socket.destroy()
  })
})
server.listen(port, '127.0.0.1')

const isWebSocket = (request: IncomingMessage): boolean =>
  request.headers.upgrade?.toLowerCase() === 'websocket'

const headerOf =
  (request: IncomingMessage) =>
  (name: string): string | null => {
    const value = request.headers[name.toLowerCase()]
    return Array.isArray(value) ? value.join(', ') : (value ?? null)
  }

const switched = (protocol: string): string =>
  `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${protocol}\r\n\r\n`

async function serveCommand(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
  const query = new URL(request.url ?? '', 'https://k').searchParams
  const has = (name: string): boolean => query.get(name) === 'true'
  const tty = has('tty')
  const plan = { stdin: has('stdin'), stdout: has('stdout'), stderr: has('stderr') && !tty, tty }
  const ears = new CommandEars()
  const [program = '', words = '0'] = query.getAll('command')
  const bytes = Number(words)
  let heard = 0
  let isEnough = (): void => {}
  ears.onData = (length) => {
    heard += length
    if (program === 'in' && heard >= bytes) isEnough()
  }
  let end: CommandEnd
  if (isWebSocket(request)) {
    const header = headerOf(request)
    const dialect = chooseDialect((header('sec-websocket-protocol') ?? '').split(/,\s*/))
    if (dialect === null) throw new Error('no dialect')
    end = await serveWebSocketCommand({ socket, head, header, dialect, plan, limits }, ears)
  } else {
    const protocol = 'v4.channel.k8s.io'
    socket.write(switched(protocol))
    end = await serveSpdyCommand({ socket, head, plan, protocol, limits }, ears)
  }
  isEnough = () => end.finish(SUCCESS)
  if (program === 'true' || (program === 'in' && heard >= bytes)) end.finish(SUCCESS)
  if (program === 'out') {
    ears.onDrain = pour(
      bytes,
      (data) => end.write('stdout', data),
      () => end.finish(SUCCESS),
    )
  }
  end.resume()
}

/** The port says how many MiB, and in which direction: odd ones are read, even ones are sent. */
function serveForward(request: IncomingMessage, socket: Duplex, head: Buffer): void {
  let carrier = socket
  if (isWebSocket(request)) {
    const asked = { socket, header: headerOf(request), protocol: TUNNEL_PROTOCOL }
    carrier = tunnelOf(acceptWebSocket(asked, limits), head)
  } else socket.write(switched('portforward.k8s.io'))
  const ears = new ForwardEars()
  const end = serveSpdyForward(
    { socket: carrier, head: carrier === socket ? head : EMPTY, limits },
    ears,
  )
  const done = (id: number): void => {
    end.tell(id, '')
    end.end(id)
  }
  const missing = new Map<number, number>()
  ears.onOpened = (id, number) => {
    const bytes = Math.floor(number / 2) * 1024 * 1024
    if (number % 2 === 1) missing.set(id, bytes)
    else {
      ears.onDrain = pour(
        bytes,
        (data) => end.write(id, data),
        () => done(id),
      )
    }
  }
  ears.onData = (id, length) => {
    const left = (missing.get(id) ?? 0) - length
    missing.set(id, left)
    if (left === 0) done(id)
  }
  end.resume()
}
