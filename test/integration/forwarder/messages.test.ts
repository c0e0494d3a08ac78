import { once } from 'node:events'
import { afterEach, describe, expect, test } from 'vitest'
import { valuesOf } from './support/api-server.ts'
import { type Client, versions } from './support/clients.ts'
import { PODS, Stage, type StageOptions } from './support/stage.ts'
import { readAnswers } from './support/wire.ts'

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

  test('HEAD has the headers of the answer and no body', async () => {
    const { stage, client } = await start()
    stage.api.answer = (_request, response) => {
      response.setHeader('content-length', '12345')
      response.end()
    }
    const answer = await client.ask({ method: 'HEAD', path: ITEM })
    expect(answer).toMatchObject({ status: 200, text: '', whole: true })
    expect(answer.headers['content-length']).toBe('12345')
    await stage.expectAudited(ITEM, { outcome: 'done', bytes_sent: 0 })
  })

  test('HEAD of a refusal has no body either', async () => {
    const { stage, client } = await start()
    stage.access.change({})
    const answer = await client.ask({ method: 'HEAD', path: ITEM })
    expect(answer).toMatchObject({ status: 403, text: '', whole: true })
  })

  test.each([
    [200, 'ok'],
    [201, 'ok'],
    [202, ''],
    [204, ''],
    [301, 'ok'],
    [304, ''],
    [404, 'ok'],
    [422, 'ok'],
    [429, 'ok'],
    [500, 'ok'],
    [503, 'ok'],
    [504, ''],
    [529, 'ok'],
    [599, 'ok'],
  ])('an answer of %d comes as it is', async (status, body) => {
    const { stage, client } = await start()
    stage.api.answer = (_request, response) => {
      response.statusCode = status
      response.setHeader('x-from', 'the API server')
      response.end(body)
    }
    for (const path of [ITEM, `${PODS}?watch=1`]) {
      const answer = await client.ask({ path })
      expect(answer).toMatchObject({ status, text: body, whole: true })
      expect(answer.headers['x-from']).toBe('the API server')
      await stage.expectAudited(path, { outcome: 'done', response_code: status })
    }
  })

  test.each([600, 799, 999])(
    'a status of %d, which HTTP does not know, ends no process',
    async (status) => {
      const { stage, client } = await start({
        raw: (socket) =>
          socket.once('data', () =>
            socket.end(`HTTP/1.1 ${status} Odd\r\nContent-Length: 2\r\n\r\nok`),
          ),
      })
      const answer = await client.ask({ path: ITEM })
      expect(answer.status === status ? answer.text : 'ok').toBe('ok')
      expect([status, 0, 502, 503]).toContain(answer.status)
      await stage.expectQuiet()
      // A defect of an API server is told in the log; that is all.
      stage.log.errors.length = 0
    },
  )

  test.each([
    ['103', 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n'],
    ['many', 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(50)],
  ])('interim answers (%s) stay here, the final one comes', async (_name, interim) => {
    const { stage, client } = await start({
      raw: (socket) =>
        socket.once('data', () =>
          socket.write(`${interim}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`),
        ),
    })
    expect(await client.ask({ path: ITEM })).toMatchObject({ status: 200, text: 'ok', whole: true })
    await stage.expectAudited(ITEM, { outcome: 'done', response_code: 200 })
  })

  test('trailers of an answer do not disturb it', async () => {
    const { client } = await start({
      raw: (socket) =>
        socket.once('data', () =>
          socket.write(
            'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n',
          ),
        ),
    })
    expect(await client.ask({ path: ITEM })).toMatchObject({ text: 'ok', whole: true })
  })

  test.each([
    ['a plain answer', ITEM],
    ['a program behind a pod', `${PODS}/web/proxy/`],
  ])('what %s says of its own connection ends here', async (_what, path) => {
    const lines = [
      'HTTP/1.1 200 OK',
      'Connection: X-Hop, keep-alive, X_Other',
      'Keep-Alive: timeout=5',
      'X-Hop: 1',
      'x-other: 2',
      'Proxy-Authenticate: Basic',
      'Alt-Svc: h3=":443"',
      'X-Kept: 3',
      'Content-Length: 2',
    ]
    const { client } = await start({
      raw: (socket) => socket.once('data', () => socket.write(`${lines.join('\r\n')}\r\n\r\nok`)),
    })
    const answer = await client.ask({ path })
    expect(answer).toMatchObject({ status: 200, text: 'ok', whole: true })
    const ours = ['connection', 'keep-alive', 'date']
    const names = Object.keys(answer.headers).filter(
      (name) => !name.startsWith(':') && !ours.includes(name),
    )
    expect(names.sort()).toEqual(['content-length', 'x-kept'])
    expect(String(answer.headers['connection'] ?? '')).not.toMatch(/hop|other/i)
    expect(answer.headers['keep-alive'] ?? '').not.toBe('timeout=5')
  })

  test('Expect: 100-continue', async () => {
    const { stage, client } = await start()
    let body = ''
    stage.api.answer = (request, response) => {
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString()
      })
      request.on('end', () => response.end('ok'))
    }
    const headers = ['Expect', '100-continue', 'Content-Length', '2']
    const answer = await client.ask({ method: 'POST', path: PODS, headers, body: '{}' })
    expect(answer).toMatchObject({ status: 200, text: 'ok', whole: true })
    expect(body).toBe('{}')
    expect(valuesOf(stage.api.arrived[0]?.headers ?? [], 'expect')).toEqual([])
  })

  test.each([
    ['no body and a length of zero', ['Content-Length', '0'], null],
    ['an empty body with a length of zero', ['Content-Length', '0'], ''],
    ['an empty body without a length', [], ''],
    ['a body with its length', ['Content-Length', '7'], 'seven b'],
    ['a body without length', [], 'seven b'],
  ] as const)('%s', async (_name, headers, body) => {
    const { stage, client } = await start()
    stage.api.answer = (request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => response.end(`got ${Buffer.concat(chunks).toString()}`))
    }
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      const path = `${ITEM}-${method.toLowerCase()}`
      const answer = await client.ask({ method, path, headers, body })
      expect(answer).toMatchObject({ status: 200, text: `got ${body ?? ''}`, whole: true })
      await stage.expectAudited(path, { outcome: 'done', bytes_received: (body ?? '').length })
    }
  })

  test('an upload in pieces arrives whole', async () => {
    const { stage, client } = await start()
    let bytes = 0
    stage.api.answer = (request, response) => {
      request.on('data', (chunk: Buffer) => {
        bytes += chunk.length
      })
      request.on('end', () => response.end('ok'))
    }
    const call = client.call({ method: 'POST', path: PODS, body: 'open' })
    for (let index = 0; index < 100; index += 1) call.write(Buffer.alloc(10_001))
    call.end()
    expect(await call.answer).toMatchObject({ text: 'ok', whole: true })
    expect(bytes).toBe(1_000_100)
    await stage.expectAudited(PODS, { outcome: 'done', bytes_received: 1_000_100 })
  })

  test('an answer before the end of the upload comes whole, and nothing stays open', async () => {
    const { stage, client } = await start()
    stage.api.answer = (_request, response) => {
      response.statusCode = 413
      response.setHeader('connection', 'close')
      response.end('too much')
    }
    const call = client.call({ method: 'POST', path: PODS, body: 'open' })
    call.write(Buffer.alloc(300_000))
    expect(await call.answer).toMatchObject({ status: 413, text: 'too much', whole: true })
    await stage.expectAudited(PODS, { outcome: 'done', response_code: 413 })
    await stage.expectQuiet()
    expect(await client.ask({ path: ITEM })).toMatchObject({ whole: true })
  })

  test('100 KB of headers in both directions', async () => {
    const { stage, client } = await start()
    stage.api.answer = (request, response) => {
      response.setHeader('x-large', valuesOf(request.rawHeaders, 'x-large'))
      response.end('ok')
    }
    const headers = Array.from({ length: 50 }, () => ['X-Large', 'x'.repeat(2000)]).flat()
    const answer = await client.ask({ path: ITEM, headers })
    expect(answer).toMatchObject({ status: 200, text: 'ok', whole: true })
    expect(String(answer.headers['x-large']).replaceAll(/[, ]/g, '').length).toBe(100_000)
  })

  test('every request goes up as the person, and with our credential', async () => {
    const { stage, client } = await start()
    const headers = ['Authorization', 'Bearer mine', 'Cookie', 'a=b', 'X-Remote-User', 'root']
    for (const path of [ITEM, `${PODS}?watch=1`]) {
      expect((await client.ask({ path, headers })).text).toBe('ok')
    }
    expect(stage.api.arrived.map(({ version: spoken }) => spoken)).toEqual(['1.1', '2.0'])
    for (const { headers: arrived } of stage.api.arrived) {
      expect(valuesOf(arrived, 'impersonate-user')).toEqual(['alice'])
      expect(valuesOf(arrived, 'impersonate-group')).toEqual(['team', 'system:authenticated'])
      expect(valuesOf(arrived, 'authorization')).toEqual(['Bearer service'])
      expect(valuesOf(arrived, 'cookie')).toEqual([])
      expect(valuesOf(arrived, 'x-remote-user')).toEqual([])
    }
  })
})

describe('HTTP/1.1 by hand', () => {
  test.each(['100-continue', 'the-impossible'])(
    'whoever expects %s is answered like everybody else, and audited',
    async (expectation) => {
      const stage = stack.use(await Stage.open())
      const socket = await stage.raw()
      let text = ''
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString()
      })
      const head = `POST ${PODS} HTTP/1.1\r\nHost: k\r\nExpect: ${expectation}\r\n`
      socket.write(`${head}Content-Length: 2\r\nConnection: close\r\n\r\n{}`)
      await once(socket, 'end')
      const last = text.replace('HTTP/1.1 100 Continue\r\n\r\n', '')
      expect(readAnswers(Buffer.from(last)).answers).toMatchObject([{ status: 200 }])
      expect(valuesOf(stage.api.arrived[0]?.headers ?? [], 'expect')).toEqual([])
      await stage.expectAudited(PODS, { outcome: 'done', user: 'alice', bytes_received: 2 })
    },
  )

  /** What comes back until our side ends or is silent after so many answers. */
  async function talk(text: string, answers: number): Promise<ReturnType<typeof readAnswers>> {
    const stage = stack.use(await Stage.open())
    const socket = await stage.raw()
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.write(text, 'latin1')
    await expect
      .poll(() => readAnswers(Buffer.concat(chunks)).answers.length, { timeout: 20_000 })
      .toBe(answers)
    return readAnswers(Buffer.concat(chunks))
  }

  test('a chunked upload with extensions and trailers', async () => {
    const { answers } = await talk(
      `POST ${PODS} HTTP/1.1\r\nHost: k\r\nTransfer-Encoding: chunked\r\nTrailer: Impersonate-User\r\n\r\n` +
        '2;x=y\r\n{}\r\n0\r\nImpersonate-User: root\r\n\r\n',
      1,
    )
    expect(answers).toMatchObject([{ status: 200, text: 'ok' }])
  })

  test('pipelined requests are answered in order', async () => {
    const request = (name: string): string => `GET ${PODS}/${name} HTTP/1.1\r\nHost: k\r\n\r\n`
    const { answers } = await talk(request('a') + request('b') + request('c'), 3)
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
  })

  test('an interim 100 is sent to who waits for it', async () => {
    const stage = stack.use(await Stage.open())
    const socket = await stage.raw()
    socket.write(
      `POST ${PODS} HTTP/1.1\r\nHost: k\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n`,
    )
    const [interim] = (await once(socket, 'data')) as [Buffer]
    expect(interim.toString()).toBe('HTTP/1.1 100 Continue\r\n\r\n')
    socket.write('{}')
    const [answer] = (await once(socket, 'data')) as [Buffer]
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 /)
  })

  test('an answer is never mixed with the refusal of what was sent behind its request', async () => {
    const stage = stack.use(await Stage.open())
    stage.api.answer = (_request, response) => {
      response.setHeader('content-length', '1000')
      response.write('a'.repeat(500))
    }
    const socket = await stage.raw()
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.write(`GET ${ITEM} HTTP/1.1\r\nHost: k\r\n\r\n`)
    await expect.poll(() => Buffer.concat(chunks).includes('aaa')).toBe(true)
    socket.write('this is no HTTP\r\n\r\n')
    await once(socket, 'end')
    expect(
      Buffer.concat(chunks)
        .toString()
        .match(/HTTP\/1\.1 /g),
    ).toHaveLength(1)
    await stage.expectAudited(ITEM, { outcome: 'aborted' })
  })
})
