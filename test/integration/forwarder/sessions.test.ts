import { afterEach, describe, expect, test } from 'vitest'
import type {
  LiveSession,
  PodFacts,
  RecordingPolicy,
  RecordOptions,
  SessionRecord,
  SessionRecorder,
} from '../../../src/forwarder/index.ts'
import type { SessionFacts } from '../../../src/recording/index.ts'
import {
  ALL,
  exitStatus,
  openCommand,
  refusing,
  type ServerKind,
  SUCCESS,
  serveCommands,
  serverKinds,
  type TestEnd,
  TTY,
} from './support/commands.ts'
import { EXEC, PATIENTLY, PODS, ROLE, Stage, type StageOptions } from './support/stage.ts'

let stack = new AsyncDisposableStack()
afterEach(async () => {
  await stack[Symbol.asyncDispose]()
  stack = new AsyncDisposableStack()
})

const ATTACH = `${PODS}/web/attach`
const COMMAND = `${ALL}&container=app&command=sh&command=-c&command=exit+7`
const POD: PodFacts = {
  node: 'node-1',
  images: new Map([
    ['app', 'registry/app:1'],
    ['side', 'registry/side:2'],
  ]),
  defaultContainer: 'side',
}
const [TODAY] = serverKinds as [ServerKind, ServerKind, ServerKind]

/** Keeps what a session shows. */
class TestRecorder implements SessionRecorder {
  rules: RecordingPolicy = { records: true, strict: false }
  readonly facts: SessionFacts[] = []
  readonly options: RecordOptions[] = []
  readonly said: (readonly [string, string])[] = []
  readonly ends: { exitCode: number | null; reason: string }[] = []
  discarded = 0
  /** Something of a record is away when its session does not begin. */
  isOnItsWay = false
  refusal: Error | null = null
  failsAtOnce: Error | null = null
  hasRoom = true
  /** Beginning takes until this has resolved. */
  hold: Promise<unknown> = Promise.resolve()

  policy(): RecordingPolicy {
    return this.rules
  }
  async begin(facts: SessionFacts, options: RecordOptions): Promise<SessionRecord> {
    await this.hold
    if (this.refusal !== null) throw this.refusal
    this.facts.push(facts)
    this.options.push(options)
    if (this.failsAtOnce !== null) options.onFailed(this.failsAtOnce)
    return {
      data: (stream, data) => {
        this.said.push([stream, data.toString('latin1')])
        return this.hasRoom
      },
      resize: ({ width, height }) => this.said.push(['resize', `${width}x${height}`]),
      marker: () => {},
      end: async (end) => void this.ends.push(end),
      discard: () => {
        this.discarded += 1
        return this.isOnItsWay
      },
    }
  }
  text(stream: string): string {
    return this.said
      .filter(([name]) => name === stream)
      .map(([, text]) => text)
      .join('')
  }
}

async function open(options: StageOptions = {}): Promise<{ stage: Stage; recorder: TestRecorder }> {
  const recorder = new TestRecorder()
  const stage = stack.use(await Stage.open({ pod: POD, recorder, ...options }))
  return { stage, recorder }
}

/** A running command, seen from both ends. */
async function running(
  stage: Stage,
  query = COMMAND,
  path = EXEC,
): Promise<{ client: Awaited<ReturnType<typeof openCommand>>; there: TestEnd }> {
  const serving = Promise.withResolvers<TestEnd>()
  serveCommands(stage, TODAY, (end) => serving.resolve(end))
  const client = await openCommand(stage, 'v5.channel.k8s.io', { query, path })
  return { client, there: await serving.promise }
}

const eventsOf = (stage: Stage, name: string): object[] =>
  stage.audit.sessions.filter(({ event }) => event === name)

describe('an exec leaves', () => {
  test('its events, which share an id and say who, where, what and how it ended', async () => {
    const { stage, recorder } = await open()
    const { client, there } = await running(stage)
    client.out.write('stdin', Buffer.from('in'))
    await expect.poll(() => there.text('stdin'), PATIENTLY).toBe('in')
    there.out.write('stdout', Buffer.from('out'))
    there.out.write('stderr', Buffer.from('err!'))
    there.out.finish(exitStatus(7))
    await client.over.promise
    await expect.poll(() => eventsOf(stage, 'session.end'), PATIENTLY).toHaveLength(1)
    const sid = recorder.facts[0]?.sessionId
    expect(sid).toMatch(/^[0-9a-f-]{36}$/)
    const [request] = stage.audit.of(EXEC)
    const shared = {
      sid,
      user: 'alice',
      user_roles: ['dev'],
      cluster_name: stage.audit.of(EXEC)[0]?.cluster_name,
      server_id: 'host-1',
      request_uid: request?.uid,
      kubernetes_cluster: 'west',
      kubernetes_users: ['alice'],
      kubernetes_groups: expect.arrayContaining(['team']) as unknown,
      kubernetes_labels: { env: 'test' },
      kubernetes_pod_namespace: 'team',
      kubernetes_pod_name: 'web',
      kubernetes_container_name: 'app',
      kubernetes_container_image: 'registry/app:1',
      kubernetes_node_name: 'node-1',
      proto: 'kube',
      protocol: 'v5.channel.k8s.io',
    }
    expect(stage.audit.sessions.map(({ event }) => event)).toEqual([
      'session.start',
      'exec',
      'session.data',
      'session.end',
    ])
    expect(stage.audit.sessions).toMatchObject([
      {
        ...shared,
        code: 'T2000I',
        initial_command: 'sh -c exit 7',
        interactive: false,
        session_recording: 'node',
        recorded: true,
      },
      {
        ...shared,
        code: 'T3002E',
        command: 'sh -c exit 7',
        exitCode: '7',
        interactive: false,
      },
      { ...shared, code: 'T2006I', tx: 7, rx: 2 },
      {
        ...shared,
        code: 'T2004I',
        participants: ['alice'],
        reason: 'exited',
        exit_code: 7,
        interactive: false,
      },
    ])
  })

  test('a record of all that went through, byte for byte', async () => {
    const { stage, recorder } = await open()
    stage.access.change({ ...ROLE, options: { record_session: { stdin: true } } })
    const { client, there } = await running(stage, TTY)
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index))
    client.out.resize({ width: 101, height: 42 })
    client.out.write('stdin', bytes)
    await expect.poll(() => there.bytes('stdin'), PATIENTLY).toBe(256)
    there.out.write('stdout', bytes)
    there.out.finish(SUCCESS)
    await client.over.promise
    await expect.poll(() => recorder.ends, PATIENTLY).toEqual([{ exitCode: 0, reason: 'exited' }])
    expect(recorder.text('stdin')).toBe(bytes.toString('latin1'))
    expect(recorder.text('stdout')).toBe(bytes.toString('latin1'))
    expect(recorder.text('resize')).toBe('101x42')
    expect(recorder.options[0]?.keepStdin).toBe(true)
    expect(recorder.facts).toMatchObject([
      {
        kind: 'exec',
        user: 'alice',
        roles: ['dev'],
        kubeCluster: 'west',
        namespace: 'team',
        pod: 'web',
        container: 'side',
        image: 'registry/side:2',
        node: 'node-1',
        tty: true,
      },
    ])
    expect(eventsOf(stage, 'resize')).toMatchObject([{ code: 'T2002I', size: '101:42' }])
  })

  test('what is known of it although its pod cannot be looked at', async () => {
    const recorder = new TestRecorder()
    const stage = stack.use(await Stage.open({ recorder }))
    const { client, there } = await running(stage)
    there.out.finish(SUCCESS)
    await client.over.promise
    expect(recorder.facts).toMatchObject([{ container: 'app', image: '', node: '' }])
  })
})

test('an attach is no exec', async () => {
  const { stage, recorder } = await open()
  const { client, there } = await running(stage, TTY, ATTACH)
  there.out.finish(SUCCESS)
  await client.over.promise
  await expect.poll(() => eventsOf(stage, 'session.end'), PATIENTLY).toHaveLength(1)
  expect(eventsOf(stage, 'exec')).toEqual([])
  expect(recorder.facts).toMatchObject([{ kind: 'attach', command: [] }])
})

describe('why it ended', () => {
  test.each<
    [string, (stage: Stage, client: TestEnd & { connection: { destroy(): void } }) => void]
  >([
    ['client', (_stage, client) => client.connection.destroy()],
    ['terminated', (stage) => stage.access.lock({ user: 'alice', message: 'x' })],
    ['lost', (stage) => stage.api.sockets.forEach((socket) => void socket.destroy())],
    ['expired', (stage) => stage.clock.advance(120 * 60_000)],
    ['idle', (stage) => stage.clock.advance(11 * 60_000)],
  ])('%s', async (reason, happen) => {
    const { stage, recorder } = await open({ limits: { sweepIntervalMs: 5 } })
    stage.access.change({
      ...ROLE,
      options: {
        disconnect_expired_cert: true,
        client_idle_timeout: reason === 'idle' ? '10m' : 0,
      },
    })
    const { client } = await running(stage)
    happen(stage, client)
    await expect.poll(() => recorder.ends, PATIENTLY).toEqual([{ exitCode: null, reason }])
    expect(eventsOf(stage, 'session.end')).toMatchObject([{ reason }])
    expect(eventsOf(stage, 'exec')).toMatchObject([{ code: 'T3002E', exitCode: '' }])
  })
})

describe('a session that cannot be recorded', () => {
  const STRICT = { ...ROLE, options: { record_session: { default: 'strict' } } }

  test('goes on, and the audit log says what is missing', async () => {
    const { stage, recorder } = await open()
    recorder.refusal = new Error('the spool is full')
    const { client, there } = await running(stage)
    there.out.write('stdout', Buffer.from('fine'))
    there.out.finish(SUCCESS)
    await client.over.promise
    expect(client.text('stdout')).toBe('fine')
    expect(eventsOf(stage, 'session.recording.gap')).toMatchObject([{ error: 'the spool is full' }])
    expect(eventsOf(stage, 'session.start')).toMatchObject([{ recorded: false }])
    expect(stage.log.errors.splice(0)).toHaveLength(1)
  })

  test.each([
    ['by a role', STRICT, { records: true, strict: false }],
    ['by the settings of the Teleport cluster', ROLE, { records: true, strict: true }],
  ])('does not take place where it must be recorded %s', async (_by, role, rules) => {
    const { stage, recorder } = await open()
    stage.access.change(role)
    recorder.rules = rules
    recorder.refusal = new Error('the spool is full')
    serveCommands(stage, TODAY, () => {})
    await expect(openCommand(stage, 'SPDY/3.1')).rejects.toMatchObject({
      status: 503,
      body: expect.stringContaining('must be recorded') as unknown,
    })
    await stage.expectAudited(EXEC, { outcome: 'denied', error_code: 'RECORDING_UNAVAILABLE' })
    expect(stage.audit.sessions).toEqual([])
    await expect.poll(() => stage.api.sockets.size, PATIENTLY).toBe(0)
    expect(stage.log.errors.splice(0)).toHaveLength(1)
  })

  test('does not take place when its record is lost before the API server is asked', async () => {
    const { stage, recorder } = await open()
    stage.access.change(STRICT)
    recorder.failsAtOnce = new Error('the disk is gone')
    serveCommands(stage, TODAY, () => {})
    await expect(openCommand(stage, 'SPDY/3.1')).rejects.toMatchObject({ status: 503 })
    expect(stage.api.of(EXEC)).toEqual([])
    await expect.poll(() => eventsOf(stage, 'session.end'), PATIENTLY).toHaveLength(1)
    expect(eventsOf(stage, 'session.end')).toMatchObject([{ reason: 'refused' }])
    expect(stage.log.errors.splice(0)).toHaveLength(1)
  })

  test('is given up when its record is lost while the API server is asked', async () => {
    const { stage, recorder } = await open()
    stage.access.change(STRICT)
    const asked = Promise.withResolvers<void>()
    stage.api.upgrade = () => asked.resolve()
    const opening = openCommand(stage, 'SPDY/3.1')
    await asked.promise
    recorder.options[0]?.onFailed(new Error('the disk is gone'))
    await expect(opening).rejects.toMatchObject({
      status: 503,
      body: expect.stringContaining('cannot be recorded any more') as unknown,
    })
    await expect.poll(() => stage.api.upgrading.size, PATIENTLY).toBe(0)
    expect(eventsOf(stage, 'session.end')).toMatchObject([{ reason: 'terminated' }])
    expect(stage.log.errors.splice(0)).toHaveLength(1)
  })

  test('does not take place where recording is off and a role wants it', async () => {
    const { stage, recorder } = await open()
    stage.access.change(STRICT)
    recorder.rules = { records: false, strict: false }
    serveCommands(stage, TODAY, () => {})
    await expect(openCommand(stage, 'SPDY/3.1')).rejects.toMatchObject({ status: 503 })
  })

  test('after all, though it has ended, is in the audit log, too', async () => {
    const { stage, recorder } = await open()
    stage.access.change(STRICT)
    const { client, there } = await running(stage)
    there.out.finish(SUCCESS)
    await client.over.promise
    await expect.poll(() => recorder.ends, PATIENTLY).toHaveLength(1)
    expect(eventsOf(stage, 'session.recording.gap')).toEqual([])
    recorder.options[0]?.onFailed(new Error('the auth service refuses the recording'))
    expect(eventsOf(stage, 'session.recording.gap')).toMatchObject([
      { error: 'the auth service refuses the recording' },
    ])
    expect(stage.log.errors.splice(0)).toHaveLength(1)
  })

  test('any more ends in words where it must be', async () => {
    const { stage, recorder } = await open()
    stage.access.change(STRICT)
    const { client } = await running(stage)
    recorder.options[0]?.onFailed(new Error('no space left on the device'))
    await client.over.promise
    expect(client.statuses.join()).toContain('cannot be recorded any more')
    await stage.expectAudited(EXEC, { outcome: 'aborted', error_code: 'RECORDING_LOST' })
    expect(eventsOf(stage, 'session.recording.gap')).toHaveLength(1)
    expect(stage.log.errors.splice(0)).toHaveLength(1)
  })

  test('any more goes on elsewhere', async () => {
    const { stage, recorder } = await open()
    const { client, there } = await running(stage)
    recorder.hasRoom = false
    there.out.write('stdout', Buffer.from('one'))
    await expect.poll(() => recorder.text('stdout'), PATIENTLY).toBe('one')
    recorder.options[0]?.onFailed(new Error('no space left on the device'))
    there.out.write('stdout', Buffer.from('two'))
    there.out.finish(SUCCESS)
    await client.over.promise
    expect(client.text('stdout')).toBe('onetwo')
    expect(recorder.text('stdout')).toBe('one')
    await expect
      .poll(() => eventsOf(stage, 'session.end'), PATIENTLY)
      .toMatchObject([{ recorded: false }])
    expect(stage.log.errors.splice(0)).toHaveLength(1)
  })

  test('in the audit log does not take place', async () => {
    const { stage, recorder } = await open()
    stage.audit.refusesSessions = true
    serveCommands(stage, TODAY, () => {})
    await expect(openCommand(stage, 'SPDY/3.1')).rejects.toMatchObject({ status: 503 })
    await expect.poll(() => recorder.discarded, PATIENTLY).toBe(1)
    expect(stage.api.of(EXEC)).toEqual([])
    expect(stage.log.errors.splice(0).length).toBeGreaterThan(0)
  })
})

test('a record without room holds the session back, until there is some', async () => {
  const { stage, recorder } = await open()
  const { client, there } = await running(stage)
  const piece = Buffer.alloc(32 * 1024, 7)
  const total = 1000
  let written = 0
  const pour = (): void => {
    while (written < total) {
      written += 1
      if (!there.out.write('stdout', piece)) return
    }
    there.out.finish(SUCCESS)
  }
  there.onDrain = pour
  recorder.hasRoom = false
  pour()
  let before = -1
  await expect
    .poll(
      () => {
        const stalled = written === before
        before = written
        return stalled
      },
      { timeout: 20_000, interval: 200 },
    )
    .toBe(true)
  expect(written).toBeLessThan(total)
  recorder.hasRoom = true
  recorder.options[0]?.onDrain()
  await client.over.promise
  expect(client.bytes('stdout')).toBe(total * piece.length)
})

describe.each(serverKinds.slice(0, 2))('$name', (server) => {
  test('that is gone as soon as it has let the session begin is a failure', async () => {
    const { stage } = await open()
    serveCommands(stage, server, () => {
      for (const socket of stage.api.upgrading) socket.destroy()
    })
    const client = await openCommand(stage, 'v5.channel.k8s.io')
    await client.over.promise
    expect(client.statuses.join()).toContain('ServiceUnavailable')
    await stage.expectAudited(EXEC, { outcome: 'failed' })
  })

  test('hears of a command when it is recorded and in the audit log, and not before', async () => {
    const { stage, recorder } = await open()
    const known: object[] = []
    const upgrade = Promise.withResolvers<void>()
    serveCommands(stage, server, (end) => {
      known.push(...eventsOf(stage, 'session.start'), ...recorder.facts)
      upgrade.resolve()
      end.out.finish(SUCCESS)
    })
    const begins = Promise.withResolvers<void>()
    recorder.hold = begins.promise
    const opening = openCommand(stage, 'v5.channel.k8s.io', { query: COMMAND })
    await expect.poll(() => stage.audit.of(EXEC), PATIENTLY).not.toEqual([])
    expect(stage.api.of(EXEC)).toEqual([])
    begins.resolve()
    await upgrade.promise
    expect(known).toMatchObject([
      { initial_command: 'sh -c exit 7', kubernetes_node_name: 'node-1' },
      { command: ['sh', '-c', 'exit 7'] },
    ])
    await (await opening).over.promise
  })
})

test('an API server says nothing past the record, on the stream of input', async () => {
  const { stage, recorder } = await open()
  const [, old] = serverKinds as [ServerKind, ServerKind]
  serveCommands(stage, old, (end) => {
    end.out.write('stdin', Buffer.from('past every record'))
    end.out.write('stdout', Buffer.from('told'))
    end.out.finish(SUCCESS)
  })
  const client = await openCommand(stage, 'SPDY/3.1')
  await client.over.promise
  expect([client.text('stdin'), client.text('stdout')]).toEqual(['', 'told'])
  await expect.poll(() => recorder.ends, PATIENTLY).toHaveLength(1)
})

describe('a session that an API server does not let begin', () => {
  test('leaves its command in the audit log, and no record', async () => {
    const { stage, recorder } = await open()
    stage.api.upgrade = (_asked, socket) => void socket.end(refusing(404, 'no such pod'))
    await expect(openCommand(stage, 'v5.channel.k8s.io', { query: COMMAND })).rejects.toMatchObject(
      { status: 404, body: expect.stringContaining('no such pod') as unknown },
    )
    await expect.poll(() => eventsOf(stage, 'session.end'), PATIENTLY).toHaveLength(1)
    expect(eventsOf(stage, 'session.start')).toMatchObject([{ initial_command: 'sh -c exit 7' }])
    expect(eventsOf(stage, 'session.end')).toMatchObject([{ reason: 'refused', recorded: false }])
    expect(eventsOf(stage, 'exec')).toMatchObject([{ code: 'T3002E' }])
    expect(recorder.discarded).toBe(1)
    expect(recorder.ends).toEqual([])
    expect(stage.forwarder.sessions.list()).toEqual([])
  })

  test('leaves a record when something of it was on its way, and the audit log says so', async () => {
    const { stage, recorder } = await open()
    recorder.isOnItsWay = true
    stage.api.upgrade = (_asked, socket) => void socket.end(refusing(404))
    await expect(openCommand(stage, 'v5.channel.k8s.io')).rejects.toMatchObject({ status: 404 })
    await expect
      .poll(() => eventsOf(stage, 'session.end'), PATIENTLY)
      .toMatchObject([{ reason: 'refused', recorded: true }])
  })

  test('as its client leaves first leaves its command all the same', async () => {
    const { stage, recorder } = await open()
    const asked = Promise.withResolvers<void>()
    stage.api.upgrade = () => asked.resolve()
    const connection = await stage.raw()
    connection.write(
      `POST ${EXEC}?${COMMAND} HTTP/1.1\r\nHost: k\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n`,
    )
    await asked.promise
    connection.destroy()
    await expect
      .poll(() => recorder.ends, PATIENTLY)
      .toEqual([{ exitCode: null, reason: 'client' }])
    expect(eventsOf(stage, 'session.start')).toMatchObject([{ initial_command: 'sh -c exit 7' }])
    expect(eventsOf(stage, 'session.end')).toMatchObject([{ reason: 'client' }])
  })
})

describe('a long command', () => {
  test('is in the audit log to its end', async () => {
    const { stage } = await open()
    const hidden = `: ${'x'.repeat(120_000)}\necho here`
    const query = `${ALL}&command=sh&command=-c&command=${encodeURIComponent(hidden)}`
    const { client, there } = await running(stage, query)
    there.out.finish(SUCCESS)
    await client.over.promise
    expect(eventsOf(stage, 'session.start')).toMatchObject([{ initial_command: `sh -c ${hidden}` }])
  })

  test('that fits into no event does not run', async () => {
    const { stage, recorder } = await open()
    const query = `${ALL}&command=${'x'.repeat(600_000)}`
    await expect(openCommand(stage, 'v5.channel.k8s.io', { query })).rejects.toMatchObject({
      status: 400,
      body: expect.stringContaining('kubectl exec -i') as unknown,
    })
    await stage.expectAudited(EXEC, { outcome: 'denied', error_code: 'COMMAND_TOO_LONG' })
    expect(stage.api.of(EXEC)).toEqual([])
    expect(recorder.facts).toEqual([])
  })
})

describe('many long commands', () => {
  test('of one person wait, before the audit log is full of them', async () => {
    const { stage } = await open()
    stage.api.upgrade = (_asked, socket) => void socket.end(refusing(404))
    const opened = (command: string): Promise<unknown> =>
      openCommand(stage, 'v5.channel.k8s.io', { query: `${ALL}&command=${command}` })
    const long = 'x'.repeat(500_000)
    const refusals: { readonly status: number; readonly body: string }[] = []
    // Some come back while they are written.
    while (refusals.length < 100 && refusals.at(-1)?.status !== 429) {
      await opened(long).catch((error: unknown) =>
        refusals.push(error as { readonly status: number; readonly body: string }),
      )
    }
    expect(refusals.length).toBeGreaterThan(16)
    expect(refusals.at(-1)?.body).toContain('kubectl exec -i')
    expect(stage.audit.of(EXEC)).toContainEqual(
      expect.objectContaining({ outcome: 'denied', error_code: 'TOO_MANY_REQUESTS' }),
    )
    await expect(opened('id')).rejects.toMatchObject({ status: 404 })
    expect(eventsOf(stage, 'session.start')).toHaveLength(refusals.length)
  })
})

test.each(['GET', 'POST'])('a kubelet itself is asked for no command by %s', async (method) => {
  const { stage } = await open()
  const target = '/api/v1/nodes/node-1/proxy/run/team/web/app?cmd=id'
  const client = await stage.client('HTTP/1.1')
  const { status, text } = await client.ask({ method, path: target })
  expect(status).toBe(403)
  expect(text).toContain('kubectl exec')
  expect(stage.api.arrived).toEqual([])
  await stage.expectAudited(target.split('?')[0] ?? '', {
    outcome: 'denied',
    error_code: 'NODE_COMMAND',
  })
})

describe('sessions that go on', () => {
  const listed = (stage: Stage): readonly LiveSession[] => stage.forwarder.sessions.list()

  test('are listed while they do', async () => {
    const { stage } = await open()
    let changes = 0
    const stop = stage.forwarder.sessions.onChange(() => {
      changes += 1
    })
    const { client, there } = await running(stage)
    expect(listed(stage)).toMatchObject([
      {
        kind: 'exec',
        user: 'alice',
        kubeCluster: 'west',
        namespace: 'team',
        pod: 'web',
        container: 'app',
        command: ['sh', '-c', 'exit 7'],
        recording: true,
        protocol: 'v5.channel.k8s.io',
      },
    ])
    there.out.finish(SUCCESS)
    await client.over.promise
    await expect.poll(() => listed(stage), PATIENTLY).toEqual([])
    expect(changes).toBe(2)
    stop()
  })

  test('are ended by an administrator, in words', async () => {
    const { stage, recorder } = await open()
    const { client } = await running(stage)
    const [session] = listed(stage)
    const { sessions } = stage.forwarder
    expect(sessions.end('no such', { user: 'root', message: '' })).toBe(false)
    expect(sessions.end(session?.sessionId ?? '', { user: 'root', message: 'enough' })).toBe(true)
    await client.over.promise
    expect(client.statuses.join()).toContain('this session was ended by root: enough')
    await stage.expectAudited(EXEC, { outcome: 'aborted', error_code: 'SESSION_ENDED' })
    expect(stage.audit.cuts).toMatchObject([
      { error_code: 'SESSION_ENDED', decided_by: 'user "root"' },
    ])
    await expect.poll(() => recorder.ends, PATIENTLY).toMatchObject([{ reason: 'terminated' }])
  })

  test('are as many as a role allows', async () => {
    const { stage } = await open()
    stage.access.change({ ...ROLE, options: { max_kubernetes_connections: 2 } })
    const first = await running(stage)
    await running(stage)
    const refused = openCommand(stage, 'SPDY/3.1')
    await expect(refused).rejects.toMatchObject({
      status: 403,
      body: expect.stringContaining('you have 2 sessions already') as unknown,
    })
    expect(eventsOf(stage, 'session.rejected')).toMatchObject([{ code: 'T1006W', max: 2 }])
    first.there.out.finish(SUCCESS)
    await first.client.over.promise
    await expect.poll(() => listed(stage).length, PATIENTLY).toBe(1)
    await running(stage)
  })

  test('are as many as the service carries, whoever has them', async () => {
    const { stage } = await open({ limits: { maxSessions: 1 } })
    const first = await running(stage)
    await expect(openCommand(stage, 'v5.channel.k8s.io')).rejects.toMatchObject({
      status: 503,
      body: expect.stringContaining('carries 1 sessions already') as unknown,
    })
    expect(eventsOf(stage, 'session.rejected')).toMatchObject([{ max: 1 }])
    first.there.out.finish(SUCCESS)
    await first.client.over.promise
    await expect.poll(() => listed(stage), PATIENTLY).toEqual([])
    await running(stage)
  })

  test('are of one person no more than a share, whatever roles allow', async () => {
    const { stage } = await open({ limits: { maxSessionsPerUser: 1 } })
    const first = await running(stage)
    await expect(openCommand(stage, 'v5.channel.k8s.io')).rejects.toMatchObject({
      status: 403,
      body: expect.stringContaining('as many as one person may have') as unknown,
    })
    expect(eventsOf(stage, 'session.rejected')).toMatchObject([{ max: 1 }])
    first.there.out.finish(SUCCESS)
    await first.client.over.promise
    await expect.poll(() => listed(stage), PATIENTLY).toEqual([])
    await running(stage)
  })

  test('count elsewhere as well', async () => {
    const asked: unknown[] = []
    const released: string[] = []
    const { stage } = await open({
      leases: {
        acquire: async (lease) => {
          asked.push({ ...lease, sessionId: '' })
          return false
        },
        release: (sessionId) => released.push(sessionId),
      },
    })
    stage.access.change({ ...ROLE, options: { max_kubernetes_connections: 2 } })
    serveCommands(stage, TODAY, () => {})
    await expect(openCommand(stage, 'SPDY/3.1')).rejects.toMatchObject({ status: 403 })
    expect(asked).toEqual([{ sessionId: '', user: 'alice', max: 2, here: 0 }])
    await expect.poll(() => released, PATIENTLY).toHaveLength(1)
    expect(stage.api.arrived).toEqual([])
  })
})
