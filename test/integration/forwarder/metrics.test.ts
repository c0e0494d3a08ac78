import { afterEach, describe, expect, test } from 'vitest'
import { LiveStats } from '../../../src/daemon/stats/live-stats.ts'
import { versions } from './support/clients.ts'
import { EXEC, KUBE_CLUSTER, PATIENTLY, PODS, Stage, WATCH } from './support/stage.ts'

let stack = new AsyncDisposableStack()
afterEach(async () => {
  await stack[Symbol.asyncDispose]()
  stack = new AsyncDisposableStack()
})

describe.each(versions)('what metrics hear of %s', (version) => {
  test('of answers, failures and refusals', async () => {
    const stage = stack.use(await Stage.open())
    const client = await stage.client(version)
    await client.call({ path: PODS }).answer
    stage.api.answer = (_request, response) => {
      response.statusCode = 404
      response.end('none')
    }
    await client.call({ path: `${PODS}/none` }).answer
    stage.api.answer = (_request, response) => {
      response.socket?.destroy()
    }
    await client.call({ method: 'POST', path: PODS, body: '{}' }).answer
    stage.access.change({})
    await client.call({ path: PODS }).answer
    expect(stage.metrics.ended).toEqual([
      'alice request 200 done',
      'alice request 404 done',
      'alice request 503 failed UPSTREAM_RESET',
    ])
    expect(stage.metrics.refused).toEqual([`alice ${KUBE_CLUSTER} 403 CLUSTER_DENIED`])
  })

  test('of a watch, while it goes on and when its client leaves', async () => {
    const stage = stack.use(await Stage.open())
    const client = await stage.client(version)
    stage.api.answer = (_request, response) => {
      response.write('line\n')
    }
    const call = client.call({ path: WATCH })
    await expect.poll(() => call.received(), PATIENTLY).toBe(5)
    expect([...stage.metrics.underway]).toMatchObject([{ user: 'alice', stream: 'watch' }])
    call.abort()
    await expect
      .poll(() => stage.metrics.ended, PATIENTLY)
      .toEqual(['alice watch 200 aborted ABORTED'])
  })

  test('of somebody without a certificate', async () => {
    const stage = stack.use(await Stage.open())
    const client = await stage.client(version, null)
    await client.call({ path: PODS }).answer
    expect(stage.metrics.refused).toEqual([`somebody ${KUBE_CLUSTER} 401 CERT_MISSING`])
    expect(stage.metrics.ended).toEqual([])
  })
})

test('an exec that the API server refuses has ended too', async () => {
  const stage = stack.use(await Stage.open())
  stage.api.upgrade = (_request, socket) => {
    socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno')
  }
  const socket = await stage.raw()
  socket.write(
    `POST ${EXEC}?command=sh HTTP/1.1\r\nHost: k\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n`,
  )
  await expect.poll(() => stage.metrics.ended, PATIENTLY).toEqual(['alice exec 403 done'])
})

test('live numbers add up to nothing underway', async () => {
  const stage = stack.use(await Stage.open())
  const stats = new LiveStats({
    clock: stage.clock,
    version: '',
    clusterName: '',
    eventLoop: { read: () => ({ p50: 0, p99: 0, max: 0 }), [Symbol.dispose]: () => {} },
  })
  stage.metrics.also = stats.forwarder
  const client = await stage.client('HTTP/1.1')
  await client.call({ path: PODS }).answer
  await client.call({ path: PODS }).answer
  const { total, clusters, users } = stats.read([{ name: KUBE_CLUSTER, online: true }])
  expect(total).toMatchObject({ requests: 2, in_flight: 0, by_status: { '2xx': 2 } })
  expect(clusters[0]).toMatchObject({ name: KUBE_CLUSTER, requests: 2 })
  expect(users).toMatchObject([{ name: 'alice', requests: 2, live: 0 }])
})
