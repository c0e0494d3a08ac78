import { once } from 'node:events'
import { queryObjects, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, describe, expect, test } from 'vitest'
import { openCommand, SUCCESS, serveCommands, serverKinds } from './support/commands.ts'
import { PATIENTLY, PROXIED, Stage } from './support/stage.ts'

let stack = new AsyncDisposableStack()
afterEach(async () => {
  await stack[Symbol.asyncDispose]()
  stack = new AsyncDisposableStack()
})

const MANY = 60
/** What one more or less of something that goes on in the background may hold. */
const SOME = 15

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** All that are alive in this process. */
async function signals(): Promise<number> {
  // What a collected signal held is found by the next round only.
  for (let round = 0; round < 4; round += 1) {
    collect()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return queryObjects(AbortSignal, { format: 'count' })
}

/** The first few open what is kept for all. */
async function leftBy(one: () => Promise<void>): Promise<() => Promise<number>> {
  for (let count = 0; count < 5; count += 1) await one()
  const before = await signals()
  for (let count = 0; count < MANY; count += 1) await one()
  return async () => (await signals()) - before
}

describe('no signal is left', () => {
  test.each(serverKinds)('by commands that have ended, at $name', async (kind) => {
    const stage = stack.use(await Stage.open())
    serveCommands(stage, kind, (end) => end.out.finish(SUCCESS))
    const left = await leftBy(async () => {
      const client = await openCommand(stage, 'v5.channel.k8s.io')
      await client.over.promise
      client.connection.destroy()
    })
    await expect.poll(left, PATIENTLY).toBeLessThan(SOME)
  })

  test('by proxied upgrades that have ended', async () => {
    const stage = stack.use(await Stage.open())
    stage.api.upgrade = (_request, socket) => {
      socket.end(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
      )
    }
    const left = await leftBy(async () => {
      const socket = await stage.raw()
      const answered = once(socket, 'data')
      socket.write(
        `GET ${PROXIED} HTTP/1.1\r\nHost: k\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
      )
      await answered
      socket.destroy()
    })
    await expect.poll(left, PATIENTLY).toBeLessThan(SOME)
  })
})
