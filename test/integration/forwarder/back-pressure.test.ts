import { afterEach, describe, expect, test } from 'vitest'
import { type Call, type Client, versions } from './support/clients.ts'
import { PATIENTLY, PODS, Stage } from './support/stage.ts'

let stack = new AsyncDisposableStack()
afterEach(async () => {
  await stack[Symbol.asyncDispose]()
  stack = new AsyncDisposableStack()
})

const MIB = 1024 * 1024
const SIZE = 200 * MIB
/** What sockets of this machine and windows of HTTP/2 may hold; far from what piles up when nobody waits. */
const HELD = 48 * MIB
const ITEM = `${PODS}/a`

/** Resolves when a count has stopped to grow. */
async function standing(count: () => number): Promise<number> {
  let before = -1
  let still = 0
  while (still < 10) {
    await new Promise((resolve) => setTimeout(resolve, 30))
    still = count() === before && before > 0 ? still + 1 : 0
    before = count()
  }
  return before
}

/** Writes as long as it is taken. */
function pour(call: Pick<Call, 'write' | 'onDrain' | 'end'>, size: number): () => number {
  const chunk = Buffer.alloc(256 * 1024)
  let poured = 0
  const go = (): void => {
    while (poured < size) {
      poured += chunk.length
      if (!call.write(chunk)) return
    }
    call.end()
  }
  call.onDrain(go)
  go()
  return () => poured
}

describe.each(versions)('%s', (version) => {
  async function start(): Promise<{ stage: Stage; client: Client }> {
    const stage = stack.use(await Stage.open())
    return { stage, client: await stage.client(version) }
  }

  test.each([
    ['with a length', `${ITEM}`],
    ['without a length', `${PODS}/web/log`],
    ['of a followed log', `${PODS}/web/log?follow=1`],
  ])('an answer of 200 MB %s that nobody reads waits at the API server', async (_name, path) => {
    const { stage, client } = await start()
    let sent = (): number => 0
    stage.api.answer = (request, response) => {
      if (request.url !== path) {
        response.end('ok')
        return
      }
      if (path === ITEM) response.setHeader('content-length', String(SIZE))
      sent = pour(
        {
          write: (chunk) => response.write(chunk),
          onDrain: (listener) => response.on('drain', listener),
          end: () => void response.end(),
        },
        SIZE,
      )
    }
    const call = client.call({ path })
    call.pause()
    await call.head
    const before = process.memoryUsage.rss()
    expect(await standing(() => sent())).toBeLessThan(HELD)
    expect(process.memoryUsage.rss() - before).toBeLessThan(2 * HELD)
    // Others go on, over the same connection where there is one.
    expect(await client.ask({ path: `${PODS}/b` })).toMatchObject({ text: 'ok', whole: true })
    expect(stage.forwarder.stats().exchanges).toBe(1)
    call.resume()
    expect((await call.answer).whole).toBe(true)
    expect(call.received()).toBe(SIZE)
    await stage.expectAudited(path, { outcome: 'done', bytes_sent: SIZE })
  })

  test('an upload of 200 MB waits for an API server that reads nothing', async () => {
    const { stage, client } = await start()
    const read: (() => void)[] = []
    let arrived = 0
    stage.api.answer = (request, response) => {
      if (request.method !== 'POST') {
        response.end('ok')
        return
      }
      read.push(() => {
        request.on('data', (chunk: Buffer) => {
          arrived += chunk.length
        })
        request.on('end', () => response.end('ok'))
      })
    }
    const headers = ['Content-Length', String(SIZE)]
    const call = client.call({ method: 'POST', path: PODS, headers, body: 'open' })
    await expect.poll(() => stage.forwarder.stats().exchanges, PATIENTLY).toBe(1)
    const poured = pour(call, SIZE)
    expect(await standing(poured)).toBeLessThan(HELD)
    expect(await client.ask({ path: `${PODS}/b` })).toMatchObject({ text: 'ok', whole: true })
    read[0]?.()
    expect(await call.answer).toMatchObject({ text: 'ok', whole: true })
    expect(arrived).toBe(SIZE)
    await stage.expectAudited(PODS, { outcome: 'done', bytes_received: SIZE })
  })

  test('large answers side by side, with readers who stop and readers who leave, are never mixed up', async () => {
    const { stage, client } = await start()
    stage.api.answer = (request, response) => {
      const index = Number(/p(\d+)/.exec(request.url ?? '')?.[1])
      if (index % 2 === 0) response.setHeader('content-length', String(3 * MIB))
      const go = (from: number): void => {
        if (from === 3 * MIB) {
          response.end()
          return
        }
        const length = Math.min(3 * MIB - from, 1 + ((index * 7919 + from) % 90_000))
        if (response.write(Buffer.alloc(length, index))) setImmediate(go, from + length)
        else response.once('drain', () => go(from + length))
      }
      go(0)
    }
    const calls = Array.from({ length: 24 }, (_value, index) =>
      client.call({ path: `${PODS}/p${index}/log` }),
    )
    const leaves = (index: number): boolean => index % 3 === 0
    let round = 0
    const timer = setInterval(() => {
      round += 1
      for (const [index, call] of calls.entries()) {
        if (leaves(index) && call.received() > MIB) call.abort()
        // Not at the end: then Node tells of the closed request before the rest of its answer was read.
        else if ((round + index) % 3 === 0 && call.received() < 2 * MIB) call.pause()
        else call.resume()
      }
    }, 3)
    stack.defer(() => clearInterval(timer))
    for (const [index, call] of calls.entries()) {
      const { whole, body } = await call.answer
      expect(body.every((byte) => byte === index)).toBe(true)
      expect({ index, whole, length: whole ? body.length : 0 }).toEqual(
        leaves(index)
          ? { index, whole: false, length: 0 }
          : { index, whole: true, length: 3 * MIB },
      )
    }
    await stage.expectQuiet()
  })

  test('a client that stalls and leaves frees what it held', async () => {
    const { stage, client } = await start()
    stage.api.answer = (_request, response) => {
      pour(
        {
          write: (chunk) => response.write(chunk),
          onDrain: (listener) => response.on('drain', listener),
          end: () => void response.end(),
        },
        SIZE,
      )
    }
    const calls = Array.from({ length: 20 }, (_value, index) =>
      client.call({ path: `${PODS}/p${index}/log?follow=1` }),
    )
    for (const call of calls) call.pause()
    await Promise.all(calls.map((call) => call.head))
    for (const call of calls) call.abort()
    await stage.expectQuiet()
    for (const index of calls.keys()) {
      await stage.expectAudited(`${PODS}/p${index}/log`, { outcome: 'aborted' })
    }
    await expect.poll(() => stage.audit.events.length, PATIENTLY).toBe(40)
  })
})

test('an upgraded stream that nobody reads waits at the API server', async () => {
  const stage = stack.use(await Stage.open())
  let sent = (): number => 0
  stage.api.upgrade = (_request, socket) => {
    socket.write('HTTP/1.1 101 Yes\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n')
    sent = pour(
      {
        write: (chunk) => socket.write(chunk),
        onDrain: (listener) => socket.on('drain', listener),
        end: () => void socket.end(),
      },
      SIZE,
    )
  }
  const socket = await stage.raw()
  socket.write(
    `POST ${PODS}/web/proxy/live HTTP/1.1\r\nHost: k\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n`,
  )
  expect(await standing(() => sent())).toBeLessThan(HELD)
  let received = 0
  socket.on('data', (chunk: Buffer) => {
    received += chunk.length
  })
  await expect.poll(() => received, PATIENTLY).toBeGreaterThan(SIZE)
})
