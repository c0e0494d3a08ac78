import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { duplexPair } from 'node:stream'
import { type ConnectionOptions, connect as connectTls, type SecureContext } from 'node:tls'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  createServerContext,
  createTlsDoor,
  type SecuredConnection,
  type TlsDoor,
  type TlsDoorOptions,
} from '../../../src/tls/index.ts'
import { serverCertificate } from '../../support/certificates.ts'
import { runProgram } from '../../support/process.ts'
import { resumes, withResumingServer } from '../../support/resumption.ts'
import { createPki } from '../upstream/support/pki.ts'
import { TestLog } from './support/ports.ts'
import { PATIENTLY } from './support/stage.ts'

const NAME = 'kube.example.com'

describe('a TLS door', () => {
  let stack: AsyncDisposableStack
  let context: SecureContext
  let ca: string
  let door: TlsDoor
  let port: number
  let log: TestLog
  const secured: SecuredConnection[] = []
  const accepted = new Set<Socket>()

  beforeEach(async () => {
    stack = new AsyncDisposableStack()
    log = new TestLog()
    const pair = await serverCertificate(NAME)
    ca = pair.ca
    context = createServerContext({ ...pair, minVersion: 'TLSv1.3' })
    secured.length = 0
  })
  afterEach(async () => {
    await stack[Symbol.asyncDispose]()
    await expect.poll(() => accepted.size, PATIENTLY).toBe(0)
    expect(door.connections).toBe(0)
  })

  const defaults = (): TlsDoorOptions => ({
    alpnProtocols: ['h2', 'http/1.1'],
    requestCertificate: true,
    minVersion: 'TLSv1.3',
    handshakeTimeoutMs: 10_000,
    maxConnections: 100,
    secureContext: async (name) => (name === NAME ? context : null),
    onSecured: (connection) => {
      secured.push(connection)
      connection.socket.end('hello')
    },
    log,
  })

  async function open(options: Partial<TlsDoorOptions> = {}): Promise<void> {
    door = createTlsDoor({ ...defaults(), ...options })
    const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
      accepted.add(socket)
      socket.once('close', () => accepted.delete(socket))
      door.accept(socket, { address: '192.0.2.1', port: 4711 })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    port = (server.address() as AddressInfo).port
    stack.defer(() => void server.close())
    stack.defer(() => door.destroy())
  }

  /** What a client is told: the server's first words, or the error. */
  async function hear(options: ConnectionOptions): Promise<string> {
    const socket = connectTls({ port, host: '127.0.0.1', ca, ...options })
    return new Promise((resolve) => {
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
      socket.on('data', (chunk: Buffer) => resolve(chunk.toString()))
      socket.on('close', () => resolve('closed'))
    })
  }

  test('keeps apart where a hundred connections come from that shake hands at once', async () => {
    const heard: { readonly said: number; readonly origin: number }[] = []
    await open({
      maxConnections: 1000,
      onSecured({ socket, origin }) {
        socket.once('data', (said: Buffer) => {
          heard.push({ said: Number(said), origin: origin.port })
          socket.end('hello')
        })
      },
    })
    const ports = Array.from({ length: 100 }, (_, index) => 10_000 + index)
    await Promise.all(
      ports.map(async (from) => {
        // Every other one comes as a stream that is no socket, as those of a tunnel do.
        const [ours, theirs] = duplexPair({ allowHalfOpen: true })
        const asStream = from % 2 === 0
        if (asStream) door.accept(theirs, { address: '198.51.100.1', port: from })
        const socket = asStream ? ours : connect(port, '127.0.0.1')
        const client = connectTls({ socket, servername: NAME, ca })
        client.write(String(from))
        await once(client, 'data')
        client.destroy()
        ours.destroy()
      }),
    )
    expect(heard).toHaveLength(100)
    for (const { said, origin } of heard) expect(origin).toBe(said % 2 === 0 ? said : 4711)
  })

  test('holds a connection of which nothing is said as that of a stranger', async () => {
    await open({
      onSecured: ({ socket }) => void socket.write('hello'),
      limits: { maxStrangersPerAddress: 1 },
    })
    const first = connectTls({ port, host: '127.0.0.1', ca, servername: NAME })
    stack.defer(() => void first.destroy())
    await once(first, 'data')
    expect(await hear({ servername: NAME })).not.toBe('hello')
  })

  test('tells where a connection came from, and what was agreed on', async () => {
    await open()
    const ALPNProtocols = ['h2']
    expect(await hear({ servername: NAME.toUpperCase(), ALPNProtocols })).toBe('hello')
    expect(secured[0]).toMatchObject({
      origin: { address: '192.0.2.1', port: 4711 },
      serverName: NAME,
      certificate: null,
      protocol: 'h2',
    })
  })

  test('hands over what a client proved to have, whoever vouches for it', async () => {
    await open()
    const pki = await createPki('strangers')
    const stranger = await pki.client('stranger')
    expect(await hear({ servername: NAME, ...stranger })).toBe('hello')
    expect(Buffer.from(secured[0]?.certificate ?? []).includes('stranger')).toBe(true)
    expect(secured[0]?.protocol).toBeNull()
  })

  describe.each(['TLSv1.3', 'TLSv1.2'] as const)('in %s', (maxVersion) => {
    test('takes back no session, by whatever the client shows', async () => {
      const pair = await serverCertificate(NAME)
      const own = createServerContext({ ...pair, minVersion: 'TLSv1.2' })
      await open({ minVersion: 'TLSv1.2', secureContext: async () => own })
      const pki = await createPki('strangers')
      const client = { servername: NAME, ca: pair.ca, ...(await pki.client('stranger')) }
      const heard = await resumes({ host: '127.0.0.1', port, maxVersion, ...client })
      // Without one the client would have nothing to offer, and this would prove nothing.
      expect(heard.given).toBeGreaterThan(0)
      expect(heard.reused).toBe(false)
      expect(secured).toHaveLength(2)
      for (const { certificate } of secured) expect(certificate).not.toBeNull()
    })

    test('a server that resumes would be seen', async () => {
      const pair = await serverCertificate(NAME)
      const heard = await withResumingServer(pair, (at) =>
        resumes({ host: '127.0.0.1', port: at, servername: NAME, ca: pair.ca, maxVersion }),
      )
      expect(heard.reused).toBe(true)
    })
  })

  test('a client without a name gets an alert', async () => {
    await open()
    expect(await hear({ servername: '' })).toMatch(/HANDSHAKE_FAILURE/)
    expect(secured).toEqual([])
  })

  test('an unknown name gets an alert', async () => {
    await open()
    expect(await hear({ servername: 'other.example.com' })).toMatch(
      /ECONNRESET|UNRECOGNIZED_NAME|HANDSHAKE_FAILURE|INTERNAL_ERROR/,
    )
    expect(secured).toEqual([])
  })

  test('a protocol that is not offered gets an alert', async () => {
    await open()
    expect(await hear({ servername: NAME, ALPNProtocols: ['smtp'] })).toMatch(
      /NO_APPLICATION_PROTOCOL/,
    )
  })

  test('a client without a name is served once there is a pair for him, and gets the newest', async () => {
    await open()
    for (const name of ['first.example.com', 'second.example.com']) {
      const pair = await serverCertificate(name)
      door.serveNameless(pair)
      expect(await hear({ ca: pair.ca, checkServerIdentity: () => undefined })).toBe('hello')
      expect(await hear({ maxVersion: 'TLSv1.2' })).toMatch(/PROTOCOL_VERSION/)
    }
    expect(secured.map(({ serverName }) => serverName)).toEqual(['', ''])
    expect(await hear({ servername: NAME })).toBe('hello')
  })

  test('an older version gets an alert', async () => {
    await open()
    expect(await hear({ servername: NAME, maxVersion: 'TLSv1.2' })).toMatch(/PROTOCOL_VERSION/)
  })

  test('a context that cannot be loaded ends that connection, and the next one may have it', async () => {
    let loads = 0
    await open({
      secureContext: async () => {
        loads += 1
        if (loads === 1) throw new Error('the certificate is not there yet')
        return context
      },
    })
    expect(await hear({ servername: NAME })).not.toBe('hello')
    expect(log.errors.join()).toContain('not there yet')
    expect(await hear({ servername: NAME })).toBe('hello')
  })

  test('a handshake that does not end in time is cut', async () => {
    await open({ handshakeTimeoutMs: 200 })
    for (const bytes of ['', '\x16\x03\x01\x02\x00\x01\x00']) {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
      socket.on('error', () => {})
      socket.write(bytes, 'latin1')
      socket.resume()
      await once(socket, 'end')
      socket.destroy()
    }
  })

  test('holds only so many handshakes that have not ended, and there is room again when one does', async () => {
    await open({ limits: { maxHandshakes: 2, maxHandshakesPerAddress: 2 } })
    const begun = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')]
    for (const socket of begun) {
      socket.on('error', () => {})
      socket.write(Buffer.from('1603010200010001', 'hex'))
    }
    await expect.poll(() => door.connections, PATIENTLY).toBe(2)
    expect(await hear({ servername: NAME })).not.toBe('hello')
    begun[0]?.destroy()
    await expect.poll(() => hear({ servername: NAME }), PATIENTLY).toBe('hello')
    begun[1]?.destroy()
  })

  test('a handshake whose context is never loaded is cut', async () => {
    await open({ handshakeTimeoutMs: 200, secureContext: () => new Promise(() => {}) })
    expect(await hear({ servername: NAME })).not.toBe('hello')
    await expect.poll(() => door.connections, PATIENTLY).toBe(0)
  })

  test('bytes that are no TLS end the connection', async () => {
    await open()
    const socket = connect({ port, host: '127.0.0.1' })
    socket.on('error', () => {})
    socket.resume()
    socket.write('GET / HTTP/1.1\r\nHost: k\r\n\r\n')
    await once(socket, 'close')
  })

  test('a context that comes after its client has left disturbs nobody', async () => {
    const loaded = Promise.withResolvers<SecureContext>()
    let waiting = 0
    await open({
      secureContext: () => {
        waiting += 1
        return waiting === 1 ? loaded.promise : Promise.resolve(context)
      },
    })
    const socket = connectTls({ port, host: '127.0.0.1', ca, servername: NAME })
    socket.on('error', () => {})
    await expect.poll(() => waiting, PATIENTLY).toBe(1)
    socket.destroy()
    await expect.poll(() => door.connections, PATIENTLY).toBe(0)
    loaded.resolve(context)
    expect(await hear({ servername: NAME })).toBe('hello')
  })

  test('destroyed while handshakes run, it ends them all, and a late context disturbs nobody', async () => {
    const loaded = Promise.withResolvers<SecureContext>()
    let waiting = 0
    await open({
      secureContext: () => {
        waiting += 1
        return loaded.promise
      },
    })
    const heard = Array.from({ length: 20 }, () => hear({ servername: NAME }))
    await expect.poll(() => waiting, PATIENTLY).toBe(20)
    expect(door.connections).toBe(20)
    door.destroy()
    loaded.resolve(context)
    expect(await Promise.all(heard)).not.toContain('hello')
    expect(secured).toEqual([])
  })

  test('destroyed amid a handshake, together with whom it lets in, it does not end the process', async () => {
    const program = join(import.meta.dirname, 'support', 'destroyed-amid-handshakes.ts')
    const ran = await runProgram(process.execPath, [program], { timeoutMs: 20_000 })
    expect(ran).toMatchObject({ code: 0, stdout: '80 connections\n' })
  })

  test('destroyed, it lets go of TLS inside its TLS as well', async () => {
    const inside: SecuredConnection[] = []
    let closed = 0
    const inner = createTlsDoor({
      ...defaults(),
      onSecured(connection) {
        inside.push(connection)
        connection.socket.once('close', () => {
          closed += 1
        })
      },
    })
    await open({ onSecured: ({ socket, origin }) => inner.accept(socket, origin) })
    const socket = connectTls({ port, host: '127.0.0.1', ca, servername: NAME })
    const client = connectTls({ socket, ca, servername: NAME })
    for (const end of [socket, client]) end.on('error', () => {})
    await expect.poll(() => inside.length, PATIENTLY).toBe(1)
    door.destroy()
    await expect.poll(() => closed, PATIENTLY).toBe(1)
    expect(inner.connections).toBe(0)
  })

  test('takes nothing after it was destroyed', async () => {
    await open()
    door.destroy()
    expect(await hear({ servername: NAME })).not.toBe('hello')
    expect(door.connections).toBe(0)
  })

  test('a socket that closed before it is handed over is forgotten', async () => {
    await open()
    const client = connect({ port, host: '127.0.0.1' })
    client.on('error', () => {})
    await expect.poll(() => accepted.size, PATIENTLY).toBe(1)
    const [socket] = [...accepted]
    socket?.destroy()
    if (socket !== undefined) await once(socket, 'close')
    if (socket !== undefined) door.accept(socket, { address: '192.0.2.1', port: 1 })
    await expect.poll(() => door.connections, PATIENTLY).toBe(0)
    client.destroy()
  })
})
