import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { connect } from 'node:tls'
import {
  createServerContext,
  createTlsDoor,
  type SecuredConnection,
  type TlsDoor,
} from '../../../../src/tls/index.ts'
import { serverCertificate } from '../../../support/certificates.ts'
import { TestLog } from './ports.ts'

// A program of its own: what it tries ended whole processes, by a signal that nobody catches.
const NAME = 'kube.example.com'
const TIMES = 20
const pair = await serverCertificate(NAME)
const context = createServerContext({ ...pair, minVersion: 'TLSv1.3' })

let taken = 0
for (const destroyConnection of [
  ({ socket }: SecuredConnection): void => void socket.destroy(),
  async ({ socket }: SecuredConnection): Promise<void> => void socket.destroy(),
  ({ socket }: SecuredConnection): void => process.nextTick(() => socket.destroy()),
  async (): Promise<void> => {
    throw new Error('refused')
  },
]) {
  for (let time = 0; time < TIMES; time += 1) await knock(destroyConnection)
}
process.stdout.write(`${taken} connections\n`)

async function knock(
  destroyConnection: (connection: SecuredConnection) => void | Promise<void>,
): Promise<void> {
  const door: TlsDoor = createTlsDoor({
    alpnProtocols: ['http/1.1'],
    requestCertificate: true,
    minVersion: 'TLSv1.3',
    handshakeTimeoutMs: 10_000,
    maxConnections: 10,
    secureContext: async () => context,
    onSecured(connection) {
      taken += 1
      door.destroy()
      return destroyConnection(connection)
    },
    log: new TestLog(),
  })
  const server = createServer((socket) => door.accept(socket, { address: '192.0.2.1', port: 4711 }))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const client = connect({ port, host: '127.0.0.1', ca: pair.ca, servername: NAME })
  client.on('error', () => {})
  client.resume()
  await once(client, 'close')
  server.close()
}
