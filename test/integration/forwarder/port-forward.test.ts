import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { afterEach, describe, expect, test } from 'vitest'
import type { WebSocket } from 'ws'
import { valuesOf } from './support/api-server.ts'
import {
  type ForwardClient,
  forwardClients,
  forwardServers,
  openForward,
  serveForwards,
  type TestForward,
} from './support/forwards.ts'
import { FORWARD, PATIENTLY, PODS, ROLE, Stage, type StageOptions } from './support/stage.ts'
import { openWebSocket, Refused } from './support/upgrades.ts'

let stack = new AsyncDisposableStack()
afterEach(async () => {
  await stack[Symbol.asyncDispose]()
  stack = new AsyncDisposableStack()
})

const openStage = async (options: StageOptions = {}): Promise<Stage> =>
  stack.use(await Stage.open(options))

const [SPDY, TUNNEL] = forwardClients

/** Says everything again, and ends when the client does. */
const echo = (end: TestForward): void => {
  end.onData = (id, data) => void end.out.write(id, data)
  end.onEnd = (id) => end.done(id)
}

/** A running port-forward: the client's end and the API server's. */
async function running(
  stage: Stage,
  client: ForwardClient = SPDY,
  refusesTunnel: number | null = null,
): Promise<{ end: Awaited<ReturnType<typeof openForward>>; there: TestForward; wire: Duplex }> {
  const serving = Promise.withResolvers<[TestForward, Duplex]>()
  serveForwards(stage, refusesTunnel, (...there) => serving.resolve(there))
  const end = await openForward(stage, client)
  const [there, wire] = await serving.promise
  return { end, there, wire }
}

/** The last `port` event of each connection. */
const portsOf = (stage: Stage): object[] => [
  ...new Map(stage.audit.ports.map((event) => [event.uid, { ...event }])).values(),
]

const pairs = forwardClients.flatMap((client) =>
  forwardServers.map(([name, refuses]) => [client, name, refuses] as const),
)

describe.each(pairs)('a client of %s and %s', (client, _name, refusesTunnel) => {
  test('connections to several ports carry bytes both ways, as they are', async () => {
    const stage = await openStage()
    serveForwards(stage, refusesTunnel, echo)
    const end = await openForward(stage, client)
    const bytes = Buffer.from(Array.from({ length: 150_000 }, (_, at) => (at * 31) & 255))
    for (const [id, port] of [8080, 9090, 8080].entries()) {
      end.out.open(id + 1, port)
      end.out.write(id + 1, bytes)
    }
    for (const id of [1, 2, 3]) {
      await expect.poll(() => end.bytes(id), PATIENTLY).toBe(bytes.length)
      expect(end.text(id)).toBe(bytes.toString('latin1'))
      end.out.end(id)
      await expect.poll(() => end.ended, PATIENTLY).toContain(id)
      await expect.poll(() => end.words.get(id), PATIENTLY).toBe('')
    }
    await expect.poll(() => portsOf(stage).length, PATIENTLY).toBe(3)
    const [listed] = stage.forwarder.sessions.list()
    end.connection.end()
    await stage.expectAudited(FORWARD, {
      outcome: 'done',
      response_code: 101,
      kube_verb: 'portforward',
      bytes_received: bytes.length * 3,
      bytes_sent: bytes.length * 3,
    })
    expect(portsOf(stage)).toMatchObject(
      [8080, 9090, 8080].map((port) => ({
        event: 'port',
        code: 'T3003S',
        sid: listed?.sessionId,
        user: 'alice',
        user_roles: ['dev'],
        kubernetes_cluster: 'west',
        kubernetes_users: ['alice'],
        kubernetes_labels: { env: 'test' },
        kubernetes_pod_namespace: 'team',
        kubernetes_pod_name: 'web',
        addr: `web:${port}`,
        port,
        success: true,
        outcome: 'done',
        bytes_received: bytes.length,
        bytes_sent: bytes.length,
      })),
    )
    const asked = stage.api.of(FORWARD)
    expect(asked.every(({ headers }) => valuesOf(headers, 'impersonate-user')[0] === 'alice')).toBe(
      true,
    )
    expect(asked).toHaveLength(refusesTunnel === null ? 1 : 2)
    await expect.poll(() => stage.api.upgrading.size, PATIENTLY).toBe(0)
  })

  test('each direction ends by itself', async () => {
    const stage = await openStage()
    const { end, there } = await running(stage, client, refusesTunnel)
    end.out.open(1, 80)
    end.out.write(1, Buffer.from('last'))
    end.out.end(1)
    await expect.poll(() => there.ended, PATIENTLY).toEqual([1])
    expect(there.text(1)).toBe('last')
    there.out.write(1, Buffer.from('answer'))
    there.out.end(1)
    await expect.poll(() => end.ended, PATIENTLY).toEqual([1])
    expect(end.text(1)).toBe('answer')
    end.out.open(2, 80)
    await expect.poll(() => there.ports.has(2), PATIENTLY).toBe(true)
    there.out.end(2)
    await expect.poll(() => end.ended, PATIENTLY).toEqual([1, 2])
    end.out.write(2, Buffer.from('still'))
    await expect.poll(() => there.text(2), PATIENTLY).toBe('still')
  })

  test('the words of the node reach the client, and the others go on', async () => {
    const stage = await openStage()
    const { end, there } = await running(stage, client, refusesTunnel)
    end.out.open(1, 9999)
    end.out.open(2, 80)
    await expect.poll(() => there.ports.size, PATIENTLY).toBe(2)
    const words = 'error forwarding port 9999 to pod web: connection refused'
    there.out.tell(1, words)
    there.out.end(1)
    await expect.poll(() => end.words.get(1), PATIENTLY).toBe(words)
    echo(there)
    end.out.write(2, Buffer.from('on'))
    await expect.poll(() => end.text(2), PATIENTLY).toBe('on')
    await expect
      .poll(() => portsOf(stage), PATIENTLY)
      .toContainEqual(
        expect.objectContaining({ code: 'T3003E', port: 9999, success: false, error: words }),
      )
  })

  test('a connection that is broken off at one end is at the other', async () => {
    const stage = await openStage()
    const { end, there } = await running(stage, client, refusesTunnel)
    end.out.open(1, 80)
    end.out.open(2, 80)
    await expect.poll(() => there.ports.size, PATIENTLY).toBe(2)
    end.out.reset(1)
    await expect.poll(() => there.resets, PATIENTLY).toEqual([1])
    there.out.reset(2)
    await expect.poll(() => end.resets, PATIENTLY).toEqual([2])
    await expect
      .poll(() => portsOf(stage), PATIENTLY)
      .toContainEqual(expect.objectContaining({ code: 'T3003E' }))
  })

  test('a slow reader on either side holds back the other, and nothing is lost', async () => {
    const stage = await openStage()
    const { end, there } = await running(stage, client, refusesTunnel)
    end.out.open(1, 80)
    await expect.poll(() => there.ports.size, PATIENTLY).toBe(1)
    for (const [from, to] of [
      [there, end],
      [end, there],
    ] as const) {
      const piece = Buffer.alloc(64 * 1024, 7)
      to.reads = false
      const before = to.bytes(1)
      let sent = 0
      while (sent < 1000 && from.out.write(1, piece)) sent += 1
      from.onDrain = () => {
        while (sent < 1000) {
          sent += 1
          if (!from.out.write(1, piece)) return
        }
      }
      await expect.poll(() => to.bytes(1) - before, PATIENTLY).toBeGreaterThan(0)
      await new Promise((resolve) => setTimeout(resolve, 100))
      expect(sent).toBeLessThan(1000)
      to.reads = true
      to.out.resume()
      // The one that was too much has gone as well.
      await expect.poll(() => to.bytes(1) - before, PATIENTLY).toBe(1001 * piece.length)
      from.onDrain = () => {}
    }
  })

  test('rights that are withdrawn end it, in words where there is a place for them', async () => {
    const stage = await openStage()
    const { end } = await running(stage, client, refusesTunnel)
    end.out.open(1, 80)
    await expect.poll(() => stage.audit.ports.length, PATIENTLY).toBe(1)
    stage.access.lock({ user: 'alice', message: 'incident 42' })
    await end.over.promise
    expect(end.words.get(1)).toContain('incident 42')
    await stage.expectAudited(FORWARD, { outcome: 'aborted', error_code: 'LOCKED' })
    expect(stage.audit.cuts).toHaveLength(1)
    expect(portsOf(stage)).toEqual([
      expect.objectContaining({ code: 'T3003E', error: expect.stringContaining('incident 42') }),
    ])
  })

  test('an API server that vanishes ends it at once', async () => {
    const stage = await openStage()
    const { end, wire } = await running(stage, client, refusesTunnel)
    end.out.open(1, 80)
    await expect.poll(() => stage.audit.ports.length, PATIENTLY).toBe(1)
    wire.destroy()
    await end.over.promise
    expect(end.words.get(1)).not.toBe('')
    await stage.expectAudited(FORWARD, { response_code: 101 })
  })
})

describe('a port-forward', () => {
  test('of a plain WebSocket reaches its ports, which go up as connections', async () => {
    const stage = await openStage()
    const seen = Promise.withResolvers<TestForward>()
    serveForwards(stage, null, (end) => {
      echo(end)
      seen.resolve(end)
    })
    const socket = await openWebSocket(
      await stage.raw(),
      `${FORWARD}?ports=8080,258&x=1`,
      'v4.channel.k8s.io',
    )
    const got = collect(socket)
    await expect.poll(() => got.size, PATIENTLY).toBe(4)
    expect(got.get(0)?.toString('hex')).toBe('901f')
    socket.send(Buffer.concat([Buffer.from([2]), Buffer.from('hello')]))
    await expect.poll(() => got.get(2)?.toString('latin1', 2), PATIENTLY).toBe('hello')
    const there = await seen.promise
    expect([...there.ports.values()]).toEqual([8080, 258])
    there.out.tell(1, 'connection refused')
    await expect.poll(() => got.get(1)?.toString('latin1', 2), PATIENTLY).toBe('connection refused')
    expect(stage.api.of(FORWARD).map(({ target }) => target)).toEqual([`${FORWARD}?x=1`])
    socket.close()
    await stage.expectAudited(FORWARD, { outcome: 'done', bytes_received: 5, bytes_sent: 5 })
  })

  test.each([
    ['', 'v4.channel.k8s.io', 'must name ports'],
    ['?ports=0', 'v4.channel.k8s.io', 'must name ports'],
    ['?ports=1,2,3,4,5,6', 'v4.base64.channel.k8s.io', 'too many'],
    ['?ports=80', 'v3.channel.k8s.io', 'speaks none of the protocols'],
  ])('with %j over %s is refused in words', async (query, protocol, words) => {
    const stage = await openStage()
    const asking = openWebSocket(await stage.raw(), `${FORWARD}${query}`, protocol)
    await expect(asking).rejects.toMatchObject({
      status: 400,
      body: expect.stringContaining(words),
    })
    expect(stage.api.arrived).toEqual([])
    await stage.expectAudited(FORWARD, { outcome: 'denied', response_code: 400 })
  })

  test('that the API server refuses is told so, and its connections are closed', async () => {
    const stage = await openStage()
    stage.api.upgrade = (_asked, socket) => {
      const body = '{"kind":"Status","message":"pods \\"web\\" not found","code":404}'
      socket.write(`HTTP/1.1 404 Not Found\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    }
    for (const client of forwardClients) {
      const refused = await openForward(stage, client).catch((error: unknown) => error)
      expect(refused).toBeInstanceOf(Refused)
      expect(refused).toMatchObject({ status: 404, body: expect.stringContaining('not found') })
      await expect.poll(() => stage.api.upgrading.size, PATIENTLY).toBe(0)
    }
    // Nothing was learnt of that: the tunnel is asked for again.
    expect(stage.api.of(FORWARD).map(({ method }) => method)).toEqual([
      'GET',
      'POST',
      'GET',
      'POST',
    ])
  })

  test('that is refused for our own credential is our failure, not the person’s', async () => {
    const stage = await openStage()
    stage.api.upgrade = (_asked, socket) =>
      socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n')
    const refused = await openForward(stage, SPDY).catch((error: unknown) => error)
    expect(refused).toMatchObject({ status: expect.not.stringContaining('401') })
    await stage.expectAudited(FORWARD, { outcome: 'failed', error_code: 'UPSTREAM_CREDENTIALS' })
  })

  test('remembers for a user of the cluster which servers know no tunnel, once SPDY has succeeded', async () => {
    const stage = await openStage()
    serveForwards(stage, 403, echo)
    for (let round = 0; round < 2; round += 1) {
      const end = await openForward(stage, TUNNEL)
      end.connection.destroy()
      await stage.expectQuiet()
    }
    expect(stage.api.of(FORWARD).map(({ method }) => method)).toEqual(['GET', 'POST', 'POST'])
    stage.access.change({ allow: { ...ROLE.allow, kubernetes_users: ['bob'] } })
    const bob = await openForward(stage, TUNNEL)
    bob.connection.destroy()
    await stage.expectQuiet()
    expect(
      stage.api
        .of(FORWARD)
        .map(({ method }) => method)
        .slice(3),
    ).toEqual(['GET', 'POST'])
  })

  test('has hundreds of connections at once, each with its own bytes', async () => {
    const stage = await openStage()
    serveForwards(stage, null, echo)
    const end = await openForward(stage, TUNNEL)
    for (let id = 1; id <= 500; id += 1) {
      end.out.open(id, 1000 + id)
      end.out.write(id, Buffer.from(`hello ${id}`))
      end.out.end(id)
    }
    await expect.poll(() => end.ended.length, PATIENTLY).toBe(500)
    for (let id = 1; id <= 500; id += 1) expect(end.text(id)).toBe(`hello ${id}`)
    end.connection.end()
    await stage.expectAudited(FORWARD, { outcome: 'done' })
    // Some one by one, the rest in numbers; none is missing.
    const events = portsOf(stage) as { repeated?: number; bytes_received: number }[]
    expect(events.length).toBeLessThan(250)
    expect(events.reduce((sum, { repeated = 1 }) => sum + repeated, 0)).toBe(500)
    const bytes = Array.from({ length: 500 }, (_, at) => `hello ${at + 1}`.length)
    expect(events.reduce((sum, event) => sum + event.bytes_received, 0)).toBe(
      bytes.reduce((sum, each) => sum + each, 0),
    )
  })

  test('that stalls holds up no other one', async () => {
    const stage = await openStage()
    const { end, there } = await running(stage)
    end.out.open(1, 80)
    await expect.poll(() => there.ports.size, PATIENTLY).toBe(1)
    end.connection.pause()
    const piece = Buffer.alloc(64 * 1024)
    for (let sent = 0; sent < 400 && there.out.write(1, piece); ) sent += 1
    serveForwards(stage, null, echo)
    const other = await openForward(stage, TUNNEL)
    other.out.open(1, 80)
    other.out.write(1, Buffer.alloc(1_000_000, 1))
    await expect.poll(() => other.bytes(1), PATIENTLY).toBe(1_000_000)
    // And what the stalled client itself says still arrives.
    end.out.write(1, Buffer.from('hello'))
    await expect.poll(() => there.text(1), PATIENTLY).toBe('hello')
    end.connection.destroy()
  })

  test('whose client says nothing for as long as a role allows ends in words', async () => {
    const stage = await openStage({ limits: { sweepIntervalMs: 20 } })
    stage.access.change({ ...ROLE, options: { client_idle_timeout: '10m' } })
    const { end, there } = await running(stage)
    end.out.open(1, 80)
    await expect.poll(() => there.ports.size, PATIENTLY).toBe(1)
    stage.clock.advance(9 * 60_000)
    end.out.write(1, Buffer.from('still here'))
    await expect.poll(() => there.text(1), PATIENTLY).toBe('still here')
    stage.clock.advance(9 * 60_000)
    // What the pod says is no sign of the person.
    there.out.write(1, Buffer.from('tick'))
    await expect.poll(() => end.text(1), PATIENTLY).toBe('tick')
    expect(end.isOver).toBe(false)
    stage.clock.advance(2 * 60_000)
    await end.over.promise
    expect(end.words.get(1)).toContain('nothing came from you for 10m')
    await stage.expectAudited(FORWARD, { outcome: 'aborted', error_code: 'CLIENT_IDLE' })
  })

  test('whose connections cannot be audited ends, and says why', async () => {
    const stage = await openStage()
    const { end } = await running(stage)
    stage.audit.refusesPorts = true
    end.out.open(1, 80)
    await end.over.promise
    expect(end.words.get(1)).toContain('the audit log cannot be written')
    await stage.expectAudited(FORWARD, { outcome: 'aborted', error_code: 'AUDIT_UNAVAILABLE' })
    stage.log.errors.splice(0)
  })

  test('ends when the client does, whatever stands', async () => {
    const stage = await openStage()
    const { end, there } = await running(stage)
    end.out.open(1, 80)
    await expect.poll(() => there.ports.size, PATIENTLY).toBe(1)
    end.connection.destroy()
    await there.over.promise
    await stage.expectAudited(FORWARD, { outcome: 'done' })
    await expect
      .poll(() => portsOf(stage), PATIENTLY)
      .toEqual([expect.objectContaining({ code: 'T3003S', port: 80 })])
  })

  const POD = (phase: string, uid = 'u1'): object => ({
    metadata: { name: 'web', uid, resourceVersion: '7' },
    status: { phase },
  })

  test.each([
    ['is deleted', { type: 'DELETED', object: POD('Running') }, 'pod "web" is gone'],
    ['has ended', { type: 'MODIFIED', object: POD('Failed') }, 'pod "web" has ended (Failed)'],
    ['is another one', { type: 'ADDED', object: POD('Running', 'u2') }, 'another one has its name'],
  ])('whose pod %s ends at once, in words', async (_what, event, words) => {
    const stage = await openStage()
    const watching = Promise.withResolvers<(event: object) => void>()
    stage.api.answer = (request, response) => {
      if (request.url === `${PODS}/web`) response.end(JSON.stringify(POD('Running')))
      else {
        response.write('')
        watching.resolve((told) => response.write(`${JSON.stringify(told)}\n`))
      }
    }
    const { end } = await running(stage)
    const tell = await watching.promise
    const watch = stage.api.arrived.at(-1)
    expect(watch?.target).toBe(
      `${PODS}?watch=1&fieldSelector=metadata.name%3Dweb&resourceVersion=7`,
    )
    expect(valuesOf(watch?.headers ?? [], 'impersonate-user')).toEqual(['alice'])
    end.out.open(1, 80)
    await expect.poll(() => stage.audit.ports.length, PATIENTLY).toBe(1)
    tell({ type: 'MODIFIED', object: POD('Running') })
    tell({ type: 'BOOKMARK', object: { kind: 'Pod' } })
    end.out.write(1, Buffer.from('still here'))
    expect(end.isOver).toBe(false)
    tell(event)
    await end.over.promise
    expect(end.words.get(1)).toContain(words)
    await stage.expectAudited(FORWARD, { outcome: 'done' })
  })

  test('whose pod the person may not see goes on', async () => {
    const stage = await openStage()
    stage.api.answer = (_request, response) => {
      response.statusCode = 403
      response.end('{}')
    }
    serveForwards(stage, null, echo)
    const end = await openForward(stage, SPDY)
    await expect.poll(() => stage.api.of(`${PODS}/web`).length, PATIENTLY).toBe(1)
    end.out.open(1, 80)
    end.out.write(1, Buffer.from('hello'))
    await expect.poll(() => end.text(1), PATIENTLY).toBe('hello')
  })

  test('watches its pod again when the API server ends a watch, and no longer than it lasts', async () => {
    const stage = await openStage()
    stage.api.answer = (request, response) =>
      void response.end(request.url === `${PODS}/web` ? JSON.stringify(POD('Running')) : '')
    const { end } = await running(stage)
    await expect.poll(() => stage.api.of(PODS).length, PATIENTLY).toBe(2)
    stage.api.answer = (_request, response) => {
      response.statusCode = 404
      response.end('{}')
    }
    await end.over.promise
    await stage.expectQuiet()
  })

  test.each([
    ['GET', 503],
    ['GET', 429],
    ['watch', 500],
    ['watch', 410],
  ])('watches its pod later when the API server answers a %s with %i', async (what, status) => {
    const stage = await openStage()
    let refusals = 0
    stage.api.answer = (request, response) => {
      const isGet = request.url === `${PODS}/web`
      if (refusals === 0 && isGet === (what === 'GET')) {
        refusals += 1
        response.statusCode = status
        response.end('{}')
      } else if (refusals === 0) response.end(JSON.stringify(POD('Running')))
      else {
        response.statusCode = 404
        response.end('{}')
      }
    }
    const { end } = await running(stage)
    await end.over.promise
    expect(refusals).toBe(1)
    await stage.expectQuiet()
  })

  test('of a client that leaves before its protocol begins is over', async () => {
    const stage = await openStage()
    const serving = Promise.withResolvers<void>()
    serveForwards(stage, null, () => serving.resolve())
    const connection = await stage.raw()
    connection.write(
      `POST ${FORWARD} HTTP/1.1\r\nHost: k\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: portforward.k8s.io\r\n\r\n`,
    )
    await serving.promise
    connection.destroy()
    await once(connection, 'close')
    await stage.expectAudited(FORWARD, { response_code: 101 })
  })
})

/** What came on each channel. */
function collect(socket: WebSocket): Map<number, Buffer> {
  const got = new Map<number, Buffer>()
  socket.on('message', (message: Buffer) => {
    const channel = message[0] ?? -1
    got.set(channel, Buffer.concat([got.get(channel) ?? Buffer.alloc(0), message.subarray(1)]))
  })
  socket.resume()
  return got
}
