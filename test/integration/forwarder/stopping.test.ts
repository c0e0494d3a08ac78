import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { afterEach, describe, expect, test } from 'vitest'
import { HaltingNetwork } from '../../support/halting-network.ts'
import { PATIENTLY, PODS, Stage } from './support/stage.ts'

let stack = new AsyncDisposableStack()
afterEach(async () => {
  await stack[Symbol.asyncDispose]()
  stack = new AsyncDisposableStack()
})

/** Less than the kernel of the sender keeps, and more than that of a receiver who does not read. */
const SIZE = 3 * 1024 * 1024

describe('an answer that was sent and not read when the service stops', () => {
  test('is read to its end over HTTP/2, whatever the reader says meanwhile', async () => {
    const stage = stack.use(await Stage.open())
    const network = stack.use(
      await HaltingNetwork.open({ host: '127.0.0.1', port: stage.port }, 'server'),
    )
    stage.front = network.address.port
    const answer = Promise.withResolvers<() => void>()
    stage.api.answer = (_request, response) =>
      answer.resolve(() => void response.end(Buffer.alloc(SIZE, 'x')))
    const { secured } = await stage.connect('h2')
    const session = connectHttp2('https://kubernetes', {
      createConnection: () => secured,
      settings: { initialWindowSize: 2 * SIZE },
    })
    session.on('error', () => {})
    await once(session, 'connect')
    session.setLocalWindowSize(2 * SIZE)
    const stream = session.request({ ':path': `${PODS}/a` })
    stream.on('error', () => {})
    let bytes = 0
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length
    })
    const ended = once(stream, 'close')
    const respond = await answer.promise
    network.halt()
    respond()
    await expect
      .poll(() => stage.audit.of(`${PODS}/a`), PATIENTLY)
      .toMatchObject([{ outcome: 'done' }])
    await stage.expectQuiet()
    const closed = stage.forwarder.close(30_000)
    // A moment in which a connection that nobody waits for would be closed.
    await new Promise((resolve) => setTimeout(resolve, 300))
    session.ping(() => {})
    await new Promise((resolve) => setTimeout(resolve, 100))
    network.goOn()
    await ended
    expect(bytes).toBe(SIZE)
    await closed
    expect(stage.forwarder.stats()).toEqual({ connections: 0, exchanges: 0 })
  })

  test('keeps nothing from stopping for long when nobody reads it', async () => {
    const stage = stack.use(await Stage.open())
    await stage.unread()
    await stage.forwarder.close(30_000)
    expect(stage.forwarder.stats().connections).toBe(0)
  })

  test('is the last one of its connection', async () => {
    const stage = stack.use(await Stage.open())
    const socket = await stage.raw()
    const request = (name: string): string => `POST ${PODS}/${name} HTTP/1.1\r\nHost: k\r\n\r\n`
    socket.write(request('a'))
    await once(socket, 'data')
    const closed = stage.forwarder.close(30_000)
    await once(socket, 'end')
    socket.write(request('late'))
    await closed
    expect(stage.api.of(`${PODS}/late`)).toEqual([])
  })
})
