/** Runs commands and forwards ports as kubectl does, and prints what it saw as JSON. `node bench/session-client.ts '<json>'` */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import { connect } from 'node:tls'
import {
  type CommandEnd,
  defaultStreamLimits as limits,
  openSpdyCommand,
  openSpdyForward,
  openWebSocketCommand,
  TUNNEL_PROTOCOL,
  tunnelOf,
  V5,
  WebSocketLink,
} from '../src/streams/index.ts'
import type { Load } from './load.ts'
import {
  CommandEars,
  ForwardEars,
  type Program,
  pour,
  type SessionLoad,
  type SessionMeasured,
} from './session-plan.ts'
import { cpuSecondsOf, sleep } from './support.ts'

const { port, tls, pids, load } = JSON.parse(process.argv[2] ?? '{}') as {
  port: number
  tls: NonNullable<Load['tls']>
  pids: readonly number[]
  load: SessionLoad
}
const secrets = {
  ca: readFileSync(tls.ca),
  ...(tls.cert === null ? {} : { cert: readFileSync(tls.cert) }),
  ...(tls.key === null ? {} : { key: readFileSync(tls.key) }),
}
const POD = '/api/v1/namespaces/default/pods/box'
const EMPTY = Buffer.alloc(0)
const MIB = 1024 * 1024
/** Sessions that are opened side by side before they are held. */
const OPENING = 20

async function dial(): Promise<Duplex> {
  const { serverName: servername } = tls
  const options = {
    host: '127.0.0.1',
    port,
    servername,
    ...secrets,
    minVersion: 'TLSv1.3',
  } as const
  const socket = connect({ ...options, ALPNProtocols: ['http/1.1'] })
  socket.setNoDelay(true)
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  return socket
}

/** The bytes behind the answer. */
function webSocket(connection: Duplex, target: string, protocol: string): Promise<Buffer> {
  const key = randomBytes(16).toString('base64')
  connection.write(
    `GET ${target} HTTP/1.1\r\nHost: k\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Protocol: ${protocol}\r\n\r\n`,
  )
  return readHead(connection)
}

async function run(
  protocol: 'websocket' | 'spdy',
  program: Program,
  { bytes = 0, tty = false } = {},
): Promise<{ readonly end: CommandEnd; readonly ears: CommandEars }> {
  const stdin = program === 'in' || program === 'idle' || tty
  const plan = { stdin, stdout: true, stderr: !tty, tty }
  const query = new URLSearchParams({ container: 'main' })
  for (const [name, wanted] of Object.entries(plan)) if (wanted) query.set(name, 'true')
  query.append('command', program)
  query.append('command', String(bytes))
  const target = `${POD}/exec?${query.toString()}`
  const connection = await dial()
  const ears = new CommandEars()
  if (protocol === 'websocket') {
    const head = await webSocket(connection, target, V5.protocol)
    const end = openWebSocketCommand({ socket: connection, head, dialect: V5, limits }, ears)
    return { end, ears }
  }
  connection.write(
    `POST ${target} HTTP/1.1\r\nHost: k\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n`,
  )
  const head = await readHead(connection)
  return { end: openSpdyCommand({ socket: connection, head, plan, limits }, ears), ears }
}

/** The bytes behind the head of a 101. */
async function readHead(connection: Duplex): Promise<Buffer> {
  let bytes: Buffer = EMPTY
  while (!bytes.includes('\r\n\r\n')) {
    const [chunk] = (await once(connection, 'data')) as [Buffer]
    bytes = Buffer.concat([bytes, chunk])
  }
  const head = bytes.subarray(0, bytes.indexOf('\r\n\r\n') + 4).toString('latin1')
  if (!head.startsWith('HTTP/1.1 101')) throw new Error(bytes.toString('latin1').slice(0, 400))
  connection.pause()
  return bytes.subarray(head.length)
}

/** Resolves when the API server has said that it went well, and the streams are over. */
async function succeeded(ears: CommandEars): Promise<void> {
  let told = ''
  ears.onStatus = (status) => {
    told = status
  }
  const error = await ears.over.promise
  if (error !== null) throw error
  if (!told.includes('"Success"')) throw new Error(`a command ended with ${told}`)
}

async function starts({
  protocol,
  atOnce,
  warmUpMs,
  runMs,
}: SessionLoad & { readonly type: 'starts' }): Promise<SessionMeasured> {
  let count = 0
  let stopped = false
  const again = async (): Promise<void> => {
    while (!stopped) {
      const { end, ears } = await run(protocol, 'true')
      end.resume()
      await succeeded(ears)
      count += 1
    }
  }
  const all = Promise.all(Array.from({ length: atOnce }, again))
  const measure = async (): Promise<SessionMeasured> => {
    await sleep(warmUpMs)
    const [first, cpu, began] = [count, cpuSecondsOf(pids), performance.now()]
    await sleep(runMs)
    const seconds = (performance.now() - began) / 1000
    const found = { count: count - first, seconds, cpuSeconds: cpuSecondsOf(pids) - cpu }
    stopped = true
    return found
  }
  const [found] = await Promise.all([measure(), all])
  return found
}

/** The clock starts when the streams stand. */
async function timed(count: number, work: () => Promise<void>): Promise<SessionMeasured> {
  const [cpu, began] = [cpuSecondsOf(pids), performance.now()]
  await work()
  const seconds = (performance.now() - began) / 1000
  return { count, seconds, cpuSeconds: cpuSecondsOf(pids) - cpu }
}

async function command({
  program,
  tty,
  bytes,
}: SessionLoad & { readonly type: 'command' }): Promise<SessionMeasured> {
  const { end, ears } = await run('websocket', program, { bytes, tty })
  let heard = 0
  ears.onData = (length) => {
    heard += length
  }
  const found = await timed(1, async () => {
    const over = succeeded(ears)
    end.resume()
    if (program === 'in') {
      ears.onDrain = pour(
        bytes,
        (data) => end.write('stdin', data),
        () => end.end('stdin'),
      )
    }
    await over
  })
  if (program === 'out' && heard !== bytes) throw new Error(`${heard} bytes of ${bytes} came`)
  return found
}

async function forward({
  program,
  bytes,
}: SessionLoad & { readonly type: 'forward' }): Promise<SessionMeasured> {
  const connection = await dial()
  const head = await webSocket(connection, `${POD}/portforward`, TUNNEL_PROTOCOL)
  const ears = new ForwardEars()
  const socket = tunnelOf(new WebSocketLink('client', connection, limits), head)
  const end = openSpdyForward({ socket, head: EMPTY, limits }, ears)
  let heard = 0
  ears.onData = (_id, length) => {
    heard += length
  }
  const found = await timed(1, async () => {
    const ended = new Promise<void>((resolve, reject) => {
      ears.onEnd = () => resolve()
      void ears.over.promise.then((error) => reject(error ?? new Error('the port-forward ended')))
    })
    end.resume()
    end.open(0, (bytes / MIB) * 2 + (program === 'in' ? 1 : 0))
    if (program === 'in') {
      ears.onDrain = pour(
        bytes,
        (data) => end.write(0, data),
        () => end.end(0),
      )
    }
    await ended
  })
  end.destroy()
  if (program === 'out' && heard !== bytes) throw new Error(`${heard} bytes of ${bytes} came`)
  return found
}

/** Holds them until it is killed. */
async function idle(count: number): Promise<SessionMeasured> {
  for (let opened = 0; opened < count; opened += OPENING) {
    await Promise.all(
      Array.from({ length: Math.min(OPENING, count - opened) }, async () => {
        const { end, ears } = await run('websocket', 'idle')
        void ears.over.promise.then(() => {
          process.stderr.write('session client: an idle session ended\n')
          process.exit(1)
        })
        end.resume()
      }),
    )
  }
  return { count, seconds: 0, cpuSeconds: 0 }
}

const measured = await (load.type === 'starts'
  ? starts(load)
  : load.type === 'command'
    ? command(load)
    : load.type === 'forward'
      ? forward(load)
      : idle(load.count))
process.stdout.write(`${JSON.stringify(measured)}\n`)
if (load.type !== 'idle') process.exit(0)
