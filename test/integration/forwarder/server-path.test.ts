import { afterEach, describe, expect, test } from 'vitest'
import { kubeServerName, kubeServerPath } from '../../../src/protocol/index.ts'
import { versions } from './support/clients.ts'
import { PATIENTLY, PODS, PROXIED, SERVER_NAME, Stage } from './support/stage.ts'

let stack = new AsyncDisposableStack()
afterEach(async () => {
  await stack[Symbol.asyncDispose]()
  stack = new AsyncDisposableStack()
})

const PATH = kubeServerPath(SERVER_NAME)
const OTHER = kubeServerPath(kubeServerName('elsewhere', 'prod'))

describe.each(versions)('the path of a cluster, %s', (version) => {
  test('is no part of what is judged, sent up and audited', async () => {
    const stage = stack.use(await Stage.open())
    const client = await stage.client(version)
    stage.api.answer = (_request, response) => response.end('ok')
    const answer = await client.ask({ path: `${PATH}${PODS}/a?pretty=true` })
    expect(answer).toMatchObject({ status: 200, text: 'ok' })
    expect(stage.api.arrived.map(({ target }) => target)).toEqual([`${PODS}/a?pretty=true`])
    await stage.expectAudited(`${PODS}/a`, {
      resource_kind: 'pods',
      resource_name: 'a',
      request_path: `${PODS}/a`,
    })
  })

  test.each([`${PATH}/${PODS}/a`, `${PATH}/x/..${PODS}/a`, `${PATH}/%2e%2e${PODS}/a`])(
    'hides nothing from the judge: %s',
    async (path) => {
      const stage = stack.use(await Stage.open())
      const client = await stage.client(version)
      expect((await client.ask({ path })).status).toBe(400)
      expect(stage.api.arrived).toEqual([])
    },
  )

  test('is taken off once: what is below it is a path like any other', async () => {
    const stage = stack.use(await Stage.open())
    const client = await stage.client(version)
    await client.ask({ path: `${PATH}${PATH}${PODS}/a` })
    expect(stage.api.arrived.map(({ target }) => target)).toEqual([`${PATH}${PODS}/a`])
    await stage.expectAudited(`${PATH}${PODS}/a`, {
      request_path: `${PATH}${PODS}/a`,
      resource_kind: '',
    })
  })

  test('of another cluster is refused, and nothing goes up', async () => {
    const stage = stack.use(await Stage.open())
    const client = await stage.client(version)
    const answer = await client.ask({ path: `${OTHER}${PODS}/a` })
    expect(answer.status).toBe(400)
    expect(answer.text).toContain('is another cluster’s than its tls-server-name')
    expect(stage.api.arrived).toEqual([])
  })
})

test('an upgrade loses it as well', async () => {
  const stage = stack.use(await Stage.open())
  const arrived = Promise.withResolvers<void>()
  stage.api.upgrade = (_request, socket) => {
    socket.end(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n',
    )
    arrived.resolve()
  }
  const socket = await stage.raw()
  let text = ''
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
  })
  socket.write(
    `POST ${PATH}${PROXIED}?command=sh HTTP/1.1\r\nHost: k\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n`,
  )
  await arrived.promise
  await expect.poll(() => text, PATIENTLY).toContain('101 Switching Protocols')
  expect(stage.api.arrived.map(({ target }) => target)).toEqual([`${PROXIED}?command=sh`])
})
