import { afterEach, describe, expect, test } from 'vitest'
import { type Version, versions } from './support/clients.ts'
import { frame, literal } from './support/http2-frames.ts'
import { PATIENTLY, PODS, Stage, type StageOptions } from './support/stage.ts'

let stack = new AsyncDisposableStack()
afterEach(async () => {
  await stack[Symbol.asyncDispose]()
  stack = new AsyncDisposableStack()
})
const open = async (options: StageOptions = {}): Promise<Stage> =>
  stack.use(await Stage.open(options))

const KIB = 1024
const PROXY = `${PODS}/web/proxy/upload`

const HEADERS = Buffer.concat([
  literal(':method', 'POST'),
  literal(':scheme', 'https'),
  literal(':authority', 'k'),
  literal(':path', PROXY),
])

/** One upload by hand, whose body comes in pieces of the size that the test wants. */
async function upload(stage: Stage, version: Version): Promise<Upload> {
  const socket = await stage.raw(version === 'HTTP/2' ? 'h2' : 'http/1.1')
  socket.on('error', () => {})
  socket.resume()
  stack.defer(() => void socket.destroy())
  if (version === 'HTTP/2') {
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    socket.write(frame(4, 0, 0, Buffer.alloc(0)))
    socket.write(frame(1, 4, 1, HEADERS))
  } else {
    socket.write(`POST ${PROXY} HTTP/1.1\r\nhost: k\r\ntransfer-encoding: chunked\r\n\r\n`)
  }
  return {
    async send(count: number, bytes: number): Promise<void> {
      const body = Buffer.alloc(bytes, 'x')
      const piece =
        version === 'HTTP/2'
          ? frame(0, 0, 1, body)
          : Buffer.from(`${bytes.toString(16)}\r\n${body.toString()}\r\n`)
      if (!socket.destroyed) socket.write(Buffer.concat(Array.from({ length: count }, () => piece)))
      await new Promise((done) => setImmediate(done))
    },
  }
}

interface Upload {
  send(count: number, bytes: number): Promise<void>
}

describe.each(versions)('a body in tiny pieces, over %s', (version) => {
  test('that nobody reads is broken off, and leaves others alone', async () => {
    const stage = await open()
    stage.api.answer = (request, response) => {
      // Not even taken from the kernel: what waits does so on our side.
      if (request.method === 'POST') request.socket.pause()
      else response.end('ok')
    }
    const { send } = await upload(stage, version)
    await expect.poll(() => stage.forwarder.stats().exchanges, PATIENTLY).toBe(1)
    const broken = async (): Promise<number> => {
      await send(64 * KIB, 1)
      return stage.forwarder.stats().exchanges
    }
    await expect.poll(broken, { ...PATIENTLY, timeout: 50_000 }).toBe(0)
    await stage.expectAudited(PROXY, { outcome: 'aborted' })
    const other = await stage.client(version)
    expect(await other.ask({ path: PODS })).toMatchObject({ text: 'ok' })
  })

  test('that is read in time is passed on whole', async () => {
    const stage = await open({ limits: { maxUnreadTinyPieces: 64 } })
    let received = 0
    stage.api.answer = (request) => {
      request.on('data', (chunk: Buffer) => {
        received += chunk.length
      })
    }
    const { send } = await upload(stage, version)
    for (let sent = 1; sent <= 20; sent += 1) {
      await send(50, 1)
      await expect.poll(() => received, PATIENTLY).toBe(50 * sent)
    }
    expect(stage.forwarder.stats().exchanges).toBe(1)
  })

  test('may wait in pieces that are worth their place', async () => {
    const stage = await open({ limits: { maxUnreadTinyPieces: 64 } })
    stage.api.answer = (request) => {
      request.socket.pause()
    }
    const { send } = await upload(stage, version)
    await send(1024, 100)
    await expect.poll(() => stage.forwarder.stats().exchanges, PATIENTLY).toBe(1)
  })
})
