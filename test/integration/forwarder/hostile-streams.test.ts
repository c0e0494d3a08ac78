import type { EventEmitter } from 'node:events'
import { afterEach, describe, expect, test } from 'vitest'
import type { SessionRecorder } from '../../../src/forwarder/index.ts'
import { defaultSpdyLimits } from '../../../src/protocol/index.ts'
import { encodeFrame } from '../../../src/protocol/spdy/encode.ts'
import { HeaderEncoder } from '../../../src/protocol/spdy/headers.ts'
import { defaultStreamLimits } from '../../../src/streams/index.ts'
import {
  ALL,
  openCommand,
  type ServerKind,
  SUCCESS,
  serveCommands,
  serverKinds,
  type TestEnd,
} from './support/commands.ts'
import { EXEC, PATIENTLY, Stage, type StageOptions } from './support/stage.ts'
import { openWebSocket, readHead } from './support/upgrades.ts'

let stack = new AsyncDisposableStack()
afterEach(async () => {
  await stack[Symbol.asyncDispose]()
  stack = new AsyncDisposableStack()
})

const [TODAY, NO_WEB_SOCKET] = serverKinds as [ServerKind, ServerKind]

async function openStage(options: StageOptions = {}): Promise<Stage> {
  const stage = stack.use(await Stage.open(options))
  serveCommands(stage, TODAY, (end) => {
    end.onData = (_stream, data) => {
      end.out.write('stdout', data)
      end.out.finish(SUCCESS)
    }
  })
  return stage
}

/** However it ends. */
function closing(connection: EventEmitter): Promise<void> {
  connection.on('error', () => {})
  return new Promise((resolve) => connection.once('close', () => resolve()))
}

/** Somebody else's command runs as if nothing had happened. */
async function expectServed(stage: Stage): Promise<void> {
  const end = await openCommand(stage, 'SPDY/3.1')
  end.out.write('stdin', Buffer.from('hello'))
  expect(await end.over.promise).toBeNull()
  expect(end.text('stdout')).toBe('hello')
}

describe('whoever sends', () => {
  test('headers over and over that no stream needs loses his session, and nobody else does', async () => {
    const stage = await openStage()
    const socket = await stage.raw()
    socket.write(
      `POST ${EXEC}?${ALL} HTTP/1.1\r\nHost: k\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n`,
    )
    await readHead(socket)
    const encoder = new HeaderEncoder()
    const large = ['x', 'x'.repeat(defaultSpdyLimits.maxHeaderBytes - 20)] as const
    const more = (): Buffer =>
      encodeFrame({ type: 'headers', streamId: 1, fin: false, headers: [large] }, encoder)
    const over = closing(socket)
    socket.resume()
    socket.write(Buffer.concat(Array.from({ length: 20 }, more)))
    await over
    await expectServed(stage)
    await expect.poll(() => stage.forwarder.stats().exchanges, PATIENTLY).toBe(0)
  })

  test('something as the output of his command says nothing: not to the API server, nor in the record', async () => {
    const recorded: string[] = []
    const recorder: SessionRecorder = {
      policy: () => ({ records: true, strict: false }),
      begin: async () => ({
        data: (stream, data) => recorded.push(`${stream} ${data.toString()}`) > 0,
        resize: () => {},
        marker: () => {},
        end: async () => {},
        discard: () => false,
      }),
    }
    const stage = await openStage({ recorder })
    const there = Promise.withResolvers<TestEnd>()
    serveCommands(stage, NO_WEB_SOCKET, (end) => there.resolve(end))
    const client = await openCommand(stage, 'SPDY/3.1')
    client.out.write('stdout', Buffer.from('forged'))
    client.out.write('stdin', Buffer.from('typed'))
    const server = await there.promise
    await expect.poll(() => server.text('stdin'), PATIENTLY).toBe('typed')
    expect(server.text('stdout')).toBe('')
    expect(recorded).toEqual(['stdin typed'])
    server.out.finish(SUCCESS)
    expect(await client.over.promise).toBeNull()
  })

  test('a message in more fragments than anybody needs loses his session, and nobody else does', async () => {
    const stage = await openStage()
    const socket = await openWebSocket(await stage.raw(), `${EXEC}?${ALL}`, 'v5.channel.k8s.io')
    const over = closing(socket)
    socket.resume()
    for (let count = 0; count <= defaultStreamLimits.maxMessageFragments; count += 1) {
      socket.send(Buffer.alloc(1), { fin: false })
    }
    await over
    await expectServed(stage)
    await expect.poll(() => stage.forwarder.stats().exchanges, PATIENTLY).toBe(0)
  })
})
