import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { Duplex, duplexPair } from 'node:stream'
import {
  createServer as createTlsServer,
  type Server as TlsServer,
  connect as tlsConnect,
} from 'node:tls'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { errorCode, silentLogger } from '../../../src/core/index.ts'
import {
  createGateway,
  type Gateway,
  type GatewayLimits,
  type Route,
} from '../../../src/gateway/index.ts'
import { formatProxyHeader } from '../../../src/protocol/index.ts'
import { serverCertificate } from '../../support/certificates.ts'
import { closed } from '../../support/closed.ts'

const NAME = 'target.example.com'
const PATIENTLY = { timeout: 20_000 }

describe('gateway', () => {
  let stack: AsyncDisposableStack
  let target: TlsServer
  let targetPort: number
  let route: (serverName: string | null) => Route
  let ca: string
  const sockets = new Set<Socket>()

  beforeEach(async () => {
    stack = new AsyncDisposableStack()
    const pair = await serverCertificate(NAME)
    ca = pair.ca
    target = createTlsServer({ key: pair.key, cert: pair.certificate, allowHalfOpen: true })
    target.on('tlsClientError', () => {})
    target.on('connection', (socket) => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
    })
    await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve))
    targetPort = (target.address() as AddressInfo).port
    stack.defer(() => void target.close())
    stack.defer(() => {
      for (const socket of sockets) socket.destroy()
    })
    route = (serverName) =>
      serverName === NAME
        ? {
            kind: 'pipe',
            dial: async () => {
              const socket = connect({ port: targetPort, host: '127.0.0.1', allowHalfOpen: true })
              await once(socket, 'connect')
              return socket
            },
          }
        : { kind: 'none' }
  })
  afterEach(() => stack[Symbol.asyncDispose]())

  async function open(
    limits: Partial<GatewayLimits> = {},
    proxyProtocol = false,
  ): Promise<{ gateway: Gateway; port: number }> {
    const gateway = createGateway({
      router: { route: ({ serverName }) => route(serverName) },
      log: silentLogger,
      proxyProtocol,
      limits,
    })
    const server: Server = createServer({ allowHalfOpen: true }, (socket) => gateway.handle(socket))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    stack.defer(() => void server.close())
    stack.defer(() => gateway.close(0))
    return { gateway, port: (server.address() as AddressInfo).port }
  }

  /** The first bytes of a TLS client, as it sends them. */
  async function helloBytes(servername: string): Promise<Buffer> {
    const catcher = createServer()
    await new Promise<void>((resolve) => catcher.listen(0, '127.0.0.1', resolve))
    const client = tlsConnect({
      port: (catcher.address() as AddressInfo).port,
      servername,
      rejectUnauthorized: false,
    })
    client.on('error', () => {})
    const [socket] = (await once(catcher, 'connection')) as [Socket]
    const [bytes] = (await once(socket, 'data')) as [Buffer]
    client.destroy()
    socket.destroy()
    catcher.close()
    return bytes
  }

  async function alertOf(port: number, bytes: Buffer): Promise<Buffer> {
    const socket = connect(port, '127.0.0.1')
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.write(bytes)
    await once(socket, 'end')
    socket.end()
    return Buffer.concat(chunks)
  }

  it('carries TLS that it cannot read, both ways, to the end', async () => {
    const { gateway, port } = await open()
    target.on('secureConnection', (socket) => {
      socket.on('error', () => {})
      socket.pipe(socket)
    })
    const client = tlsConnect({ port, servername: NAME, ca })
    await once(client, 'secureConnect')
    const body = Buffer.alloc(5_000_000, 'x')
    const chunks: Buffer[] = []
    client.on('data', (chunk: Buffer) => chunks.push(chunk))
    client.end(body)
    await once(client, 'end')
    expect(Buffer.concat(chunks).equals(body)).toBe(true)
    expect(gateway.stats().bytesUp).toBeGreaterThan(body.length)
  })

  it('hands a local connection over as if nobody had looked', async () => {
    const { port } = await open()
    route = () => ({ kind: 'local', accept: (socket) => target.emit('connection', socket) })
    target.on('secureConnection', (socket) => socket.end('hello'))
    const client = tlsConnect({ port, servername: NAME, ca })
    const [data] = (await once(client, 'data')) as [Buffer]
    expect(data.toString()).toBe('hello')
    client.destroy()
  })

  it('reads a ClientHello that comes byte by byte', async () => {
    const { port } = await open()
    const bytes = await helloBytes(NAME)
    const socket = connect(port, '127.0.0.1')
    socket.setNoDelay(true)
    for (const byte of bytes) {
      socket.write(Buffer.from([byte]))
      await new Promise((resolve) => setImmediate(resolve))
    }
    const [answer] = (await once(socket, 'data')) as [Buffer]
    expect(answer[0]).toBe(22)
    socket.destroy()
  })

  it('tells whoever dials whose connection it is', async () => {
    const { port } = await open()
    const [near] = duplexPair()
    let person: Duplex | null = null
    route = () => ({
      kind: 'pipe',
      dial: async (_origin, _signal, _hello, client) => {
        person = client
        return near
      },
    })
    const client = connect({ port, host: '127.0.0.1' })
    client.write(await helloBytes(NAME))
    await expect.poll(() => person, PATIENTLY).toMatchObject({ remotePort: client.localPort })
    client.destroy()
  })

  it.each(['client', 'far end'] as const)(
    'resets one end when the other is reset, so that it looks like no end: the %s',
    async (broken) => {
      const { gateway, port } = await open()
      const plain = createServer({ allowHalfOpen: true })
      plain.listen(0, '127.0.0.1')
      stack.defer(() => void plain.close())
      route = () => ({
        kind: 'pipe',
        dial: async () => {
          const target = (plain.address() as AddressInfo).port
          const socket = connect({ port: target, host: '127.0.0.1', allowHalfOpen: true })
          await once(socket, 'connect')
          return socket
        },
      })
      const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
      client.write(await helloBytes(NAME))
      const [far] = (await once(plain, 'connection')) as [Socket]
      await once(far, 'data')
      far.write('an answer')
      await once(client, 'data')
      const [breaks, hears] = broken === 'client' ? [client, far] : [far, client]
      const heard: unknown[] = []
      hears.on('end', () => {
        heard.push('end')
        hears.end()
      })
      hears.on('error', (error) => heard.push(errorCode(error)))
      hears.resume()
      breaks.resetAndDestroy()
      await closed(hears)
      expect(heard).toEqual(['ECONNRESET'])
      await expect.poll(() => gateway.stats().connections, PATIENTLY).toBe(0)
    },
  )

  it('does not keep a client that stays when the far end has gone', async () => {
    const { gateway, port } = await open({ lingerMs: 100 })
    const [near, far] = duplexPair()
    route = () => ({ kind: 'pipe', dial: async () => near })
    const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    client.write(await helloBytes(NAME))
    await once(far, 'data')
    far.write('last words')
    near.once('data', () => near.destroy())
    const [data] = (await once(client, 'data')) as [Buffer]
    expect(data.toString()).toBe('last words')
    await expect.poll(() => gateway.stats().connections, PATIENTLY).toBe(0)
    client.destroy()
  })

  it('does not keep a client whose far end went before anything was carried', async () => {
    const { gateway, port } = await open()
    const [near] = duplexPair()
    near.destroy()
    await closed(near)
    route = () => ({ kind: 'pipe', dial: async () => near })
    expect((await alertOf(port, await helloBytes(NAME))).toString('hex')).toBe('15030300020250')
    await expect.poll(() => gateway.stats().connections, PATIENTLY).toBe(0)
  })

  it('gives a slow client everything that the far end said before it went', async () => {
    const { gateway, port } = await open({ lingerMs: 100 })
    const body = Buffer.alloc(3_000_000, 'x')
    target.on('secureConnection', (socket) => {
      socket.on('error', () => {})
      socket.end(body)
    })
    const client = tlsConnect({ port, servername: NAME, ca })
    await once(client, 'secureConnect')
    let bytes = 0
    for await (const chunk of client as AsyncIterable<Buffer>) {
      bytes += chunk.length
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    expect(bytes).toBe(body.length)
    await expect.poll(() => gateway.stats().connections, PATIENTLY).toBe(0)
  })

  it('answers an unknown name with unrecognized_name', async () => {
    const { gateway, port } = await open()
    expect((await alertOf(port, await helloBytes('other.example.com'))).toString('hex')).toBe(
      '15030300020270',
    )
    expect(gateway.stats().refused).toEqual({ unknownName: 1 })
  })

  it('answers bytes that are no ClientHello with decode_error, and plain HTTP in words', async () => {
    const { port } = await open()
    expect((await alertOf(port, Buffer.from([22, 3, 1, 0xff, 0xff]))).toString('hex')).toBe(
      '15030300020232',
    )
    expect((await alertOf(port, Buffer.from('GET / HTTP/1.1\r\n\r\n'))).toString()).toContain(
      'This port speaks TLS',
    )
  })

  it('answers internal_error when the far end cannot be reached', async () => {
    const { port } = await open()
    route = () => ({ kind: 'pipe', dial: () => Promise.reject(new Error('nobody there')) })
    expect((await alertOf(port, await helloBytes(NAME))).toString('hex')).toBe('15030300020250')
  })

  it('cuts a slow handshake, and serves others meanwhile', async () => {
    const { gateway, port } = await open({ helloTimeoutMs: 300 })
    const bytes = await helloBytes(NAME)
    const slow = Array.from({ length: 50 }, () => {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      socket.write(bytes.subarray(0, 20))
      return socket
    })
    const closed = slow.map((socket) => once(socket, 'close'))
    target.on('secureConnection', (socket) => socket.end('hello'))
    const client = tlsConnect({ port, servername: NAME, ca })
    await once(client, 'data')
    client.destroy()
    await Promise.all(closed)
    expect(gateway.stats()).toMatchObject({ pendingHellos: 0, refused: { timeout: 50 } })
  })

  it('holds only so many unfinished handshakes of one address', async () => {
    const { gateway, port } = await open({ maxPendingHellosPerAddress: 5 })
    const opened = Array.from({ length: 8 }, () => connect(port, '127.0.0.1'))
    for (const socket of opened) socket.on('error', () => {})
    await expect.poll(() => gateway.stats().refused['busyAddress'], PATIENTLY).toBe(3)
    for (const socket of opened) socket.destroy()
    await expect.poll(() => gateway.stats().pendingHellos, PATIENTLY).toBe(0)
  })

  it('holds only so many unfinished handshakes over all addresses', async () => {
    const { gateway, port } = await open({ maxPendingHellos: 5 })
    const opened = Array.from({ length: 8 }, () => connect(port, '127.0.0.1'))
    for (const socket of opened) socket.on('error', () => {})
    await expect
      .poll(() => gateway.stats(), PATIENTLY)
      .toMatchObject({
        pendingHellos: 5,
        refused: { busy: 3 },
      })
    for (const socket of opened) socket.destroy()
    await expect.poll(() => gateway.stats().pendingHellos, PATIENTLY).toBe(0)
    target.on('secureConnection', (socket) => socket.end('hello'))
    const client = tlsConnect({ port, servername: NAME, ca })
    await once(client, 'data')
    client.destroy()
  })

  it('carries only so many connections, and again as many when they end', async () => {
    const { gateway, port } = await open({ maxConnections: 2 })
    target.on('secureConnection', (socket) => {
      socket.on('error', () => {})
      socket.on('end', () => socket.end())
      socket.resume()
      socket.write('hello')
    })
    const carried = [1, 2].map(() => tlsConnect({ port, servername: NAME, ca }))
    for (const client of carried) await once(client, 'data')
    const third = connect(port, '127.0.0.1')
    third.on('error', () => {})
    third.resume()
    await once(third, 'close')
    expect(gateway.stats()).toMatchObject({ connections: 2, refused: { busy: 1 } })
    carried[0]?.destroy()
    await expect.poll(() => gateway.stats().connections, PATIENTLY).toBe(1)
    const again = tlsConnect({ port, servername: NAME, ca })
    await once(again, 'data')
    again.destroy()
    carried[1]?.destroy()
  })

  it('gives up a far end that does not answer in time, in words of TLS', async () => {
    const { gateway, port } = await open({ dialTimeoutMs: 200 })
    let givenUp = false
    route = () => ({
      kind: 'pipe',
      dial: (_origin, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            givenUp = true
            reject(new Error('not reached in time'))
          })
        }),
    })
    expect((await alertOf(port, await helloBytes(NAME))).toString('hex')).toBe('15030300020250')
    expect(givenUp).toBe(true)
    expect(gateway.stats().refused).toEqual({ dial: 1 })
  })

  it('wants a PROXY header where it is told so, and no header where it is not', async () => {
    const origins: string[] = []
    route = () => ({
      kind: 'local',
      accept: (socket, origin) => {
        origins.push(`${origin.address}:${origin.port}`)
        socket.destroy()
      },
    })
    const bytes = await helloBytes(NAME)
    const header = Buffer.from('PROXY TCP4 192.0.2.7 192.0.2.8 4711 443\r\n')
    const behind = await open({}, true)
    const socket = connect(behind.port, '127.0.0.1')
    socket.write(Buffer.concat([header, bytes]))
    await once(socket, 'close')
    expect(origins).toEqual(['192.0.2.7:4711'])
    const without = connect(behind.port, '127.0.0.1')
    without.on('error', () => {})
    without.write(bytes)
    await once(without, 'close')
    const plain = await open()
    const forged = connect(plain.port, '127.0.0.1')
    forged.on('error', () => {})
    forged.write(Buffer.concat([header, bytes]))
    await once(forged, 'close')
    expect(origins).toHaveLength(1)
  })

  it('takes a stream that somebody carried here, whose it is as he says, and counts it by that', async () => {
    const from = { address: '203.0.113.9', port: 4711 }
    const seen: unknown[] = []
    const toTarget = route
    route = (name) => {
      const way = toTarget(name)
      return way.kind === 'pipe'
        ? {
            ...way,
            dial: (origin, ...rest) => {
              seen.push(origin)
              return way.dial(origin, ...rest)
            },
          }
        : way
    }
    target.on('secureConnection', (socket) => socket.end('hello'))
    // Where its own ports expect a PROXY header, a carried stream has none.
    const { gateway } = await open({}, true)
    const [near, far] = duplexPair()
    gateway.handle(far, from)
    const socket = tlsConnect({ socket: near, servername: NAME, ca })
    stack.defer(() => void socket.destroy())
    let said = ''
    for await (const chunk of socket) said += String(chunk)
    expect(said).toBe('hello')
    expect(seen).toEqual([from])
    // One that says nothing holds the only place of its address while its hello is awaited.
    const strict = (await open({ maxPendingHellosPerAddress: 1 })).gateway
    const [silent, next, other] = [duplexPair()[0], duplexPair()[0], duplexPair()[0]]
    strict.handle(silent, from)
    strict.handle(next, from)
    strict.handle(other, { ...from, address: '203.0.113.10' })
    expect([silent, next, other].map(({ destroyed }) => destroyed)).toEqual([false, true, false])
  })

  it('takes the address of a binary PROXY header, too', async () => {
    const origins: string[] = []
    route = () => ({
      kind: 'local',
      accept: (socket, origin) => {
        origins.push(`${origin.address}:${origin.port}`)
        socket.destroy()
      },
    })
    const { port } = await open({}, true)
    const hello = await helloBytes(NAME)
    for (const address of ['192.0.2.7', '2001:db8::7']) {
      const socket = connect(port, '127.0.0.1')
      socket.write(Buffer.concat([formatProxyHeader({ address, port: 4711 }), hello]))
      await once(socket, 'close')
    }
    expect(origins).toEqual(['192.0.2.7:4711', '2001:db8::7:4711'])
  })

  it.each([
    ['of text', Buffer.from('PROXY TCP4 192.0.2.7 192.0')],
    ['in binary', Buffer.from('0d0a0d0a000d0a515549540a2111000c', 'hex')],
    ['that has only begun', Buffer.from('P')],
    ['that does not come', Buffer.alloc(0)],
  ])('cuts a connection whose PROXY header %s does not come to an end', async (_what, bytes) => {
    const { gateway, port } = await open({ helloTimeoutMs: 200 }, true)
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.resume()
    socket.write(bytes)
    await once(socket, 'close')
    expect(gateway.stats()).toMatchObject({ pendingHellos: 0, refused: { timeout: 1 } })
  })

  it('leaves other connections alone when many readers stall', async () => {
    const { port } = await open()
    const chunk = Buffer.alloc(64 * 1024, 'x')
    target.on('secureConnection', (socket) => {
      socket.on('error', () => {})
      const pour = (): void => {
        while (!socket.destroyed && socket.write(chunk));
      }
      socket.on('drain', pour)
      pour()
    })
    const stalled = await Promise.all(
      Array.from({ length: 200 }, async () => {
        const client = tlsConnect({ port, servername: NAME, ca })
        client.on('error', () => {})
        await once(client, 'secureConnect')
        client.pause()
        return client
      }),
    )
    const client = tlsConnect({ port, servername: NAME, ca })
    let bytes = 0
    client.on('data', (data: Buffer) => {
      bytes += data.length
    })
    await expect.poll(() => bytes, { timeout: 20_000 }).toBeGreaterThan(10_000_000)
    for (const each of [...stalled, client]) each.destroy()
  })

  it('counts no connection that was closed as its ClientHello was read', async () => {
    const { gateway } = await open()
    const hello = await helloBytes(NAME)
    const carried = new Duplex({ read() {}, write() {} })
    gateway.handle(carried, { address: '203.0.113.7', port: 1 })
    carried.push(hello)
    // After its bytes were told of, and before anybody may do something about them.
    process.nextTick(() => carried.destroy())
    await closed(carried)
    expect(gateway.stats()).toMatchObject({ connections: 0, pendingHellos: 0 })
  })

  it('gives who does not read some time for the last bytes of a far end that has closed, and no more', async () => {
    const { gateway } = await open({ lastBytesMs: 100 })
    const [near, far] = duplexPair()
    route = () => ({ kind: 'pipe', dial: async () => near })
    const stalled = new Duplex({ read() {}, write() {} })
    gateway.handle(stalled, { address: '203.0.113.7', port: 1 })
    stalled.push(await helloBytes(NAME))
    far.resume()
    far.end('more than he takes')
    stalled.push(null)
    await closed(stalled)
    expect(gateway.stats().connections).toBe(0)
  })
  it('cuts what has not ended in time when it closes, also when the clock is set back meanwhile', async () => {
    const { gateway } = await open()
    const [near, far] = duplexPair()
    route = () => ({ kind: 'pipe', dial: async () => near })
    const carried = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
    gateway.handle(carried, { address: '203.0.113.7', port: 1 })
    carried.push(await helloBytes(NAME))
    await once(far, 'readable')
    vi.useFakeTimers({ toFake: ['Date'] })
    stack.defer(() => void vi.useRealTimers())
    const closing = gateway.close(50)
    vi.setSystemTime(Date.now() - 3_600_000)
    await closing
    expect(carried.destroyed).toBe(true)
  })
})
