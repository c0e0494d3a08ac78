import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { openSpool } from '../../../src/audit/index.ts'
import { silentLogger, systemClock } from '../../../src/core/index.ts'
import { type Client, versions } from './support/clients.ts'
import { PATIENTLY, PODS, Stage, type StageOptions, WATCH } from './support/stage.ts'

let stack = new AsyncDisposableStack()
afterEach(async () => {
  await stack[Symbol.asyncDispose]()
  stack = new AsyncDisposableStack()
})

const ITEM = `${PODS}/a`
const LIST = Buffer.alloc(300_000, 'x')

describe.each(versions)('%s', (version) => {
  async function start(options: StageOptions = {}): Promise<{ stage: Stage; client: Client }> {
    const stage = stack.use(await Stage.open(options))
    // That events cannot be written is told in the log, once for each.
    stack.defer(() => {
      stage.log.errors.length = 0
    })
    return { stage, client: await stage.client(version) }
  }

  const refusal = { kind: 'Status', reason: 'ServiceUnavailable', code: 503 }

  describe('strict', () => {
    test.each(['POST', 'PUT', 'PATCH', 'DELETE'])(
      'a %s whose beginning cannot be written never goes up',
      async (method) => {
        const { stage, client } = await start()
        stage.audit.refuses = ({ outcome }) => outcome === 'started'
        const answer = await client.ask({ method, path: ITEM, body: '{}' })
        expect(answer).toMatchObject({ status: 503, whole: true })
        expect(JSON.parse(answer.text)).toMatchObject(refusal)
        expect(stage.api.arrived).toEqual([])
        expect(stage.api.sockets.size).toBe(0)
      },
    )

    test('a watch whose beginning cannot be written never goes up', async () => {
      const { stage, client } = await start()
      stage.audit.refuses = () => true
      expect((await client.ask({ path: WATCH })).status).toBe(503)
      expect(stage.api.arrived).toEqual([])
    })

    test('an answer with a length is not given when its event cannot be written', async () => {
      const { stage, client } = await start()
      stage.audit.refuses = () => true
      stage.api.answer = (_request, response) => {
        response.setHeader('content-length', '2')
        response.end('ok')
      }
      const answer = await client.ask({ path: ITEM })
      expect(JSON.parse(answer.text)).toMatchObject(refusal)
    })

    test('the last piece of a large answer is withheld', async () => {
      const { stage, client } = await start()
      stage.audit.refuses = () => true
      stage.api.answer = (_request, response) => {
        response.setHeader('content-length', String(LIST.length))
        response.end(LIST)
      }
      const answer = await client.ask({ path: PODS })
      expect(answer).toMatchObject({ status: 200, whole: false })
      expect(answer.body.length).toBeLessThan(LIST.length)
    })

    test('an answer of unknown length has no end', async () => {
      const { stage, client } = await start()
      stage.audit.refuses = () => true
      stage.api.answer = (_request, response) => {
        response.write(LIST)
        response.end()
      }
      expect(await client.ask({ path: PODS })).toMatchObject({ status: 200, whole: false })
    })

    test.each([204, 304])('an answer of %d is not given either', async (status) => {
      const { stage, client } = await start()
      stage.audit.refuses = () => true
      stage.api.answer = (_request, response) => {
        response.statusCode = status
        response.end()
      }
      expect((await client.ask({ path: ITEM })).status).toBe(503)
    })

    test('a mutation whose end cannot be written is not told as done', async () => {
      const { stage, client } = await start()
      stage.audit.refuses = ({ outcome }) => outcome !== 'started'
      const answer = await client.ask({ method: 'POST', path: PODS, body: '{}' })
      expect(answer.status === 503 || !answer.whole).toBe(true)
      expect(stage.api.arrived.length).toBe(1)
      await stage.expectAudited(PODS, { outcome: 'started', response_code: 0 })
    })

    test('a refusal that cannot be written becomes this one', async () => {
      const { stage, client } = await start()
      stage.access.change(null)
      stage.audit.refuses = () => true
      const answer = await client.ask({ path: ITEM })
      expect(JSON.parse(answer.text)).toMatchObject(refusal)
    })

    test('the failure of an API server that cannot be written becomes this one', async () => {
      const { stage, client } = await start()
      await stage.api[Symbol.asyncDispose]()
      stage.audit.refuses = () => true
      const answer = await client.ask({ path: ITEM })
      expect(answer.text).toContain('audit log cannot be written')
    })

    test('discovery is not audited and goes on', async () => {
      const { stage, client } = await start()
      stage.audit.refuses = () => true
      expect(await client.ask({ path: '/version' })).toMatchObject({ status: 200, text: 'ok' })
      expect(stage.audit.events).toEqual([])
    })

    test('all goes on when there is room again', async () => {
      const { stage, client } = await start()
      stage.audit.refuses = () => true
      expect((await client.ask({ path: ITEM })).status).toBe(503)
      stage.audit.refuses = () => false
      expect(await client.ask({ path: ITEM })).toMatchObject({ text: 'ok', whole: true })
    })

    test('the answer waits for its event, however slow that is', async () => {
      const { stage, client } = await start()
      const written = Promise.withResolvers<void>()
      let waiting = 0
      stage.audit.hold = () => {
        waiting += 1
        return written.promise
      }
      const call = client.call({ path: ITEM })
      let answered = false
      void call.answer.then(() => {
        answered = true
      })
      await expect.poll(() => waiting, PATIENTLY).toBe(1)
      expect(answered).toBe(false)
      written.resolve()
      expect(await call.answer).toMatchObject({ text: 'ok', whole: true })
    })

    test('with the real spool, full', async () => {
      const directory = await mkdtemp(join(tmpdir(), 'spool-'))
      stack.defer(() => rm(directory, { recursive: true }))
      const audit = stack.use(
        await openSpool({
          directory,
          clock: systemClock,
          log: silentLogger,
          limits: { totalBytes: 8192 },
        }),
      )
      const { stage, client } = await start({ audit })
      const statuses: number[] = []
      for (let index = 0; index < 20; index += 1) {
        statuses.push((await client.ask({ method: 'POST', path: PODS, body: '{}' })).status)
      }
      expect(statuses[0]).toBe(200)
      expect(statuses.at(-1)).toBe(503)
      const arrived = stage.api.arrived.length
      expect(arrived).toBeLessThan(20)
      expect((await client.ask({ method: 'POST', path: PODS, body: '{}' })).status).toBe(503)
      expect(stage.api.arrived.length).toBe(arrived)
    })
  })

  describe('best effort', () => {
    test.each([
      ['GET', ITEM],
      ['POST', PODS],
      ['DELETE', ITEM],
      ['GET', WATCH],
    ])('%s %s is served without its events', async (method, path) => {
      const { stage, client } = await start({ auditMode: 'best_effort' })
      stage.audit.refuses = () => true
      const body = method === 'POST' ? '{}' : null
      expect(await client.ask({ method, path, body })).toMatchObject({ text: 'ok', whole: true })
      await expect.poll(() => stage.log.errors.length, PATIENTLY).toBeGreaterThan(0)
    })
  })
})

test('an upgrade whose beginning cannot be written never goes up', async () => {
  const stage = stack.use(await Stage.open())
  stack.defer(() => {
    stage.log.errors.length = 0
  })
  stage.audit.refuses = ({ outcome }) => outcome === 'started'
  const socket = await stage.raw()
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.write(
    `POST ${PODS}/web/exec HTTP/1.1\r\nHost: k\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n`,
  )
  await expect.poll(() => Buffer.concat(chunks).toString(), PATIENTLY).toMatch(/^HTTP\/1\.1 503 /)
  expect(stage.api.sockets.size).toBe(0)
})
