import { once } from 'node:events'
import { afterEach, describe, expect, test } from 'vitest'
import type { RoleSpec } from '../../support/roles.ts'
import type { ApiRequest, ApiResponse } from './support/api-server.ts'
import { type Call, type Client, versions } from './support/clients.ts'
import {
  type ClientKind,
  openCommand,
  serveCommands,
  serverKinds,
  type TestEnd,
} from './support/commands.ts'
import { EXEC, PATIENTLY, PODS, PROXIED, ROLE, Stage, WATCH } from './support/stage.ts'

let stack = new AsyncDisposableStack()
afterEach(async () => {
  await stack[Symbol.asyncDispose]()
  stack = new AsyncDisposableStack()
})

const MINUTE_MS = 60_000
const LOG = `${PODS}/web/log`
const FOLLOW = `${LOG}?follow=1`
const LINE = '{"type":"ADDED"}\n'
const WORDS = 'you are locked out: incident 42'
const LOCK = { user: 'alice', message: 'incident 42' }

const withOptions = (options: object): RoleSpec => ({ ...ROLE, options })
const openStage = (): Promise<Stage> =>
  Stage.open({ limits: { sweepIntervalMs: 5 } }).then((stage) => stack.use(stage))

/** Answers as API servers do, and keeps the answer open: the line feed of an event is its end. */
const endless =
  (first = LINE, headers: Record<string, string> = { 'content-type': 'application/json' }) =>
  (_request: ApiRequest, response: ApiResponse): void => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
    response.write(first)
  }

async function underway(client: Client, path: string): Promise<Call> {
  const call = client.call({ path })
  await expect.poll(() => call.received(), PATIENTLY).toBeGreaterThan(0)
  return call
}

/** The last line of a watch that was ended with words. */
const lastEvent = (text: string): unknown => JSON.parse(text.trimEnd().split('\n').at(-1) ?? '')

const told = (reason: string, message: string): object => ({
  type: 'ERROR',
  object: expect.objectContaining({ kind: 'Status', status: 'Failure', reason, message }),
})

describe.each(versions)('%s', (version) => {
  async function start(spec: RoleSpec = ROLE): Promise<{ stage: Stage; client: Client }> {
    const stage = await openStage()
    stage.access.change(spec)
    stage.api.answer = endless()
    return { stage, client: await stage.client(version) }
  }

  describe('a lock', () => {
    test.each([
      ['the user', LOCK],
      ['a role of the certificate', { role: 'dev', message: 'incident 42' }],
      ['the user with a role', { ...LOCK, role: 'dev' }],
    ])(
      'on %s ends a watch at once, with its message, and the audit log says why',
      async (_whom, lock) => {
        const { stage, client } = await start()
        const call = await underway(client, WATCH)
        stage.access.lock(lock)
        const answer = await call.answer
        expect(answer).toMatchObject({ status: 200, whole: true })
        expect(lastEvent(answer.text)).toEqual(told('Forbidden', WORDS))
        await stage.expectAudited(PODS, { outcome: 'aborted', error_code: 'LOCKED' })
        const [request] = stage.audit.of(PODS)
        expect(stage.audit.cuts).toEqual([
          expect.objectContaining({
            event: 'client.disconnect',
            code: 'T3006I',
            user: 'alice',
            kubernetes_cluster: 'west',
            reason: WORDS,
            error_code: 'LOCKED',
            decided_by: 'lock "l1"',
            request_uid: request?.uid,
          }),
        ])
      },
    )

    test.each([
      ['somebody else', { user: 'bob' }],
      ['a role that she does not have', { role: 'ops' }],
      ['her with a role that she does not have', { user: 'alice', role: 'ops' }],
    ])('on %s leaves a watch alone', async (_whom, lock) => {
      const { stage, client } = await start()
      const write: (() => void)[] = []
      stage.api.answer = (request, response) => {
        endless()(request, response)
        write.push(() => void response.write(LINE))
      }
      const call = await underway(client, WATCH)
      stage.access.lock(lock)
      write[0]?.()
      await expect.poll(() => call.received(), PATIENTLY).toBe(2 * LINE.length)
      expect(stage.audit.cuts).toEqual([])
    })

    test('breaks what is no watch: its client must not take it for whole', async () => {
      const { stage, client } = await start()
      const call = await underway(client, FOLLOW)
      stage.access.lock(LOCK)
      expect(await call.answer).toMatchObject({ status: 200, whole: false, text: LINE })
      await stage.expectAudited(LOG, { outcome: 'aborted', error_code: 'LOCKED' })
    })

    test.each<[string, string, Record<string, string>]>([
      ['in the middle of an event', '{"type":', { 'content-type': 'application/json' }],
      [
        'that is not JSON',
        LINE,
        { 'content-type': 'application/vnd.kubernetes.protobuf;stream=watch' },
      ],
      [
        'that is compressed',
        LINE,
        { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      ],
      ['of no type', LINE, {}],
    ])('adds no words to a watch %s', async (_what, first, headers) => {
      const { stage, client } = await start()
      stage.api.answer = endless(first, headers)
      const call = await underway(client, WATCH)
      stage.access.lock(LOCK)
      const answer = await call.answer
      expect(answer.whole).toBe(false)
      expect(answer.text).not.toContain('ERROR')
    })

    test('ends a watch whose client does not read', async () => {
      const { stage, client } = await start()
      let poured = 0
      stage.api.answer = (request, response) => {
        endless()(request, response)
        const pour = (): void => {
          poured += 1
          while (response.write(LINE.repeat(1000))) poured += 1
        }
        response.on('drain', pour)
        pour()
      }
      const call = client.call({ path: WATCH })
      call.pause()
      await call.head
      let before = 0
      await expect
        .poll(
          () => {
            const stalled = poured === before && poured > 0
            before = poured
            return stalled
          },
          { timeout: 20_000, interval: 100 },
        )
        .toBe(true)
      stage.access.lock(LOCK)
      await stage.expectQuiet()
      await stage.expectAudited(PODS, { outcome: 'aborted', error_code: 'LOCKED' })
      call.resume()
      expect((await call.answer).whole).toBe(false)
    })

    test('is told to who waits for an answer, and to whoever comes', async () => {
      const { stage, client } = await start()
      stage.api.answer = () => {}
      const waiting = client.call({ path: `${PODS}/a` })
      await expect.poll(() => stage.api.arrived.length, PATIENTLY).toBe(1)
      stage.access.lock(LOCK)
      for (const answer of [await waiting.answer, await client.ask({ path: `${PODS}/b` })]) {
        expect(answer).toMatchObject({ status: 403, whole: true })
        expect(JSON.parse(answer.text)).toMatchObject({ reason: 'Forbidden', message: WORDS })
      }
      const discovery = await client.ask({ path: '/api' })
      expect(discovery).toMatchObject({ status: 403, text: WORDS })
      expect(discovery.headers['content-type']).toMatch(/^text\/plain/)
      await stage.expectAudited(`${PODS}/b`, {
        outcome: 'denied',
        error_code: 'LOCKED',
        decided_by: 'lock "l1"',
      })
      expect(stage.api.arrived).toHaveLength(1)
      // Short requests are no streams.
      expect(stage.audit.cuts).toEqual([])
    })

    test('whose time is over locks nobody out, without anybody doing anything', async () => {
      const { stage, client } = await start()
      stage.api.answer = (_request, response) => void response.end('ok')
      stage.access.lock({ ...LOCK, expiresAtMs: stage.clock.now() + 10 * MINUTE_MS })
      expect((await client.ask({ path: `${PODS}/a` })).status).toBe(403)
      stage.clock.advance(10 * MINUTE_MS)
      expect(await client.ask({ path: `${PODS}/a` })).toMatchObject({ status: 200, text: 'ok' })
    })

    test('that comes while a mutation is audited keeps it from going up', async () => {
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
      stage.access.lock(LOCK)
      written.resolve()
      expect((await call.answer).status).toBe(403)
      expect(stage.api.arrived).toEqual([])
    })
  })

  describe('lock: strict', () => {
    const AGE_MS = 5 * MINUTE_MS

    test('refuses and ends streams when what is known of locks is too old', async () => {
      const { stage, client } = await start(withOptions({ lock: 'strict' }))
      stage.access.locksAge = AGE_MS
      const call = await underway(client, WATCH)
      stage.access.locksAge = AGE_MS + 1
      expect(lastEvent((await call.answer).text)).toEqual(
        told('ServiceUnavailable', expect.stringContaining('not known') as unknown as string),
      )
      expect((await client.ask({ path: `${PODS}/a` })).status).toBe(503)
      await stage.expectAudited(`${PODS}/a`, {
        error_code: 'LOCKS_STALE',
        decided_by: 'role "dev" options.lock',
      })
      stage.access.locksAge = 0
      stage.api.answer = (_request, response) => void response.end('ok')
      expect((await client.ask({ path: `${PODS}/b` })).status).toBe(200)
    })

    test('is not the default: what was known of locks holds on', async () => {
      const { stage, client } = await start()
      stage.access.locksAge = Number.POSITIVE_INFINITY
      const call = await underway(client, WATCH)
      stage.access.lock(LOCK)
      expect(lastEvent((await call.answer).text)).toEqual(told('Forbidden', WORDS))
    })
  })

  describe('disconnect_expired_cert', () => {
    const HOURS_MS = 2 * 60 * MINUTE_MS

    test('ends a watch when the certificate expires, with words', async () => {
      const { stage, client } = await start(withOptions({ disconnect_expired_cert: true }))
      const call = await underway(client, WATCH)
      stage.clock.advance(HOURS_MS)
      const answer = await call.answer
      expect(answer.whole).toBe(true)
      expect(lastEvent(answer.text)).toEqual(
        told(
          'Unauthorized',
          expect.stringMatching(/expired at .*: log in again/) as unknown as string,
        ),
      )
      await stage.expectAudited(PODS, { outcome: 'aborted', error_code: 'CERT_EXPIRED' })
      expect(stage.audit.cuts).toMatchObject([
        { error_code: 'CERT_EXPIRED', decided_by: 'role "dev" options.disconnect_expired_cert' },
      ])
    })

    test('breaks followed logs', async () => {
      const { stage, client } = await start(withOptions({ disconnect_expired_cert: true }))
      const call = await underway(client, FOLLOW)
      stage.clock.advance(HOURS_MS)
      expect(await call.answer).toMatchObject({ whole: false, text: LINE })
    })

    test('ends what outlived its certificate when a role begins to say so', async () => {
      const { stage, client } = await start()
      const call = await underway(client, WATCH)
      stage.clock.advance(HOURS_MS)
      stage.access.change(withOptions({ disconnect_expired_cert: true }))
      expect(lastEvent((await call.answer).text)).toMatchObject({ type: 'ERROR' })
    })
  })

  describe('client_idle_timeout', () => {
    const IDLE = withOptions({ client_idle_timeout: '10m' })

    test('ends a watch whole, so that its client goes on from where it was', async () => {
      const { stage, client } = await start(IDLE)
      const call = await underway(client, WATCH)
      stage.clock.advance(10 * MINUTE_MS)
      expect(await call.answer).toMatchObject({ status: 200, whole: true, text: LINE })
      await stage.expectAudited(PODS, { outcome: 'aborted', error_code: 'CLIENT_IDLE' })
      expect(stage.audit.cuts).toMatchObject([
        { error_code: 'CLIENT_IDLE', decided_by: 'role "dev" options.client_idle_timeout' },
      ])
    })

    test('breaks followed logs, and leaves short requests their time', async () => {
      const { stage, client } = await start(IDLE)
      const logs = await underway(client, FOLLOW)
      const answers: ApiResponse[] = []
      stage.api.answer = (_request, response) => void answers.push(response)
      const slow = client.call({ path: `${PODS}/a` })
      await expect.poll(() => answers.length, PATIENTLY).toBe(1)
      stage.clock.advance(11 * MINUTE_MS)
      expect(await logs.answer).toMatchObject({ whole: false, text: LINE })
      answers[0]?.end('late')
      expect(await slow.answer).toMatchObject({ status: 200, text: 'late' })
    })

    test('counts what the client sends on the stream, and nothing else', async () => {
      const { stage, client } = await start(IDLE)
      let got = 0
      stage.api.answer = (request, response) => {
        request.on('data', (chunk: Buffer) => {
          got += chunk.length
        })
        endless()(request, response)
      }
      const path = '/api/v1/namespaces/team/services/web/proxy/'
      const busy = client.call({ method: 'POST', path: `${path}busy`, body: 'open' })
      const idle = client.call({ method: 'POST', path: `${path}idle`, body: 'open' })
      busy.write('here')
      idle.write('here')
      await Promise.all([busy.head, idle.head])
      await expect.poll(() => got, PATIENTLY).toBe(8)
      stage.clock.advance(9 * MINUTE_MS)
      busy.write('still here')
      await expect.poll(() => got, PATIENTLY).toBe(18)
      stage.clock.advance(2 * MINUTE_MS)
      expect((await idle.answer).whole).toBe(false)
      busy.write('and here')
      await expect.poll(() => got, PATIENTLY).toBe(26)
      busy.abort()
    })
  })

  describe('pin_source_ip', () => {
    const PINS = withOptions({ pin_source_ip: true })

    test.each([
      [null, 403, 'ADDRESS_NOT_PINNED'],
      ['10.9.8.7', 403, 'ADDRESS_PINNED'],
      ['127.0.0.1', 200, undefined],
      ['::ffff:127.0.0.1', 200, undefined],
    ])('with a certificate for %s is %i', async (pinnedAddress, status, code) => {
      const { stage } = await start(PINS)
      stage.api.answer = (_request, response) => void response.end('ok')
      const { users } = stage.authorities
      const client = await stage.client(version, await users.certify('alice', { pinnedAddress }))
      const answer = await client.ask({ path: `${PODS}/a` })
      expect(answer.status).toBe(status)
      if (code === undefined) return
      expect(JSON.parse(answer.text)).toMatchObject({ reason: 'Forbidden' })
      await stage.expectAudited(`${PODS}/a`, { outcome: 'denied', error_code: code })
      expect(stage.api.arrived).toEqual([])
    })

    test('ends what goes on when a role begins to say so', async () => {
      const { stage, client } = await start()
      const call = await underway(client, WATCH)
      stage.access.change(PINS)
      expect(lastEvent((await call.answer).text)).toEqual(
        told('Forbidden', expect.stringContaining('--pin-address') as unknown as string),
      )
      await stage.expectAudited(PODS, { error_code: 'ADDRESS_NOT_PINNED' })
    })
  })
})

const PING = Buffer.from('800300060000000400000001', 'hex')

describe('an upgrade', () => {
  const ASKING = 'Host: k\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1'
  const DATA = Buffer.from('00000005000000036c730a', 'hex')

  /** A running stream: what the client wrote arrives in `got`. */
  async function forwarding(
    stage: Stage,
  ): Promise<{ send(bytes: Buffer): Promise<void>; ended: Promise<unknown> }> {
    let got = 0
    stage.api.upgrade = (_request, socket, head) => {
      got += head.length
      socket.on('data', (chunk: Buffer) => {
        got += chunk.length
      })
      socket.write('HTTP/1.1 101 Yes\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n')
    }
    const socket = await stage.raw()
    socket.write(`POST ${PROXIED} HTTP/1.1\r\n${ASKING}\r\n\r\n`)
    await once(socket, 'data')
    return {
      async send(bytes) {
        const wanted = got + bytes.length
        socket.write(bytes)
        await expect.poll(() => got, PATIENTLY).toBe(wanted)
      },
      ended: once(socket.resume(), 'end'),
    }
  }

  test('is cut by a lock', async () => {
    const stage = await openStage()
    const { ended } = await forwarding(stage)
    stage.access.lock(LOCK)
    await ended
    await stage.expectAudited(PROXIED, { outcome: 'aborted', error_code: 'LOCKED' })
    expect(stage.audit.cuts).toMatchObject([{ reason: WORDS, decided_by: 'lock "l1"' }])
  })

  test('that waits for the API server is told of a lock', async () => {
    const stage = await openStage()
    stage.api.upgrade = () => {}
    const socket = await stage.raw()
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.write(`POST ${PROXIED} HTTP/1.1\r\n${ASKING}\r\n\r\n`)
    await expect.poll(() => stage.api.arrived.length, PATIENTLY).toBe(1)
    stage.access.lock(LOCK)
    await once(socket, 'end')
    const text = Buffer.concat(chunks).toString()
    expect(text).toMatch(/^HTTP\/1\.1 403 /)
    expect(text).toContain(WORDS)
    await stage.expectAudited(PROXIED, { error_code: 'LOCKED' })
  })

  test('is cut when its certificate expires, where a role says so', async () => {
    const stage = await openStage()
    stage.access.change(withOptions({ disconnect_expired_cert: true }))
    const { ended } = await forwarding(stage)
    stage.clock.advance(120 * MINUTE_MS)
    await ended
    await stage.expectAudited(PROXIED, { outcome: 'aborted', error_code: 'CERT_EXPIRED' })
  })

  test('is cut when nobody is at the other end, whatever his program sends', async () => {
    const stage = await openStage()
    stage.access.change(withOptions({ client_idle_timeout: '10m' }))
    const busy = await forwarding(stage)
    const idle = await forwarding(stage)
    stage.clock.advance(9 * MINUTE_MS)
    await busy.send(DATA)
    await idle.send(PING)
    stage.clock.advance(2 * MINUTE_MS)
    await idle.ended
    await expect.poll(() => stage.forwarder.stats().exchanges, PATIENTLY).toBe(1)
    await busy.send(DATA)
    expect(stage.audit.cuts).toMatchObject([{ error_code: 'CLIENT_IDLE' }])
  })

  test('is cut by what its role began to say in the middle of it', async () => {
    const stage = await openStage()
    const { ended, send } = await forwarding(stage)
    await send(Buffer.concat([PING, DATA.subarray(0, 9)]))
    stage.access.change(withOptions({ client_idle_timeout: '10m' }))
    await send(DATA.subarray(9))
    stage.clock.advance(11 * MINUTE_MS)
    await ended
    await stage.expectAudited(PROXIED, { outcome: 'aborted', error_code: 'CLIENT_IDLE' })
  })
})

describe('a command', () => {
  const served = async (
    spec: RoleSpec,
    kind: ClientKind = 'v5.channel.k8s.io',
  ): Promise<{ stage: Stage; client: Awaited<ReturnType<typeof openCommand>>; there: TestEnd }> => {
    const stage = await openStage()
    stage.access.change(spec)
    const serving = Promise.withResolvers<TestEnd>()
    const [today] = serverKinds
    if (today === undefined) throw new Error('no server')
    serveCommands(stage, today, (end) => serving.resolve(end))
    const client = await openCommand(stage, kind)
    return { stage, client, there: await serving.promise }
  }
  const lastStatus = (client: TestEnd): unknown => JSON.parse(client.statuses.at(-1) ?? '')

  test('is cut when its certificate expires, where a role says so', async () => {
    const { stage, client } = await served(withOptions({ disconnect_expired_cert: true }))
    stage.clock.advance(120 * MINUTE_MS)
    await client.over.promise
    expect(lastStatus(client)).toMatchObject({ status: 'Failure', reason: 'Unauthorized' })
    await stage.expectAudited(EXEC, { outcome: 'aborted', error_code: 'CERT_EXPIRED' })
  })

  test.each<ClientKind>(['SPDY/3.1', 'v5.channel.k8s.io'])(
    'over %s is cut when nobody is at the other end, whatever is put out or keeps the connection alive',
    async (kind) => {
      const { stage, client, there } = await served(
        withOptions({ client_idle_timeout: '10m' }),
        kind,
      )
      stage.clock.advance(9 * MINUTE_MS)
      client.out.write('stdin', Buffer.from('x'))
      await expect.poll(() => there.text('stdin'), PATIENTLY).toBe('x')
      stage.clock.advance(9 * MINUTE_MS)
      there.out.write('stdout', Buffer.from('still going'))
      await expect.poll(() => client.text('stdout'), PATIENTLY).toBe('still going')
      if (kind === 'SPDY/3.1') client.connection.write(PING)
      else client.connection.write(Buffer.from([0x89, 0x80, 0, 0, 0, 0]))
      expect(client.isOver).toBe(false)
      stage.clock.advance(2 * MINUTE_MS)
      await client.over.promise
      expect(lastStatus(client)).toMatchObject({ status: 'Failure', reason: 'Timeout' })
      await stage.expectAudited(EXEC, { outcome: 'aborted', error_code: 'CLIENT_IDLE' })
    },
  )
})
