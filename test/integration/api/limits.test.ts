import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import type { ServerLimits } from '../../../src/api/index.ts'
import type { ApiConnection } from '../../../src/client/index.ts'
import { endpoints } from '../../../src/contract/index.ts'
import { call, TestApi } from './support/test-api.ts'

const PATIENTLY = { timeout: 30_000 }

describe('limits of the management API', () => {
  let stack = new AsyncDisposableStack()
  afterEach(async () => {
    await stack[Symbol.asyncDispose]()
    stack = new AsyncDisposableStack()
  })
  const start = async (limits: Partial<ServerLimits> = {}): Promise<TestApi> =>
    stack.use(await TestApi.start({ limits }))

  function open(connection: ApiConnection): TLSSocket {
    const socket = connect({
      host: connection.host,
      port: connection.port,
      servername: connection.serverName,
      ca: connection.hostCa,
      cert: connection.certificate ?? undefined,
      key: connection.privateKey ?? undefined,
    })
    socket.on('error', () => {})
    stack.defer(() => void socket.destroy())
    return socket
  }

  const tooLarge = { status: 400, body: { error: { message: expect.stringMatching(/too large/) } } }
  const unread = {
    status: 400,
    body: { error: { message: expect.not.stringMatching(/too large/) } },
  }
  const role = (bytes: number): object => ({ kind: 'role', filler: 'x'.repeat(bytes) })

  it('a body of more bytes than a resource has is refused before it is read', async () => {
    const api = await start()
    const admin = await api.admin()
    const create = endpoints['roles.create']
    expect(await call(admin, create, role(1024 * 1024))).toMatchObject(tooLarge)
    expect(await call(admin, create, role(1024 * 1024 - 100))).toMatchObject(unread)
  })

  it('a stranger’s body is refused when it is more than a name, a password and a key', async () => {
    const api = await start()
    const bare = await api.bare()
    const login = endpoints['login.create']
    expect(await call(bare, login, role(16 * 1024))).toMatchObject(tooLarge)
    expect(await call(bare, login, role(15 * 1024))).toMatchObject(unread)
    const small = await start({ maxStrangerBodyBytes: 100 })
    expect(await call(await small.bare(), login, role(100))).toMatchObject(tooLarge)
    expect(await call(await small.admin(), endpoints['roles.create'], role(100))).toMatchObject(
      unread,
    )
  })

  it.each([
    ['headers that do not come to an end', 'GET /v1/status HTTP/1.1\r\nhost: x\r\nx: '],
    [
      'a body that does not come to an end',
      'POST /v1/roles HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{',
    ],
  ])('%s: 408, and the connection is gone', async (_what, bytes) => {
    const api = await start({
      headersTimeoutMs: 200,
      requestTimeoutMs: 300,
      timeoutsCheckedMs: 50,
    })
    const socket = open(await api.admin())
    let heard = ''
    socket.on('data', (chunk: Buffer) => {
      heard += chunk.toString()
    })
    socket.write(bytes)
    await once(socket, 'close')
    expect(heard).toMatch(/^HTTP\/1.1 408 |^$/)
    expect(await call(await api.admin(), endpoints['roles.list'])).toMatchObject({ status: 200 })
  })

  it('a handshake that does not come to an end is cut', async () => {
    const api = await start({ handshakeTimeoutMs: 200 })
    const { port } = await api.admin()
    const socket = connectTcp(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.resume()
    await once(socket, 'close')
  })

  it('more connections than the limit are closed, and there is room again when one ends', async () => {
    const api = await start({ maxConnections: 2 })
    const admin = await api.admin()
    const held = [open(admin), open(admin)]
    for (const socket of held) {
      socket.write('GET /v1/roles HTTP/1.1\r\nhost: x\r\n\r\n')
      await once(socket, 'data')
    }
    const third = open(admin)
    third.resume()
    await new Promise((done) => third.once('close', done))
    held[0]?.destroy()
    const again = async (): Promise<number> =>
      (await call(admin, endpoints['roles.list']).catch(() => ({ status: 0 }))).status
    await expect.poll(again, PATIENTLY).toBe(200)
  })
})
