import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { SpdySession } from '../../../src/protocol/index.ts'
import { type ServerKind, SUCCESS, serveCommands, serverKinds } from './support/commands.ts'
import { EXEC, PATIENTLY, Stage } from './support/stage.ts'
import { readHead } from './support/upgrades.ts'

let stack = new AsyncDisposableStack()
afterEach(async () => {
  await stack[Symbol.asyncDispose]()
  stack = new AsyncDisposableStack()
})

const [TODAY] = serverKinds as [ServerKind]
/** More than kernels keep of a connection, so that some of it is still on its way when all of it was given to them. */
const SIZE = 9 * 1024 * 1024

/** A network that gives a client few bytes at a time: 64 KiB in 40 ms. */
async function slowNetwork(stage: Stage): Promise<void> {
  const relay = createServer((client) => {
    const server = connect({ port: stage.port, host: '127.0.0.1' })
    client.pipe(server)
    client.on('error', () => server.destroy())
    server.on('error', () => client.destroy())
    // The handshakes go through as they are.
    let early = 60
    server.on('data', (chunk: Buffer) => {
      client.write(chunk)
      early -= 1
      if (early <= 0) server.pause()
    })
    const timer = setInterval(() => server.resume(), 40)
    server.on('end', () => client.end())
    server.on('close', () => clearInterval(timer))
  })
  relay.listen(0, '127.0.0.1')
  await once(relay, 'listening')
  stack.defer(() => void relay.close())
  stage.front = (relay.address() as AddressInfo).port
}

describe('whoever reads slowly', () => {
  test('and pings meanwhile gets all of it, and how it ended', async () => {
    const stage = stack.use(await Stage.open())
    await slowNetwork(stage)
    let sent = 0
    serveCommands(stage, TODAY, (end) => {
      const piece = Buffer.alloc(32 * 1024, 'x')
      const go = (): void => {
        while (sent < SIZE) {
          sent += piece.length
          if (!end.out.write('stdout', piece)) return
        }
        end.onDrain = () => {}
        end.out.finish(SUCCESS)
      }
      end.onDrain = go
      go()
    })
    const socket = await stage.raw()
    socket.write(
      `POST ${EXEC}?command=sh&stdout=1 HTTP/1.1\r\nHost: k\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n`,
    )
    const head = await readHead(socket)
    const session = new SpdySession('client')
    const types = new Map<number, string>()
    for (const type of ['error', 'stdout']) {
      const { streamId, bytes } = session.open([['streamtype', type]])
      types.set(streamId, type)
      socket.write(bytes)
    }
    const got = { stdout: 0, status: '' }
    let failure: Error | null = null
    const receive = (chunk: Buffer): void => {
      for (const event of session.receive(chunk)) {
        if (event.kind !== 'data') continue
        if (types.get(event.streamId) === 'stdout') got.stdout += event.data.length
        else got.status += event.data.toString()
      }
    }
    receive(head)
    socket.on('data', receive)
    socket.resume()
    socket.on('error', (error) => {
      failure = error
    })
    let id = 1
    const pings = setInterval(() => {
      id += 2
      if (!socket.destroyed) socket.write(session.ping(id))
    }, 100)
    stack.defer(() => clearInterval(pings))
    await expect.poll(() => got.status, { ...PATIENTLY, timeout: 60_000 }).toBe(SUCCESS)
    expect(got.stdout).toBe(SIZE)
    expect(failure).toBeNull()
    socket.destroy()
    await expect.poll(() => stage.forwarder.stats().exchanges, PATIENTLY).toBe(0)
  }, 90_000)
})
