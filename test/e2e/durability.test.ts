import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { mkdir, mkdtemp, open as openFile, rm } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { request as requestHttp1 } from 'node:https'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  it,
  onTestFailed,
} from 'vitest'
import { TestDaemon } from '../support/daemon.ts'
import { freePort } from '../support/free-port.ts'
import { mustRun, Running, runProgram } from '../support/process.ts'
import {
  type ApiServerEvent,
  type Cluster,
  clusters,
  contextOf,
  kubectlWith,
  mergedKubeconfig,
} from './support/environment.ts'
import {
  type Answered,
  type Client,
  connectionError,
  followAuditLog,
  type Http2Client,
  http1Client,
  http1Options,
  http2Client,
  readHttp1,
  readHttp2,
  type Sent,
  sendAll,
} from './support/mutations.ts'
import { type Credentials, type Door, signedIn } from './support/wire.ts'
import { describeWitnesses } from './support/witnesses.ts'

const TELEPORT = resolve(import.meta.dirname, '../../bin/teleport')
const MUTATIONS = 1000
/** Of the operating system; not there, or not allowed, where tests run without privileges. */
const [MOUNT, UNMOUNT] = ['mount', 'umount'] as const

/** How many mutations are answered when the daemon is killed. The old cluster speaks the same protocol: once is enough. */
const KILLED_AFTER = { '1.20': [500], '1.35': [340, 500, 660] } as const

type Event = Record<string, unknown>

interface WatchEvent {
  readonly object: { readonly metadata: { readonly name: string } }
}

describeWitnesses('kill -9 amid mutations of Kubernetes', (cluster, version) =>
  killed(cluster, KILLED_AFTER[version]),
)

const newest = clusters.find(({ version }) => version === '1.35')
const notWitnessed =
  newest === undefined
    ? 'no Kubernetes 1.35 here'
    : newest.auditLog === null
      ? 'its audit log is not at hand'
      : null
const noMount = mountRefusal()

for (const mode of ['strict', 'best_effort'] as const) {
  const missing = notWitnessed ?? noMount
  describe.skipIf(missing !== null)(
    `a full disk under the spool, ${mode}${missing === null ? '' : ` (${missing})`}`,
    () => fullDisk(newest as Cluster, mode),
  )
}

describe.skipIf(notWitnessed !== null)(
  `a daemon that is told to stop${notWitnessed === null ? '' : ` (${notWitnessed})`}`,
  () => stopped(newest as Cluster),
)

/** Why no file system of a given size can be made here; null when it can. */
function mountRefusal(): string | null {
  const directory = mkdtempSync(join(tmpdir(), 'e2e-mount-'))
  try {
    execFileSync(MOUNT, ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', directory], { stdio: 'pipe' })
    execFileSync(UNMOUNT, [directory], { stdio: 'pipe' })
    return null
  } catch {
    return 'no tmpfs can be mounted here'
  } finally {
    rmdirSync(directory)
  }
}

/** A person who may edit one namespace of a cluster, and a data directory that several daemons use one after the other. */
class Scene implements AsyncDisposable {
  readonly cluster: Cluster
  readonly directory: string
  readonly namespace: string
  readonly user: string
  readonly apiServerLog: () => Promise<ApiServerEvent[]>
  readonly #kubeconfig: string
  readonly #config: Record<string, Record<string, unknown>>
  #daemon: TestDaemon | null = null
  #credentials: Credentials = { ca: '', key: null, certificate: null }
  #serverName = ''

  private constructor(
    cluster: Cluster,
    directory: string,
    kubeconfig: string,
    config: Record<string, Record<string, unknown>>,
    apiServerLog: () => Promise<ApiServerEvent[]>,
  ) {
    const run = `${Date.now().toString(36)}${process.pid.toString(36)}`
    this.cluster = cluster
    this.directory = directory
    this.namespace = `durable-${run}`
    this.user = `joe-${run}`
    this.#kubeconfig = kubeconfig
    this.#config = config
    this.apiServerLog = apiServerLog
  }

  static async open(
    cluster: Cluster,
    options: {
      readonly config?: Record<string, Record<string, unknown>>
      readonly prepare?: (dataDirectory: string) => Promise<void>
    } = {},
  ): Promise<Scene> {
    const directory = await mkdtemp(join(tmpdir(), 'e2e-durable-'))
    await mkdir(join(directory, 'data'), { mode: 0o700 })
    await options.prepare?.(join(directory, 'data'))
    const scene = new Scene(
      cluster,
      directory,
      await mergedKubeconfig(directory, [cluster]),
      options.config ?? {},
      await followAuditLog(cluster),
    )
    const daemon = await scene.start()
    const { namespace, user } = scene
    await scene.direct('create', 'namespace', namespace)
    const binding = ['create', 'rolebinding', 'edit', '-n', namespace, '--clusterrole=edit']
    await scene.direct(...binding, `--group=${namespace}`)
    await daemon.tctl('users', 'add', user, `--k8s-groups=${namespace}`)
    const { credentials, doors } = await signedIn(await daemon.sign(user, '--ttl=8h'))
    scene.#credentials = credentials
    scene.#serverName = doors.get(scene.context)?.serverName ?? ''
    return scene
  }

  get daemon(): TestDaemon {
    if (this.#daemon === null) throw new Error('no daemon')
    return this.#daemon
  }

  get context(): string {
    return `e2e.example.com-${contextOf(this.cluster)}`
  }

  /** The person's. */
  get kubeconfig(): string {
    return join(this.directory, `${this.user}.kubeconfig`)
  }

  get door(): Door {
    return { port: this.daemon.ports.kube, serverName: this.#serverName }
  }

  get credentials(): Credentials {
    return this.#credentials
  }

  get path(): string {
    return `/api/v1/namespaces/${this.namespace}/configmaps`
  }

  get database(): string {
    return join(this.directory, 'data/backend/teleport.db')
  }

  /** Starts a daemon on the directory, whatever the one before left there. */
  async start(): Promise<TestDaemon> {
    this.#daemon = await TestDaemon.start({
      kubeconfig: this.#kubeconfig,
      directory: this.directory,
      config: this.#config,
    })
    return this.#daemon
  }

  /** Past us, as the cluster's administrator. */
  async direct(...args: readonly string[]): Promise<string> {
    return mustRun(this.cluster.kubectl, ['--kubeconfig', this.cluster.kubeconfig, ...args])
  }

  /** The User-Agent names the request in both audit logs; a created object's name stands in the body alone. */
  creation(name: string): Sent {
    return {
      method: 'POST',
      path: this.path,
      userAgent: name,
      body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } },
    }
  }

  async objects(): Promise<Set<string>> {
    const text = await this.direct('get', 'configmaps', '-n', this.namespace, '-o', 'name')
    return new Set(text.split('\n').map((line) => line.replace('configmap/', '')))
  }

  /** Which creations the API server says that it got from the person, each as often as it did. */
  async received(): Promise<string[]> {
    return (await this.apiServerLog())
      .filter(
        ({ requestURI, verb, impersonatedUser }) =>
          requestURI.split('?')[0] === this.path &&
          verb === 'create' &&
          impersonatedUser?.username === this.user,
      )
      .map(({ userAgent }) => userAgent ?? '')
  }

  /** The same, when nothing that was sent before can still be on its way into the log. */
  async receivedInTheEnd(): Promise<string[]> {
    const barrier = `/api/v1/namespaces/${this.namespace}/secrets/b${Date.now().toString(36)}`
    await this.direct('get', '--raw', barrier).catch(() => {})
    await expect
      .poll(async () =>
        (await this.apiServerLog()).some(({ requestURI }) => requestURI === barrier),
      )
      .toBe(true)
    return this.received()
  }

  /** Our audit events of the person, when the spool has delivered everything. */
  async events(): Promise<Event[]> {
    await expect.poll(() => this.metric('teleport_audit_spool_pending_events')).toBe(0)
    return this.daemon.events(`--user=${this.user}`, '--event=kube.request')
  }

  async metric(name: string): Promise<number> {
    const response = await fetch(`http://127.0.0.1:${this.daemon.ports.diag}/metrics`)
    const line = (await response.text()).split('\n').find((one) => one.startsWith(name))
    if (line === undefined) throw new Error(`no metric ${name}`)
    return Number(line.split(' ').at(-1))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#daemon?.stop('SIGKILL')
    await this.direct('delete', 'namespace', this.namespace, '--wait=false')
    await rm(this.directory, { recursive: true, force: true })
  }
}

/** What the API server got and our audit log does not tell of, under the person's name. */
function unaccounted(scene: Scene, received: Iterable<string>, events: readonly Event[]): string[] {
  const told = new Set(
    events
      .filter(
        (event) =>
          event['user'] === scene.user &&
          event['kubernetes_cluster'] === contextOf(scene.cluster) &&
          event['kube_verb'] === 'create' &&
          event['resource_kind'] === 'configmaps' &&
          event['resource_namespace'] === scene.namespace &&
          ['started', 'done', 'aborted', 'failed'].includes(String(event['outcome'])),
      )
      .map((event) => event['user_agent']),
  )
  return [...new Set(received)].filter((name) => !told.has(name))
}

function repeated(values: readonly unknown[]): unknown[] {
  return values.filter((value, index) => values.indexOf(value) !== index)
}

/** Read-only, with nobody else at the database. */
function inspect<T>(path: string, read: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(path, { readOnly: true })
  try {
    return read(database)
  } finally {
    database.close()
  }
}

const integrity = (path: string): unknown =>
  inspect(path, (database) => database.prepare('PRAGMA integrity_check').all())

function killed(cluster: Cluster, rounds: readonly number[]): void {
  let scene: Scene
  /** Answered with 201: the person knows that it was done. */
  const acknowledged = new Set<string>()

  beforeAll(async () => {
    scene = await Scene.open(cluster)
  })
  afterAll(() => scene[Symbol.asyncDispose]())

  it.each(rounds.map((after, round) => ({ after, round })))(
    `loses nothing, $after of ${MUTATIONS} through`,
    async ({ after, round }) => {
      const { daemon, door, credentials } = scene
      using first = http1Client(door, credentials)
      using second = await http2Client(door, credentials)
      using third = await http2Client(door, credentials)
      const requests = Array.from({ length: MUTATIONS }, (_, index) =>
        scene.creation(`r${round}-${index}`),
      )
      let done = 0
      let dead = false
      const broken: string[] = []
      await sendAll([first, second, third], requests, {
        underwayEach: 16,
        stopped: () => dead,
        onAnswer({ userAgent }, answered) {
          if (answered === null) {
            broken.push(userAgent)
            return
          }
          expect(answered.status).toBe(201)
          acknowledged.add(userAgent)
          done += 1
          if (done < after || dead) return
          dead = true
          daemon.process.child.kill('SIGKILL')
        },
      })
      expect(await daemon.stop('SIGKILL')).toBe('SIGKILL')
      expect(broken.length).toBeGreaterThan(0)
      expect(done).toBeLessThan(MUTATIONS)
      expect(integrity(scene.database)).toEqual([{ integrity_check: 'ok' }])

      await scene.start()
      await expectAllAudited()
    },
  )

  it('keeps what could not be delivered, through two kills', async () => {
    const names = Array.from({ length: 100 }, (_, index) => `held-${index}`)
    const others = new DatabaseSync(scene.database)
    try {
      // Another program holds the database, so nothing reaches it: the spool alone has these events.
      others.exec('PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE')
      using client = http1Client(scene.door, scene.credentials)
      await sendAll(
        [client],
        names.map((name) => scene.creation(name)),
        {
          underwayEach: 10,
          stopped: () => false,
          onAnswer: ({ userAgent }, answered) => {
            expect(answered?.status).toBe(201)
            acknowledged.add(userAgent)
          },
        },
      )
      await scene.daemon.stop('SIGKILL')
    } finally {
      others.exec('ROLLBACK')
      others.close()
    }
    const stored = inspect(scene.database, (database) =>
      database
        .prepare(`SELECT count(*) AS n FROM audit_events WHERE body LIKE '%"user_agent":"held-%'`)
        .get(),
    )
    expect(stored).toEqual({ n: 0 })
    await scene.start()
    await scene.daemon.stop('SIGKILL')
    expect(integrity(scene.database)).toEqual([{ integrity_check: 'ok' }])
    await scene.start()
    await expectAllAudited()
  })

  it('would be noticed if it lost, doubled or misattributed one event', async () => {
    const events = await scene.events()
    const received = await scene.receivedInTheEnd()
    const index = events.findIndex((event) => acknowledged.has(String(event['user_agent'])))
    const victim = events[index] ?? {}
    const others = events.toSpliced(index, 1)
    expect(unaccounted(scene, received, others)).toEqual([victim['user_agent']])
    expect(unaccounted(scene, received, [...others, { ...victim, user: 'mallory' }])).toEqual([
      victim['user_agent'],
    ])
    expect(repeated([...events, victim].map((event) => event['uid']))).toEqual([victim['uid']])
  })

  async function expectAllAudited(): Promise<void> {
    const received = await scene.receivedInTheEnd()
    const objects = await scene.objects()
    const events = await scene.events()
    // The API server got each at most once: nothing was repeated behind the person's back.
    expect(repeated(received)).toEqual([])
    expect(received.length).toBeGreaterThanOrEqual(acknowledged.size)
    expect(unaccounted(scene, received, events)).toEqual([])
    const created = [...objects].filter((name) => /^(r\d|held)-/.test(name))
    expect(created.length).toBeGreaterThanOrEqual(acknowledged.size)
    expect(unaccounted(scene, created, events)).toEqual([])
    expect(repeated(events.map((event) => event['uid']))).toEqual([])
    expect(repeated(events.map((event) => event['user_agent']))).toEqual([])
    // Whoever was told of success finds it in the audit log, with its end.
    const ended = new Set(
      events
        .filter((event) => event['outcome'] === 'done' && event['response_code'] === 201)
        .map((event) => event['user_agent']),
    )
    expect([...acknowledged].filter((name) => !ended.has(name))).toEqual([])
  }
}

function fullDisk(cluster: Cluster, mode: 'strict' | 'best_effort'): void {
  const strict = mode === 'strict'
  let scene: Scene
  let client: Client
  let count = 0
  const unmount: string[] = []
  const edge = new Map<string, Answered>()

  beforeAll(async () => {
    scene = await Scene.open(cluster, {
      config: { kubernetes_service: { audit: mode } },
      prepare: async (data) => {
        const spool = join(data, 'spool')
        await mkdir(spool, { mode: 0o700 })
        await mustRun(MOUNT, ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', spool])
        unmount.push(spool)
      },
    })
    client = http1Client(scene.door, scene.credentials)
  })
  afterAll(async () => {
    client[Symbol.dispose]()
    await scene.daemon.stop('SIGKILL')
    for (const directory of unmount) await mustRun(UNMOUNT, [directory])
    await scene[Symbol.asyncDispose]()
  })

  const filler = (): string => join(scene.directory, 'data/spool/filler')

  /** Writes until the disk takes no more. */
  async function fill(): Promise<void> {
    const file = await openFile(filler(), 'a')
    try {
      for (;;) await file.write(Buffer.alloc(1024))
    } catch (error) {
      expect(error).toMatchObject({ code: 'ENOSPC' })
    } finally {
      await file.close()
    }
  }

  const create = async (name: string): Promise<Answered> => {
    const answered = await client.send(scene.creation(name))
    if (answered === null) throw new Error('the connection broke')
    return answered
  }

  /** The last page of the segment has room for some events more, so the disk is full for us a little later. */
  async function untilUnwritable(): Promise<void> {
    await fill()
    const before = unwritten()
    await expect
      .poll(async () => {
        count += 1
        edge.set(`edge-${count}`, await create(`edge-${count}`))
        return unwritten()
      })
      .toBeGreaterThan(before)
  }

  /** How often the daemon said so. */
  const unwritten = (): number =>
    scene.daemon.process.stderr.split('an audit event cannot be written').length - 1

  // Longer than those that found the edge, so that none of them fits where the others did not.
  const longName = (kind: string, index: number): string => `${kind}-${index}-`.padEnd(120, 'x')

  it('serves while there is room', async () => {
    expect(await create('before')).toMatchObject({ status: 201 })
  })

  if (strict) {
    it('refuses mutations in words, and the API server sees none of them', async () => {
      expect(await readiness(scene)).toBe('200 ok')
      await untilUnwritable()
      expect(await readiness(scene)).toBe('503 degraded')
      const names = Array.from({ length: 20 }, (_, index) => longName('refused', index))
      for (const { status, body } of await Promise.all(names.map(create))) {
        expect(status).toBe(503)
        expect(JSON.parse(body)).toMatchObject({
          kind: 'Status',
          status: 'Failure',
          reason: 'ServiceUnavailable',
          code: 503,
          message:
            'the audit log cannot be written, and nothing is served without it: ask an administrator',
        })
      }
      const received = await scene.receivedInTheEnd()
      expect(received).toContain('before')
      expect(received.filter((name) => names.includes(name))).toEqual([])
      const objects = await scene.objects()
      expect(names.filter((name) => objects.has(name))).toEqual([])
      for (const [name, { status, body }] of edge) {
        expect({ name, status, carriedOut: objects.has(name) }).toEqual({
          name,
          status,
          carriedOut: status === 201 || body.includes('the request was carried out'),
        })
      }
    })

    it('gives nobody an answer that the audit log would not know of', async () => {
      const read = await client.send({
        method: 'GET',
        path: `${scene.path}/before`,
        userAgent: longName('reader', 0),
      })
      expect(read?.status).toBe(503)
      expect(read?.body).not.toContain(scene.namespace)
      const watch = await client.send({
        method: 'GET',
        path: `${scene.path}?watch=true`,
        userAgent: longName('watcher', 0),
      })
      expect(watch?.status).toBe(503)
    })

    it('tells kubectl, too', async () => {
      const kubectl = kubectlWith(cluster.kubectl, scene.kubeconfig, scene.context, scene.directory)
      const refused = await kubectl(['create', 'configmap', 'by-kubectl', '-n', scene.namespace])
      expect(refused.code).toBe(1)
      expect(refused.stderr.trim()).toBe(
        'error: failed to create configmap: the audit log cannot be written, and nothing is served without it: ask an administrator',
      )
      expect(await scene.objects()).not.toContain('by-kubectl')
    })
  } else {
    it('serves on, and says what the audit log lacks', async () => {
      await untilUnwritable()
      const before = await scene.metric('teleport_audit_spool_refused_events')
      const names = Array.from({ length: 20 }, (_, index) => longName('unaudited', index))
      for (const { status } of await Promise.all(names.map(create))) expect(status).toBe(201)
      const received = await scene.receivedInTheEnd()
      expect(names.filter((name) => !received.includes(name))).toEqual([])
      expect(unaccounted(scene, received, await scene.events()).sort()).toEqual(
        expect.arrayContaining([...names].sort()),
      )
      // Each began and each ended.
      expect(await scene.metric('teleport_audit_spool_refused_events')).toBe(before + 40)
      expect(scene.daemon.process.stderr).toContain('no space left on device')
    })
  }

  it('recovers by itself as soon as there is room', async () => {
    const lacking = unaccounted(scene, await scene.receivedInTheEnd(), await scene.events())
    await rm(filler())
    const names = Array.from({ length: 20 }, (_, index) => longName('after', index))
    for (const { status } of await Promise.all(names.map(create))) expect(status).toBe(201)
    const events = await scene.events()
    expect(unaccounted(scene, await scene.receivedInTheEnd(), events)).toEqual(lacking)
    expect(await readiness(scene)).toBe('200 ok')
    if (strict) expect(lacking).toEqual([])
    else expect(lacking).not.toEqual([])
    expect(unaccounted(scene, ['before', ...names], events)).toEqual([])
    expect(await scene.daemon.stop('SIGTERM')).toBe(0)
    expect(integrity(scene.database)).toEqual([{ integrity_check: 'ok' }])
  })
}

async function readiness({ daemon }: Scene): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${daemon.ports.diag}/readyz`)
  const { status } = (await response.json()) as { status: string }
  return `${response.status} ${status}`
}

function stopped(cluster: Cluster): void {
  let scene: Scene
  /** The port of the kubernetes service itself. */
  let direct: number
  let kubectl: ReturnType<typeof kubectlWith>

  beforeEach(async () => {
    direct = await freePort()
    const config = { kubernetes_service: { listen_addr: `127.0.0.1:${direct}` } }
    scene = await Scene.open(cluster, { config })
    kubectl = kubectlWith(cluster.kubectl, scene.kubeconfig, scene.context, scene.directory)
    const { process: stopping } = scene.daemon
    // A client sees only that its connection broke; whether the daemon cut it, or died, it says itself.
    onTestFailed(async () => {
      await sleep(1000)
      const { exitCode, signalCode } = stopping.child
      console.error(`the daemon (ended: ${exitCode ?? signalCode}) said\n${stopping.stderr}`)
    })
  })
  afterEach(() => scene[Symbol.asyncDispose]())

  const exit = async (): Promise<number | NodeJS.Signals | null> => {
    const { exitCode, signalCode } = scene.daemon.process.child
    return exitCode ?? signalCode
  }

  const underway = (): Promise<number> =>
    scene.metric('teleport_kubernetes_server_in_flight_requests')

  /** An upload that takes as long as we like: the API server has its head and the first half of its body. */
  function slowly(
    client: Http2Client | null,
    name: string,
  ): { finish(): Promise<Answered | null> } {
    const { method, path, userAgent, body } = scene.creation(name)
    const bytes = Buffer.from(JSON.stringify(body))
    const half = bytes.length >> 1
    const headers = {
      'user-agent': userAgent,
      'content-type': 'application/json',
      'content-length': bytes.length,
    }
    if (client !== null) {
      const stream = client.session.request({ ':method': method, ':path': path, ...headers })
      const answered = readHttp2(stream)
      stream.write(bytes.subarray(0, half))
      return {
        finish: () => {
          stream.end(bytes.subarray(half))
          return answered
        },
      }
    }
    const options = http1Options(scene.door, scene.credentials)
    const request = requestHttp1({ ...options, method, path, headers })
    const answered = readHttp1(request)
    request.write(bytes.subarray(0, half))
    return {
      finish: () => {
        request.end(bytes.subarray(half))
        return answered
      },
    }
  }

  function storedEvents(): Map<unknown, Event> {
    return inspect(
      scene.database,
      (database) =>
        new Map(
          database
            .prepare('SELECT body, final FROM audit_events WHERE user = ?')
            .all(scene.user)
            .map(({ body, final }): [unknown, Event] => {
              const event = JSON.parse(String(body)) as Event
              return [event['user_agent'], { ...event, final }]
            }),
        ),
    )
  }

  it('finishes what runs, ends watches, takes nothing new, and has told its audit log everything', async () => {
    const { daemon } = scene
    using http2 = await http2Client(scene.door, scene.credentials)
    const goaway = once(http2.session, 'goaway')
    const uploads = { h1: slowly(null, 'slow-h1'), h2: slowly(http2, 'slow-h2') }
    const path = `${scene.path}?watch=true`
    const http2Watch = http2.send({ method: 'GET', path, userAgent: 'watch-h2' })
    using http1 = http1Client(scene.door, scene.credentials)
    const http1Watch = http1.send({ method: 'GET', path, userAgent: 'watch-h1' })
    await using follower = new Running(cluster.kubectl, [
      ...['--kubeconfig', scene.kubeconfig, '--context', scene.context],
      ...['-n', scene.namespace, 'get', 'configmaps', '-w', '-o', 'name'],
    ])
    // The first may stand in the list with which kubectl begins; what comes after that comes by a watch that stands.
    for (const name of ['listed', 'seen']) {
      await scene.direct('create', 'configmap', name, '-n', scene.namespace)
      await follower.until(({ stdout }) => stdout.includes(`configmap/${name}`))
    }
    await expect.poll(underway).toBe(5)

    daemon.process.child.kill('SIGTERM')
    await expect.poll(() => readiness(scene)).toBe('503 stopping')
    await goaway
    for (const port of [daemon.ports.kube, daemon.ports.web, daemon.ports.auth, direct]) {
      await expect.poll(() => connectionError(port)).toBe('ECONNREFUSED')
    }
    const turnedAway = await kubectl(['get', 'configmaps', '-n', scene.namespace])
    expect(turnedAway.code).toBe(1)
    expect(turnedAway.stderr).toContain('connection refused')

    // The watches end while the uploads still go on, as an API server ends them: whole, so that clients just ask again.
    for (const watch of [await http2Watch, await http1Watch]) {
      expect(watch?.status).toBe(200)
      const lines = watch?.body.trimEnd().split('\n') ?? []
      const names = lines.map((line) => (JSON.parse(line) as WatchEvent).object.metadata.name)
      expect(names).toContain('seen')
    }
    await expect.poll(() => follower.child.exitCode).toBe(0)
    expect(await underway()).toBe(2)
    expect(await exit()).toBeNull()

    expect(await uploads.h1.finish()).toMatchObject({ status: 201 })
    expect(await uploads.h2.finish()).toMatchObject({ status: 201 })
    await expect.poll(exit, { timeout: 15_000 }).toBe(0)
    expect([...(await scene.objects())]).toEqual(expect.arrayContaining(['slow-h1', 'slow-h2']))

    const events = storedEvents()
    for (const name of ['slow-h1', 'slow-h2']) {
      expect(events.get(name)).toMatchObject({ outcome: 'done', response_code: 201, final: 1 })
    }
    for (const name of ['watch-h1', 'watch-h2']) {
      expect(events.get(name)).toMatchObject({
        outcome: 'aborted',
        error_code: 'SHUTTING_DOWN',
        response_code: 200,
        final: 1,
      })
    }
    expect([...events.values()].filter(({ final }) => final !== 1)).toEqual([])
    expect(integrity(scene.database)).toEqual([{ integrity_check: 'ok' }])
  })

  async function createLarge(count: number, bytes: number): Promise<string[]> {
    const items = Array.from({ length: count }, (_, index) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: `large-${index}`, namespace: scene.namespace },
      data: { value: ''.padEnd(bytes, 'x') },
    }))
    const args = ['--kubeconfig', cluster.kubeconfig, 'create', '-f', '-']
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items })
    await mustRun(cluster.kubectl, args, { input })
    return items.map(({ metadata }) => metadata.name)
  }

  const namesIn = (list: string): string[] =>
    (JSON.parse(list) as { items: WatchEvent['object'][] }).items.map(
      ({ metadata }) => metadata.name,
    )

  it('lets a slow reader have the whole of its list over HTTP/1.1', async () => {
    const names = await createLarge(20, 500_000)
    const options = http1Options(scene.door, scene.credentials)
    const request = requestHttp1({ ...options, path: scene.path })
    request.end()
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    response.setEncoding('utf8')
    let text = ''
    let rested = 0
    for await (const chunk of response) {
      if (text === '') scene.daemon.process.child.kill('SIGTERM')
      text += chunk
      // Slow, but done within the time that a daemon has to stop, on a busy machine too.
      if (text.length - rested < 100_000) continue
      rested = text.length
      await sleep(5)
    }
    expect(namesIn(text)).toEqual(expect.arrayContaining(names))
    await expect.poll(exit, { timeout: 15_000 }).toBe(0)
  })

  it('lets a reader who stalls have the rest of its list over HTTP/2', async () => {
    const names = await createLarge(1, 3000)
    // A window that is smaller than the answer: its end waits inside the daemon.
    using client = await http2Client(scene.door, scene.credentials, { initialWindowSize: 100 })
    const stream = client.session.request({ ':path': scene.path, 'user-agent': 'stalled' })
    await once(stream, 'response')
    let ended = false
    stream.once('close', () => {
      ended = true
    })
    await expect.poll(underway).toBe(0)
    scene.daemon.process.child.kill('SIGTERM')
    await expect.poll(() => readiness(scene)).toBe('503 stopping')
    // A moment in which a daemon that gave up on this reader would be gone.
    await sleep(1000)
    expect(ended).toBe(false)
    stream.setEncoding('utf8')
    let text = ''
    for await (const chunk of stream) text += chunk
    expect(namesIn(text)).toEqual(expect.arrayContaining(names))
    await expect.poll(exit, { timeout: 15_000 }).toBe(0)
  })

  it.each([
    ['SIGTERM', 'SIGTERM'],
    ['SIGINT', 'SIGINT'],
    ['SIGTERM', 'SIGINT'],
  ] as const)('stops at once when it is told twice (%s, %s)', async (first, second) => {
    slowly(null, 'slow')
    await expect.poll(underway).toBe(1)
    scene.daemon.process.child.kill(first)
    await expect.poll(() => readiness(scene)).toBe('503 stopping')
    scene.daemon.process.child.kill(second)
    await expect.poll(exit).toBe(1)
    // What was underway is in the audit log nevertheless.
    await scene.start()
    const events = await scene.events()
    expect(events.find((event) => event['user_agent'] === 'slow')).toMatchObject({
      outcome: 'started',
      user: scene.user,
    })
  })

  it('keeps its data directory to itself', async () => {
    const { daemon } = scene
    const second = await runProgram(TELEPORT, ['start', '-c', daemon.configFile])
    expect(second.code).toBe(1)
    expect(second.stderr.trim()).toBe(
      `teleport: ${join(scene.directory, 'data')} is in use by another process (pid ${daemon.process.pid}): stop it, or give this one another data_dir`,
    )
    expect(await readiness(scene)).toBe('200 ok')
    const created = await kubectl(['create', 'configmap', 'one', '-n', scene.namespace])
    expect(created.stdout).toContain('configmap/one created')
    // Whoever comes after it may have it.
    expect(await daemon.stop('SIGTERM')).toBe(0)
    await scene.start()
  })
}
