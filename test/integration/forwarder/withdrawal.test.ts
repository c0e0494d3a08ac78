import { once } from 'node:events'
import { afterEach, describe, expect, test } from 'vitest'
import type { RoleSpec } from '../../support/roles.ts'
import { type Client, versions } from './support/clients.ts'
import { PATIENTLY, PODS, PROXIED, ROLE, Stage, WATCH } from './support/stage.ts'

let stack = new AsyncDisposableStack()
afterEach(async () => {
  await stack[Symbol.asyncDispose]()
  stack = new AsyncDisposableStack()
})

const LOG = `${PODS}/web/log`
const changes: readonly [string, RoleSpec | null, string][] = [
  ['the user is deleted', null, 'USER_GONE'],
  ['no role reaches the cluster any more', {}, 'CLUSTER_DENIED'],
  [
    'a deny takes the cluster',
    { ...ROLE, deny: { kubernetes_labels: { '*': '*' } } },
    'CLUSTER_DENIED',
  ],
  [
    'a deny takes the only group and user',
    { ...ROLE, deny: { kubernetes_groups: ['*'], kubernetes_users: ['*'] } },
    'NO_KUBERNETES_PRINCIPALS',
  ],
  [
    'the group is another one',
    { allow: { ...ROLE.allow, kubernetes_groups: ['other'] } },
    'ACCESS_WITHDRAWN',
  ],
]

describe.each(versions)('%s', (version) => {
  async function start(): Promise<{ stage: Stage; client: Client }> {
    const stage = stack.use(await Stage.open())
    return { stage, client: await stage.client(version) }
  }

  test.each(changes)('a watch is cut when %s', async (_name, spec, code) => {
    const { stage, client } = await start()
    let open = 0
    stage.api.answer = (_request, response) => {
      open += 1
      response.on('close', () => {
        open -= 1
      })
      response.write('line\n')
    }
    const call = client.call({ path: WATCH })
    await expect.poll(() => call.received(), PATIENTLY).toBe(5)
    stage.access.change(spec)
    expect(await call.answer).toMatchObject({ status: 200, whole: false })
    await stage.expectAudited(PODS, { outcome: 'aborted', error_code: code, bytes_sent: 5 })
    await stage.expectQuiet()
    await expect.poll(() => open, PATIENTLY).toBe(0)
  })

  test.each(changes)('who still waits for an answer is told when %s', async (_name, spec, code) => {
    const { stage, client } = await start()
    stage.api.answer = () => {}
    const call = client.call({ path: `${PODS}/a` })
    await expect.poll(() => stage.api.arrived.length, PATIENTLY).toBe(1)
    stage.access.change(spec)
    const answer = await call.answer
    expect(answer).toMatchObject({ status: 403, whole: true })
    expect(JSON.parse(answer.text)).toMatchObject({ kind: 'Status', reason: 'Forbidden' })
    await stage.expectAudited(`${PODS}/a`, { error_code: code, response_code: 403 })
  })

  test.each(changes)('nothing goes up when, while it is audited, %s', async (_name, spec, code) => {
    const { stage, client } = await start()
    const written = Promise.withResolvers<void>()
    let waiting = 0
    stage.audit.hold = ({ outcome }) => {
      if (outcome !== 'started') return null
      waiting += 1
      return written.promise
    }
    const call = client.call({ method: 'DELETE', path: `${PODS}/a` })
    await expect.poll(() => waiting, PATIENTLY).toBe(1)
    stage.access.change(spec)
    written.resolve()
    expect(await call.answer).toMatchObject({ status: 403, whole: true })
    await stage.expectAudited(`${PODS}/a`, { outcome: 'denied', error_code: code })
    expect(stage.api.arrived).toEqual([])
  })

  test('a change that takes nothing leaves a watch alone', async () => {
    const { stage, client } = await start()
    const write: (() => void)[] = []
    stage.api.answer = (_request, response) => {
      write.push(() => void response.write('line\n'))
      response.write('line\n')
    }
    const call = client.call({ path: WATCH })
    await expect.poll(() => call.received(), PATIENTLY).toBe(5)
    stage.access.change({ allow: { ...ROLE.allow, kubernetes_groups: ['team', 'more'] } })
    write[0]?.()
    await expect.poll(() => call.received(), PATIENTLY).toBe(10)
  })

  test('a certificate that expires ends nothing that goes on, and begins nothing', async () => {
    const { stage, client } = await start()
    const write: (() => void)[] = []
    stage.api.answer = (_request, response) => {
      write.push(() => void response.write('line\n'))
      response.write('line\n')
    }
    const call = client.call({ path: WATCH })
    await expect.poll(() => call.received(), PATIENTLY).toBe(5)
    stage.clock.advance(2 * 3_600_000)
    // The moment at which everything is judged again.
    stage.access.change(ROLE)
    write[0]?.()
    await expect.poll(() => call.received(), PATIENTLY).toBe(10)
    const late = await client.ask({ path: `${PODS}/a` })
    expect(late).toMatchObject({ status: 401, whole: true })
    await stage.expectAudited(`${PODS}/a`, { outcome: 'denied', error_code: 'CERT_EXPIRED' })
    call.abort()
    await stage.expectAudited(PODS, { outcome: 'aborted', error_code: 'ABORTED' })
  })

  describe('closing', () => {
    test('waits for answers that go on, and takes them to their end', async () => {
      const { stage, client } = await start()
      const end: (() => void)[] = []
      stage.api.answer = (_request, response) => {
        response.write('first ')
        end.push(() => void response.end('last'))
      }
      const call = client.call({ path: `${LOG}?follow=1` })
      await expect.poll(() => call.received(), PATIENTLY).toBe(6)
      let closed = false
      const closing = stage.forwarder.close(30_000).then(() => {
        closed = true
      })
      end[0]?.()
      expect(await call.answer).toMatchObject({ text: 'first last', whole: true })
      await closing
      expect(closed).toBe(true)
      await stage.expectAudited(LOG, { outcome: 'done' })
    })

    test('cuts what goes on after the grace, and says so', async () => {
      const { stage, client } = await start()
      stage.api.answer = (_request, response) => void response.write('first ')
      const call = client.call({ path: `${LOG}?follow=1` })
      await expect.poll(() => call.received(), PATIENTLY).toBe(6)
      await stage.forwarder.close(100)
      expect((await call.answer).whole).toBe(false)
      await stage.expectAudited(LOG, { outcome: 'aborted', error_code: 'SHUTTING_DOWN' })
      expect(stage.forwarder.stats()).toEqual({ connections: 0, exchanges: 0 })
    })

    test('tells who waits for an answer to try again', async () => {
      const { stage, client } = await start()
      stage.api.answer = () => {}
      const call = client.call({ path: `${PODS}/a` })
      await expect.poll(() => stage.api.arrived.length, PATIENTLY).toBe(1)
      await stage.forwarder.close(100)
      expect(await call.answer).toMatchObject({ status: 503, whole: true })
      await stage.expectAudited(`${PODS}/a`, { outcome: 'aborted', error_code: 'SHUTTING_DOWN' })
    })
  })
})

test('closing cuts an upgrade after the grace', async () => {
  const stage = stack.use(await Stage.open())
  const socket = await stage.raw()
  socket.resume()
  stage.api.upgrade = (_request, upgraded) =>
    void upgraded.write('HTTP/1.1 101 Yes\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n')
  socket.write(
    `POST ${PROXIED} HTTP/1.1\r\nHost: k\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n`,
  )
  await once(socket, 'data')
  await Promise.all([stage.forwarder.close(100), once(socket, 'end')])
  await stage.expectAudited(PROXIED, { outcome: 'aborted', error_code: 'SHUTTING_DOWN' })
})
