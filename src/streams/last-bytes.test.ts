import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { encodeFrame, SpdySession } from '../protocol/index.ts'
import { defaultStreamLimits as limits } from './limits.ts'
import { openSpdyCommand } from './spdy-command.ts'
import type { CommandEnd, CommandListener } from './types.ts'
import { openWebSocketCommand } from './websocket-command.ts'
import { V5 } from './websocket-dialect.ts'

const STATUS = JSON.stringify({ metadata: {}, status: 'Success' })
const EMPTY = Buffer.alloc(0)
const plan = { stdin: false, stdout: true, stderr: false, tty: false }

const sockets: Socket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
})

/** Ours, and that of an API server. */
async function connected(): Promise<[Socket, Socket]> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const ours = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' })
  const [theirs] = (await once(server, 'connection')) as [Socket]
  server.close()
  for (const socket of [ours, theirs]) socket.on('error', () => {})
  sockets.push(ours, theirs)
  return [ours, theirs]
}

/** Wants to hear nothing more once it has heard something: its own client reads slowly. */
class SlowEar implements CommandListener {
  readonly statuses: string[] = []
  readonly over = Promise.withResolvers<Error | null>()
  output = ''

  data(_stream: unknown, data: Buffer): boolean {
    this.output += data.toString('latin1')
    return false
  }
  end(): void {}
  resize(): void {}
  status(status: string): void {
    this.statuses.push(status)
  }
  drain(): void {}
  closed(error: Error | null): void {
    this.over.resolve(error)
  }
}

const message = (channel: number, text: string): Buffer =>
  encodeFrame('binary', Buffer.concat([Buffer.from([channel]), Buffer.from(text)]), null)

/** What an API server says: its output, and how the command ended. */
interface Speaks {
  output(text: string): Buffer
  status(): Buffer
  /** Ours. */
  readonly end: CommandEnd
}

async function overWebSocket(ours: Socket, ear: SlowEar): Promise<Speaks> {
  const end = openWebSocketCommand({ socket: ours, head: EMPTY, dialect: V5, limits }, ear)
  end.resume()
  return { output: (text) => message(1, text), status: () => message(3, STATUS), end }
}

async function overSpdy(ours: Socket, ear: SlowEar, theirs: Socket): Promise<Speaks> {
  const end = openSpdyCommand({ socket: ours, head: EMPTY, plan, limits }, ear)
  end.resume()
  const session = new SpdySession('server')
  const ids: number[] = []
  while (ids.length < 2) {
    const [chunk] = (await once(theirs, 'data')) as [Buffer]
    for (const event of session.receive(chunk)) {
      if (event.kind !== 'stream') continue
      ids.push(event.streamId)
      theirs.write(session.accept(event.streamId))
    }
  }
  const [error = 0, stdout = 0] = ids
  return {
    output: (text) => session.data(stdout, Buffer.from(text)),
    status: () => session.data(error, Buffer.from(STATUS), true),
    end,
  }
}

describe.each([
  ['a WebSocket', overWebSocket],
  ['SPDY', overSpdy],
])('what an API server said over %s before it reset its connection', (_name, open) => {
  it.each([1, 1000])(
    'is heard, although it was not read yet: output in pieces of %s, and the Status',
    async (bytes) => {
      const [ours, theirs] = await connected()
      const ear = new SlowEar()
      const says = await open(ours, ear, theirs)
      theirs.write(says.output('first '))
      await expect.poll(() => ear.output).toBe('first ')
      for (let count = 0; count < 10; count += 1) {
        const arrived = ours.bytesRead
        theirs.write(says.output('x'.repeat(bytes)))
        await expect.poll(() => ours.bytesRead).toBeGreaterThan(arrived)
      }
      const arrived = ours.bytesRead
      theirs.write(says.status())
      await expect.poll(() => ours.bytesRead).toBeGreaterThan(arrived)
      theirs.resetAndDestroy()
      await ear.over.promise
      expect(ear.output).toBe(`first ${'x'.repeat(10 * bytes)}`)
      expect(ear.statuses).toEqual([STATUS])
    },
  )

  it('is not heard by who broke it off himself', async () => {
    const [ours, theirs] = await connected()
    const ear = new SlowEar()
    const says = await open(ours, ear, theirs)
    theirs.write(says.output('first'))
    await expect.poll(() => ear.output).toBe('first')
    const arrived = ours.bytesRead
    theirs.write(says.output('second'))
    await expect.poll(() => ours.bytesRead).toBeGreaterThan(arrived)
    says.end.destroy()
    await ear.over.promise
    expect(ear.output).toBe('first')
  })
})

describe('what came with the answer of an API server', () => {
  it('is heard although its connection is gone by now', async () => {
    const [ours, theirs] = await connected()
    theirs.end()
    await once(ours, 'close')
    const ear = new SlowEar()
    openWebSocketCommand({ socket: ours, head: message(3, STATUS), dialect: V5, limits }, ear)
    expect(await ear.over.promise).toBeNull()
    expect(ear.statuses).toEqual([STATUS])
  })
})
