import { once } from 'node:events'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { proxyServerName, TUNNEL_ALPN } from '../../../src/protocol/index.ts'
import { closed } from '../../support/closed.ts'
import { type AgentOptions, CLUSTER, Cluster, dialPlain, served, WEST } from './support/fleet.ts'

let cluster: Cluster
beforeEach(async () => {
  cluster = await Cluster.open()
})
afterEach(() => cluster.stack.disposeAsync())

/** Frames by hand: several come as one piece, as they do on a busy line. */
const frame = (type: number, flags: number, stream: number, body: Buffer): Buffer => {
  const head = Buffer.alloc(9)
  head.writeUIntBE(body.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, body])
}
const field = (name: string, value: string): Buffer =>
  Buffer.concat([
    Buffer.from([0, name.length]),
    Buffer.from(name),
    Buffer.from([value.length]),
    Buffer.from(value),
  ])
const PREFACE = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame(4, 0, 0, Buffer.alloc(0)),
])
const headers = (stream: number, ...fields: [string, string][]): Buffer =>
  frame(1, 4, stream, Buffer.concat(fields.map(([name, value]) => field(name, value))))
const names = (stream: number): Buffer =>
  headers(
    stream,
    [':method', 'GET'],
    [':scheme', 'https'],
    [':path', '/v1/names'],
    [':authority', 'agent'],
  )
const connecting = (stream: number): Buffer =>
  headers(
    stream,
    [':method', 'CONNECT'],
    [':authority', WEST],
    ['teleport-origin', `192.0.2.1:${stream}`],
  )
const orders = (stream: number): Buffer =>
  headers(
    stream,
    [':method', 'POST'],
    [':scheme', 'https'],
    [':path', '/v1/dial-backs'],
    [':authority', 'agent'],
  )
const reset = (stream: number): Buffer => frame(3, 0, stream, Buffer.from([0, 0, 0, 8]))

/** As a WebSocket carries it. */
function carried(socket: Socket): Duplex {
  const stream = new Duplex({
    read() {
      socket.resume()
    },
    write(chunk: Buffer, _encoding, done) {
      socket.write(chunk, () => done())
    },
    final(done) {
      socket.end(() => done())
    },
    destroy(error, done) {
      socket.destroy()
      done(error)
    },
  })
  socket.on('data', (chunk: Buffer) => stream.push(chunk))
  socket.once('end', () => stream.push(null))
  socket.once('close', () => stream.destroy())
  return stream
}

test.each([
  ['TCP', (socket: Socket): Duplex => socket],
  ['something like a WebSocket', carried],
])('a proxy that takes back at once what it asks for ends no agent, over %s', async (_, over) => {
  const pair = await cluster.pair('proxy-1', ['proxy'], [proxyServerName(CLUSTER)])
  const sockets: TLSSocket[] = []
  const server = createServer(
    { key: pair.key, cert: pair.certificate, ALPNProtocols: [TUNNEL_ALPN] },
    (socket) => {
      sockets.push(socket)
      socket.on('error', () => {}).resume()
      socket.write(Buffer.concat([PREFACE, names(1)]))
    },
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cluster.stack.defer(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
  const dial: AgentOptions['dial'] = async (to, signal) => over(await dialPlain(to, signal))
  const agent = await cluster.agent([{ address }], { dial })
  await expect.poll(() => agent.tunnels.status()[0]?.state).toBe('up')

  sockets[0]?.write(Buffer.concat([connecting(3), reset(3), orders(5), reset(5)]))
  sockets[0]?.write(connecting(7))
  await expect.poll(() => agent.arrived.at(-1)?.origin.port).toBe(7)
  await expect.poll(() => agent.tunnels.status()[0]).toMatchObject({ state: 'up', streams: 1 })
})

test.each([
  ['TCP', (socket: Socket): Duplex => socket],
  ['something like a WebSocket', carried],
])('a stranger who talks nonsense before he is refused ends no proxy, over %s', async (_, over) => {
  const gateway = await cluster.gateway()
  const origin = { address: '203.0.113.7', port: 1 }
  const server = createTcpServer((socket) => {
    socket.on('error', () => {})
    gateway.tunnels.accept(over(socket), origin)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cluster.stack.defer(() => void server.close())
  const stranger = connect({
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    servername: proxyServerName(CLUSTER),
    ALPNProtocols: [TUNNEL_ALPN],
    rejectUnauthorized: false,
  })
  // In one piece with the end of the handshake.
  stranger.write('nonsense'.repeat(20))
  await closed(stranger.resume())
  await cluster.agent([gateway])
  await served(gateway)
})
