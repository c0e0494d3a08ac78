import { afterEach, describe, expect, test } from 'vitest'
import type { RawAnswer } from './support/api-server.ts'
import { type Client, versions } from './support/clients.ts'
import { PATIENTLY, PODS, Stage, type StageOptions, WATCH } from './support/stage.ts'

let stack = new AsyncDisposableStack()
afterEach(async () => {
  await stack[Symbol.asyncDispose]()
  stack = new AsyncDisposableStack()
})

const ITEM = `${PODS}/a`

describe.each(versions)('%s', (version) => {
  async function start(options: StageOptions = {}): Promise<{ stage: Stage; client: Client }> {
    const stage = stack.use(await Stage.open(options))
    return { stage, client: await stage.client(version) }
  }

  /** Sends these bytes as soon as a request came, and ends or resets the connection. */
  const sends =
    (text: string, then: 'end' | 'destroy' | 'stay' = 'end'): RawAnswer =>
    (socket) => {
      socket.once('data', () => {
        if (then === 'end') socket.end(text, 'latin1')
        else socket.write(text, 'latin1', () => then === 'destroy' && socket.destroy())
      })
    }

  describe('before the head', () => {
    test.each<[string, RawAnswer]>([
      ['closes', (socket) => socket.once('data', () => socket.end())],
      ['resets', (socket) => socket.once('data', () => socket.destroy())],
      ['speaks no HTTP', sends('SSH-2.0-OpenSSH_9.6\r\n')],
      ['speaks zeroes', sends('\0'.repeat(1000))],
      ['breaks off within the status line', sends('HTTP/1.1 20')],
      ['breaks off within the headers', sends('HTTP/1.1 200 OK\r\nContent-Le')],
      ['sends a status that is none', sends('HTTP/1.1 99999 No\r\n\r\n')],
      [
        'sends two lengths',
        sends('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokk'),
      ],
      ['sends a negative length', sends('HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nok')],
      [
        'switches protocols, which nobody asked for',
        sends('HTTP/1.1 101 Yes\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'),
      ],
      [
        'sends headers without end',
        sends(`HTTP/1.1 200 OK\r\n${`X-Pad: ${'x'.repeat(1000)}\r\n`.repeat(1200)}`, 'stay'),
      ],
    ])('an API server that %s: a Status in words', async (_name, raw) => {
      const { stage, client } = await start({ raw })
      for (const method of ['POST', 'GET']) {
        const path = method === 'POST' ? PODS : ITEM
        const answer = await client.ask({
          method,
          path,
          ...(method === 'POST' ? { body: '{}' } : {}),
        })
        expect(answer.whole).toBe(true)
        expect(answer.status).toBe(503)
        expect(JSON.parse(answer.text)).toMatchObject({
          kind: 'Status',
          code: 503,
          message: expect.stringMatching(/^the connection to the API server .* broke/),
        })
        await stage.expectAudited(path, { outcome: 'failed', error_code: 'UPSTREAM_RESET' })
      }
    })

    test('in the middle of an upload', async () => {
      let sockets = 0
      const { stage, client } = await start({
        raw: (socket) => {
          sockets += 1
          socket.once('data', () => socket.destroy())
        },
      })
      const headers = ['Content-Length', '1000000']
      const call = client.call({ method: 'POST', path: PODS, headers, body: 'open' })
      call.write(Buffer.alloc(100_000))
      expect(await call.answer).toMatchObject({ status: 503, whole: true })
      expect(sockets).toBe(1)
      await stage.expectAudited(PODS, { outcome: 'failed', error_code: 'UPSTREAM_RESET' })
      client.close()
    })

    test('does not accept our own credential: that is not the person who must log in again', async () => {
      const { stage, client } = await start()
      stage.api.answer = (_request, response) => {
        response.statusCode = 401
        response.end('{"kind":"Status","reason":"Unauthorized","code":401}')
      }
      for (const path of [ITEM, WATCH]) {
        const answer = await client.ask({ path })
        expect(answer).toMatchObject({ status: 503, whole: true })
        expect(JSON.parse(answer.text)).toMatchObject({
          message: expect.stringContaining('no valid credentials'),
        })
        await stage.expectAudited(path, {
          outcome: 'failed',
          error_code: 'UPSTREAM_CREDENTIALS',
          response_code: 503,
        })
      }
      const discovery = await client.ask({ path: '/version' })
      expect(discovery).toMatchObject({
        status: 403,
        text: expect.stringContaining('no valid credentials'),
      })
    })

    test('is a proxy before a program that answers 401: that is told as it is', async () => {
      const { stage, client } = await start()
      stage.api.answer = (_request, response) => {
        response.statusCode = 401
        response.end('who are you?')
      }
      const path = `${PODS}/web/proxy/login`
      expect(await client.ask({ path })).toMatchObject({ status: 401, text: 'who are you?' })
      await stage.expectAudited(path, { outcome: 'done', response_code: 401 })
    })

    test('is not there at all', async () => {
      const { stage, client } = await start()
      await stage.api[Symbol.asyncDispose]()
      const answer = await client.ask({ path: WATCH })
      expect(answer.status).toBe(503)
      expect(answer.text).toContain('is offline')
      await stage.expectAudited(PODS, { outcome: 'failed', error_code: 'UPSTREAM_UNREACHABLE' })
    })
  })

  describe('after the head', () => {
    test.each<[string, string, RawAnswer]>([
      [
        'ends early against its Content-Length',
        '',
        sends('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfour'),
      ],
      [
        'resets against its Content-Length',
        '',
        sends('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfour', 'destroy'),
      ],
      [
        'ends within a chunk',
        '',
        sends('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nfour'),
      ],
      [
        'ends without the last chunk',
        '',
        sends('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n'),
      ],
      [
        'sends a chunk that is none',
        '',
        sends('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\nzz\r\n'),
      ],
      [
        'ends within a chunk of a watch',
        '?watch=1',
        sends('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nfour'),
      ],
    ])('an API server that %s: never a whole answer', async (_name, query, raw) => {
      const { stage, client } = await start({ raw })
      const answer = await client.ask({ path: `${PODS}${query}` })
      expect(answer).toMatchObject({ status: 200, whole: false })
      expect('four'.startsWith(answer.text)).toBe(true)
      await stage.expectAudited(PODS, {
        outcome: 'failed',
        error_code: 'UPSTREAM_RESET',
        response_code: 200,
      })
    })

    test('an HTTP/2 API server that resets a watch', async () => {
      const { stage, client } = await start()
      stage.api.answer = (_request, response) => {
        response.write('four')
        if ('stream' in response) setImmediate(() => response.stream.close(2))
      }
      expect(await client.ask({ path: WATCH })).toMatchObject({ status: 200, whole: false })
      await stage.expectAudited(PODS, { outcome: 'failed', error_code: 'UPSTREAM_RESET' })
    })

    test('a watch that breaks between two events ends with one that says so, after which clients go on', async () => {
      const { stage, client } = await start()
      stage.api.answer = (_request, response) => {
        response.setHeader('content-type', 'application/json')
        response.write('{"type":"ADDED","object":{}}\n')
        if ('stream' in response) setTimeout(() => response.stream.close(2), 50)
        else setTimeout(() => response.socket?.destroy(), 50)
      }
      const answer = await client.ask({ path: WATCH })
      expect(answer).toMatchObject({ status: 200, whole: true })
      const [, last] = answer.text.split('\n')
      expect(JSON.parse(last ?? '')).toMatchObject({
        type: 'ERROR',
        object: { kind: 'Status', code: 500, reason: 'InternalError' },
      })
      await stage.expectAudited(PODS, { outcome: 'failed', error_code: 'UPSTREAM_RESET' })
    })

    test('an API server that ends a watch ends it for the client', async () => {
      const { stage, client } = await start()
      stage.api.answer = (_request, response) => response.end('four')
      expect(await client.ask({ path: WATCH })).toMatchObject({ text: 'four', whole: true })
      await stage.expectAudited(PODS, { outcome: 'done', bytes_sent: 4 })
    })
  })

  describe('headers of an answer that HTTP/2 cannot say', () => {
    test.each([
      ['two Dates', 'Date: a\r\nDate: b\r\n'],
      ['two Content-Types', 'Content-Type: a/b\r\nContent-Type: c/d\r\n'],
      [
        'hop-by-hop ones',
        'Connection: x-a, close\r\nX-A: 1\r\nKeep-Alive: timeout=1\r\nTE: gzip\r\nProxy-Connection: close\r\nHTTP2-Settings: AA\r\n',
      ],
      ['bytes above ASCII', 'X-Latin: \u00e9\u00ff\r\n'],
      ['an empty value', 'X-Empty:\r\n'],
      ['two cookies', 'Set-Cookie: a=b\r\nSet-Cookie: c=d\r\n'],
      ['odd names', "__proto__: x\r\nconstructor: y\r\n!#$%&'*+-.^_`|~: z\r\n"],
    ])('%s: the answer comes, whatever its framing', async (_name, lines) => {
      const bodies = [
        'Content-Length: 2\r\n\r\nok',
        'Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
        '\r\nok',
      ]
      let next = 0
      const { stage, client } = await start({
        raw: (socket) => {
          socket.once('data', () => {
            socket.end(`HTTP/1.1 200 OK\r\n${lines}${bodies[next] ?? ''}`, 'latin1')
            next += 1
          })
        },
      })
      for (const index of bodies.keys()) {
        const answer = await client.ask({ path: `${ITEM}${index}` })
        expect(answer).toMatchObject({ status: 200, text: 'ok', whole: true })
        await stage.expectAudited(`${ITEM}${index}`, { outcome: 'done' })
      }
    })
  })

  test('a broken answer leaves other requests of the connection alone', async () => {
    const { stage, client } = await start()
    stage.api.answer = (request, response) => {
      if (request.url === `${ITEM}/log?follow=1`) {
        response.write('four')
        return
      }
      response.setHeader('content-length', '10')
      response.write('four', () => request.socket.destroy())
    }
    const watch = client.call({ path: `${ITEM}/log?follow=1` })
    await expect.poll(() => watch.received(), PATIENTLY).toBe(4)
    expect((await client.ask({ path: ITEM })).whole).toBe(false)
    expect(stage.forwarder.stats().exchanges).toBe(1)
    watch.abort()
  })
})
