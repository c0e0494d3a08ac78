import type { ServerResponse } from 'node:http'
import { beforeAll, expect, test } from 'vitest'
import { HEALTH_EVERY_MS } from '../../../src/daemon/services/cluster-health.ts'
import { defaultUpstreamLimits } from '../../../src/upstream/index.ts'
import { Relay } from '../tunnel/support/relay.ts'
import { ask, follow, open, targetAt } from './support/client.ts'
import { createPki, type KeyedCertificate, type Pki } from './support/pki.ts'
import { startHttps } from './support/servers.ts'

let pki: Pki
let identity: KeyedCertificate
beforeAll(async () => {
  pki = await createPki()
  identity = await pki.server()
})

const limits = { probeTimeoutMs: 100, silenceMs: 300 }
const watch = { target: '/watch', longRunning: true }
const slow = { target: '/slow' }

/** More than comes at once, and so little that all of it is with us before anybody reads it. */
const LARGE = Buffer.alloc(60_000, 'x')

/** An API server without HTTP/2: /watch says something and then no more, /slow says nothing yet. */
const answer = (path: string, response: ServerResponse): void => {
  if (path.startsWith('/watch')) response.writeHead(200).write('event')
  else if (path.startsWith('/large')) response.end(LARGE)
  else if (!path.startsWith('/slow')) response.end('ok')
}

/** One that is reached through a network that can go silent. */
async function far() {
  const stack = new AsyncDisposableStack()
  const server = stack.use(
    await startHttps(identity, ({ url = '' }, response) => answer(url, response)),
  )
  const network = stack.use(await Relay.open({ host: '127.0.0.1', port: server.port }))
  const target = targetAt(network.address.port, {
    certificateAuthority: { kind: 'data', pem: pki.ca },
  })
  const upstream = stack.use(open(target, { limits }))
  return { network, upstream, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

test('watches and requests over HTTP/1.1 end when the API server has gone silent, and later ones work', async () => {
  await using there = await far()
  const { upstream, network } = there
  const watching = follow(upstream, watch)
  await watching.firstData
  const waiting = follow(upstream, slow)
  await ask(upstream)
  network.silence()
  expect(await upstream.probe()).toMatchObject({ kind: 'unreachable' })
  for (const { failed } of [watching, waiting]) {
    expect(await failed).toMatchObject({
      code: 'UPSTREAM_RESET',
      message:
        'the connection to the API server of cluster west broke: no sign of life for 0.3 s, and no answer to a fresh connection',
    })
  }
  network.heal()
  expect((await ask(upstream)).text).toBe('ok')
})

test('an answer that waits here for its reader is no silence of the API server', async () => {
  await using there = await far()
  const { upstream, network } = there
  let isReading = false
  const unread = follow(upstream, { target: '/large' }, () => isReading)
  await unread.firstData
  const watching = follow(upstream, watch)
  await watching.firstData
  // The rest arrives meanwhile.
  await new Promise((resolve) => setTimeout(resolve, 100))
  network.silence()
  expect(await upstream.probe()).toMatchObject({ kind: 'unreachable' })
  expect(await watching.failed).toMatchObject({ code: 'UPSTREAM_RESET' })
  isReading = true
  unread.exchange.resume()
  await unread.ended
  expect(unread.received()).toBe(LARGE.length)
})

test('nothing is broken when a fresh connection is answered: the server is slow, not gone', async () => {
  await using server = await startHttps(identity, ({ url = '' }, response) => {
    if (url !== '/readyz') answer(url, response)
  })
  const target = targetAt(server.port, { certificateAuthority: { kind: 'data', pem: pki.ca } })
  await using upstream = open(target, { limits })
  const watching = follow(upstream, watch)
  await watching.firstData
  expect(await upstream.probe()).toMatchObject({ kind: 'unreachable' })
  await new Promise((resolve) => setTimeout(resolve, 2 * limits.silenceMs))
  watching.exchange.abort()
  // Ours, and not that of a connection that was broken.
  expect(await watching.failed).toMatchObject({ code: 'ABORTED' })
})

test('nothing is broken because this process stood still for longer than that', async () => {
  await using server = await startHttps(identity, ({ url = '' }, response) => answer(url, response))
  const target = targetAt(server.port, { certificateAuthority: { kind: 'data', pem: pki.ca } })
  await using upstream = open(target, { limits })
  const watching = follow(upstream, watch)
  await watching.firstData
  const probed = upstream.probe()
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 * limits.silenceMs)
  await probed
  await new Promise((resolve) => setTimeout(resolve, 2 * limits.silenceMs))
  watching.exchange.abort()
  expect(await watching.failed).toMatchObject({ code: 'ABORTED' })
})

test('it takes less than 15 seconds, with the pause between two questions', () => {
  const { probeTimeoutMs, silenceMs } = defaultUpstreamLimits
  expect(silenceMs).toBeGreaterThan(probeTimeoutMs)
  expect(HEALTH_EVERY_MS + silenceMs).toBeLessThan(15_000)
})
