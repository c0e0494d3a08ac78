import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect } from 'node:tls'
import { afterEach, expect, it } from 'vitest'
import { createPeerParser } from '../../../src/ca/index.ts'
import { silentLogger, systemClock } from '../../../src/core/index.ts'
import { createDirectWays, type DirectWays } from '../../../src/daemon/services/direct.ts'
import { createProxiedDoor } from '../../../src/daemon/services/proxied-door.ts'
import type { HostService } from '../../../src/identity/index.ts'
import { proxyServerName } from '../../../src/protocol/index.ts'
import { createServerContext } from '../../../src/tls/index.ts'
import { CLUSTER, Cluster, PERSON, WEST } from '../tunnel/support/fleet.ts'

let stack = new AsyncDisposableStack()
afterEach(async () => {
  await stack.disposeAsync()
  stack = new AsyncDisposableStack()
})

/** A kubernetes service with an address of its own, and the proxy's way to it. */
async function open(services: readonly HostService[] = ['kube']): Promise<{
  readonly ways: DirectWays
  readonly barred: Set<string>
  /** People's connections that the service took. */
  readonly arrived: Duplex[]
  /** The proxy's connections to it. */
  readonly sockets: Set<Socket>
}> {
  const barred = new Set<string>()
  const arrived: Duplex[] = []
  const sockets = new Set<Socket>()
  const cluster = stack.use(await Cluster.open())
  const peers = createPeerParser({
    trust: () => cluster.authorities.trust(),
    teleportCluster: CLUSTER,
    accept: ['host'],
    hostBar: (hostId) => (barred.has(hostId) ? `host ${hostId} was removed` : null),
  })
  const context = createServerContext({
    ...(await cluster.pair('agent-1', services, [WEST])),
    minVersion: 'TLSv1.3',
  })
  const door = createProxiedDoor({
    router: {
      route: () => ({
        kind: 'local',
        accept: (stream) => {
          stream.on('error', () => {})
          arrived.push(stream)
        },
      }),
    },
    secureContext: async (name) => (name === WEST ? context : null),
    peers,
    clock: systemClock,
    log: silentLogger,
    lookMs: 50,
  })
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    door.handle(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  stack.defer(async () => {
    server.close()
    await door.close(0)
  })
  const by = await cluster.pair('proxy-1', ['proxy'], [proxyServerName(CLUSTER)])
  const ways = createDirectWays({
    addressesOf: () => [`127.0.0.1:${(server.address() as AddressInfo).port}`],
    credentials: async () => ({
      certificatePem: by.certificate,
      privateKeyPem: by.key,
      hostCaPem: cluster.authorities.hostCaPem,
    }),
    peers,
    clock: systemClock,
    log: silentLogger,
    lookMs: 50,
  })
  return { ways, barred, arrived, sockets }
}

const dial = async (ways: DirectWays): Promise<Duplex> => {
  const stream = await ways.dial(WEST, PERSON, AbortSignal.timeout(5000))
  stream.on('error', () => {})
  stack.defer(() => void stream.destroy())
  return stream
}

it('what a proxy opened to a service that is removed is cut, at both ends, and nothing new is opened', async () => {
  const { ways, barred, sockets } = await open()
  const stream = await dial(ways)
  expect(sockets.size).toBe(1)
  barred.add('agent-1')
  await expect.poll(() => stream.destroyed).toBe(true)
  await expect.poll(() => sockets.size).toBe(0)
  await expect(dial(ways)).rejects.toThrow('host agent-1 was removed')
})

it('a service that is back is dialled again, and others are left alone', async () => {
  const { ways, barred } = await open()
  barred.add('agent-2')
  await dial(ways)
  barred.add('agent-1')
  await expect(dial(ways)).rejects.toThrow('host agent-1 was removed')
  barred.delete('agent-1')
  expect((await dial(ways)).destroyed).toBe(false)
})

it('what a proxy brought is cut when the proxy is removed, at both ends, and it brings nothing more', async () => {
  const { ways, barred, arrived } = await open()
  const stream = await dial(ways)
  connect({ socket: stream, servername: WEST }).on('error', () => {})
  await expect.poll(() => arrived.length).toBe(1)
  barred.add('proxy-1')
  await expect.poll(() => stream.destroyed).toBe(true)
  await expect.poll(() => arrived[0]?.destroyed).toBe(true)
  // Who proves himself is told only afterwards that he is not wanted.
  const refused = (await dial(ways)).resume()
  await expect.poll(() => refused.readableEnded || refused.destroyed).toBe(true)
  expect(arrived).toHaveLength(1)
})

it('a host that is no kubernetes service is told nothing', async () => {
  const { ways, arrived } = await open(['proxy'])
  await expect(dial(ways)).rejects.toThrow('it is no kubernetes service')
  expect(arrived).toEqual([])
})
