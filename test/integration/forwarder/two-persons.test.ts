import type { Http2ServerRequest } from 'node:http2'
import { afterEach, describe, expect, test } from 'vitest'
import { versions } from './support/clients.ts'
import { PATIENTLY, PODS, ROLE, Stage, WATCH } from './support/stage.ts'

let stack = new AsyncDisposableStack()
afterEach(async () => {
  await stack[Symbol.asyncDispose]()
  stack = new AsyncDisposableStack()
})

const MIB = 1024 * 1024
const SIZE = 2 * MIB
const PERSONS = ['alice', 'bob'] as const
type Person = (typeof PERSONS)[number]

/** Every four bytes tell whose they are, of which request, and where they belong. */
function patternOf(seed: number, from: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let index = 0; index < length; index += 1) {
    const word = Math.imul(seed + 1, 2654435761) ^ Math.imul((from + index) >>> 2, 40503)
    bytes[index] = word >>> (((from + index) & 3) * 8)
  }
  return bytes
}

/** The requests of a test are numbered, and each person has every other number. */
const personOf = (seed: number): Person => PERSONS[seed % 2 === 0 ? 0 : 1]
const leaves = (seed: number): boolean => seed % 4 >= 2

describe.each(versions)('two persons on one connection to the API server, over %s', (version) => {
  test('never get a byte of each other, while some leave amid their answers', async () => {
    const stage = stack.use(await Stage.open())
    stage.access.change({ allow: { ...ROLE.allow, kubernetes_users: [...PERSONS] } })
    const sessions = new Set<unknown>()
    const strangers: string[] = []
    stage.api.answer = (request, response) => {
      const seed = Number(/name%3Dp(\d+)/.exec(request.url ?? '')?.[1])
      if (request.headers['impersonate-user'] !== personOf(seed)) strangers.push(request.url ?? '')
      sessions.add((request as Http2ServerRequest).stream.session)
      const go = (from: number): void => {
        if (from >= SIZE) {
          // Who leaves does so amid his answer, however late he comes to it.
          if (!leaves(seed)) response.end()
          return
        }
        const length = Math.min(SIZE - from, 1 + ((seed * 7919 + from) % 60_000))
        if (response.write(patternOf(seed, from, length))) setImmediate(go, from + length)
        else response.once('drain', () => go(from + length))
      }
      go(0)
    }
    const clients = {
      alice: await stage.client(version, await stage.authorities.users.certify('alice')),
      bob: await stage.client(version, await stage.authorities.users.certify('bob')),
    }
    const calls = Array.from({ length: 24 }, (_, seed) =>
      clients[personOf(seed)].call({
        path: `${WATCH}&fieldSelector=metadata.name%3Dp${seed}`,
        headers: ['impersonate-user', personOf(seed)],
      }),
    )
    let round = 0
    const timer = setInterval(() => {
      round += 1
      for (const [seed, call] of calls.entries()) {
        if (leaves(seed) && call.received() > MIB / 2) call.abort()
        else if ((round + seed) % 3 === 0 && call.received() < MIB) call.pause()
        else call.resume()
      }
    }, 3)
    stack.defer(() => clearInterval(timer))
    for (const [seed, call] of calls.entries()) {
      const { whole, body } = await call.answer
      expect(body.equals(patternOf(seed, 0, body.length)), `request ${seed}`).toBe(true)
      expect({ seed, whole, length: whole ? body.length : 0 }).toEqual({
        seed,
        whole: !leaves(seed),
        length: leaves(seed) ? 0 : SIZE,
      })
    }
    expect(strangers).toEqual([])
    expect(sessions.size).toBe(1)
    await stage.expectQuiet()
  })

  test('send what is theirs, while some leave amid their uploads', async () => {
    const stage = stack.use(await Stage.open())
    stage.access.change({ allow: { ...ROLE.allow, kubernetes_users: [...PERSONS] } })
    const wrong: number[] = []
    const received = new Map<number, number>()
    stage.api.answer = (request, response) => {
      const seed = Number(/p(\d+)/.exec(request.url ?? '')?.[1])
      let at = 0
      request.on('data', (chunk: Buffer) => {
        if (
          request.headers['impersonate-user'] !== personOf(seed) ||
          !chunk.equals(patternOf(seed, at, chunk.length))
        ) {
          wrong.push(seed)
        }
        at += chunk.length
        received.set(seed, at)
      })
      request.on('end', () => response.end(String(at)))
    }
    const clients = {
      alice: await stage.client(version, await stage.authorities.users.certify('alice')),
      bob: await stage.client(version, await stage.authorities.users.certify('bob')),
    }
    const answers = Array.from({ length: 16 }, async (_, seed) => {
      const call = clients[personOf(seed)].call({
        method: 'POST',
        path: `${PODS}/p${seed}/proxy/upload`,
        headers: ['impersonate-user', personOf(seed)],
        body: 'open',
      })
      for (let from = 0; from < MIB; from += 40_000) {
        if (leaves(seed) && from > MIB / 2) {
          await expect.poll(() => received.get(seed) ?? 0, PATIENTLY).toBeGreaterThan(0)
          call.abort()
          break
        }
        const length = Math.min(40_000, MIB - from)
        if (!call.write(patternOf(seed, from, length))) {
          await new Promise<void>((resolve) => call.onDrain(resolve))
        }
      }
      if (!leaves(seed)) call.end()
      return call.answer
    })
    for (const [seed, { whole, text }] of (await Promise.all(answers)).entries()) {
      expect({ seed, whole, text: whole ? text : '' }).toEqual(
        leaves(seed) ? { seed, whole: false, text: '' } : { seed, whole: true, text: String(MIB) },
      )
    }
    expect(wrong).toEqual([])
    expect(received.size).toBe(16)
    await stage.expectQuiet()
  })
})
