import { describe, expect, test } from 'vitest'
import { type Client, type Version, versions } from './support/clients.ts'
import { PATIENTLY, PODS, Stage, WATCH } from './support/stage.ts'

/** How a client leaves. */
const departures = {
  'gives the request up': (_client: Client, call: { abort(): void }) => call.abort(),
  'ends its connection with a FIN': (client: Client) => client.fin(),
  'vanishes with its connection': (client: Client) => client.close(),
} as const
type Departure = keyof typeof departures

const cases: (readonly [Version, Departure])[] = versions.flatMap((version) =>
  (Object.keys(departures) as Departure[]).map((departure) => [version, departure] as const),
)

/** The API server's side of requests: how many go on there. */
function openAt(stage: Stage): () => number {
  let open = 0
  const { answer } = stage.api
  stage.api.answer = (request, response) => {
    open += 1
    response.on('close', () => {
      open -= 1
    })
    answer(request, response)
  }
  return () => open
}

describe.each(cases)('a client of %s that %s', (version, departure) => {
  test('while it waits for an answer', async () => {
    await using stage = await Stage.open()
    stage.api.answer = () => {}
    const open = openAt(stage)
    const client = await stage.client(version)
    const call = client.call({ path: `${PODS}/a` })
    await expect.poll(open, PATIENTLY).toBe(1)
    expect(stage.forwarder.stats().exchanges).toBe(1)
    departures[departure](client, call)
    expect(await call.answer).toMatchObject({ status: 0, whole: false })
    await stage.expectAudited(`${PODS}/a`, { outcome: 'aborted', error_code: 'ABORTED' })
    await stage.expectQuiet()
    await expect.poll(open, PATIENTLY).toBe(0)
  })

  test('in the middle of its upload', async () => {
    await using stage = await Stage.open()
    let ended = false
    let arrived = 0
    stage.api.answer = (request) => {
      request.on('data', (chunk: Buffer) => {
        arrived += chunk.length
      })
      request.on('end', () => {
        ended = true
      })
    }
    const open = openAt(stage)
    const client = await stage.client(version)
    const headers = ['Content-Length', '100000']
    const call = client.call({ method: 'POST', path: PODS, headers, body: 'open' })
    call.write(Buffer.alloc(50_000))
    await expect.poll(() => arrived, PATIENTLY).toBe(50_000)
    departures[departure](client, call)
    // HTTP/1.1 knows a request that ends too early: whoever ended it with a FIN still reads the 400.
    expect([0, 400]).toContain((await call.answer).status)
    await stage.expectAudited(PODS, { outcome: 'aborted', bytes_received: 50_000 })
    await stage.expectQuiet()
    await expect.poll(open, PATIENTLY).toBe(0)
    expect(ended).toBe(false)
  })

  test('in the middle of an answer', async () => {
    await using stage = await Stage.open()
    stage.api.answer = (_request, response) => {
      response.setHeader('content-length', '100000')
      response.write(Buffer.alloc(50_000))
    }
    const open = openAt(stage)
    const client = await stage.client(version)
    const call = client.call({ path: `${PODS}/a` })
    await expect.poll(() => call.received(), PATIENTLY).toBe(50_000)
    departures[departure](client, call)
    expect(await call.answer).toMatchObject({ status: 200, whole: false })
    await stage.expectAudited(`${PODS}/a`, {
      outcome: 'aborted',
      response_code: 200,
      bytes_sent: 50_000,
    })
    await stage.expectQuiet()
    await expect.poll(open, PATIENTLY).toBe(0)
  })

  test('on a watch', async () => {
    await using stage = await Stage.open()
    stage.api.answer = (_request, response) => void response.write('{"type":"ADDED"}\n')
    const open = openAt(stage)
    const client = await stage.client(version)
    const call = client.call({ path: WATCH })
    await expect.poll(() => call.received(), PATIENTLY).toBe(17)
    expect(stage.api.of(PODS)[0]?.version).toBe('2.0')
    departures[departure](client, call)
    await stage.expectAudited(PODS, { outcome: 'aborted', kube_verb: 'watch', bytes_sent: 17 })
    await stage.expectQuiet()
    await expect.poll(open, PATIENTLY).toBe(0)
  })

  test('while its request is being audited', async () => {
    await using stage = await Stage.open()
    const written = Promise.withResolvers<void>()
    let waiting = 0
    stage.audit.hold = ({ outcome }) => {
      if (outcome !== 'started') return null
      waiting += 1
      return written.promise
    }
    const client = await stage.client(version)
    const call = client.call({ method: 'POST', path: PODS, body: '{}' })
    await expect.poll(() => waiting, PATIENTLY).toBe(1)
    departures[departure](client, call)
    await call.answer
    if (version === 'HTTP/1.1') await expect.poll(() => stage.sockets.size, PATIENTLY).toBe(0)
    // What the client did arrives in order: once a later request is there, so is the goodbye.
    else if (departure === 'gives the request up') await client.ask({ path: `${PODS}/later` })
    else await expect.poll(() => stage.sockets.size, PATIENTLY).toBe(0)
    written.resolve()
    await stage.expectAudited(PODS, { outcome: 'aborted', error_code: 'ABORTED' })
    expect(stage.api.of(PODS)).toEqual([])
  })
})

describe.each(versions)('%s', (version) => {
  test('a client that has left does not disturb the next', async () => {
    await using stage = await Stage.open()
    const { answer } = stage.api
    stage.api.answer = (request, response) => {
      if (request.url !== `${PODS}/slow`) answer(request, response)
    }
    const client = await stage.client(version)
    const slow = client.call({ path: `${PODS}/slow` })
    await expect.poll(() => stage.api.of(`${PODS}/slow`).length, PATIENTLY).toBe(1)
    slow.abort()
    await slow.answer
    expect(await client.ask({ path: `${PODS}/a` })).toMatchObject({ text: 'ok', whole: true })
    await stage.expectAudited(`${PODS}/slow`, { outcome: 'aborted' })
  })
})
