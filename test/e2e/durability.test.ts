import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestDaemon } from '../support/daemon.ts'
import { mustRun } from '../support/process.ts'
import {
  type ApiServerEvent,
  CLUSTER_VERSIONS,
  type Cluster,
  clusters,
  contextOf,
  mergedKubeconfig,
} from './support/environment.ts'
import {
  followAuditLog,
  http1Client,
  http2Client,
  type Sent,
  sendAll,
} from './support/mutations.ts'
import { type Credentials, type Door, signedIn } from './support/wire.ts'

const MUTATIONS = 1000

/** How many mutations are answered when the daemon is killed. The old cluster speaks the same protocol: once is enough. */
const KILLED_AFTER = { '1.20': [500], '1.35': [340, 500, 660] } as const

type Event = Record<string, unknown>

for (const version of CLUSTER_VERSIONS) {
  const cluster = clusters.find((one) => one.version === version)
  const missing =
    cluster === undefined
      ? 'no such cluster here'
      : cluster.auditLog === null
        ? 'its audit log is not at hand'
        : null
  describe.skipIf(missing !== null)(
    `kill -9 amid mutations of Kubernetes ${version}${missing === null ? '' : ` (${missing})`}`,
    () => killed(cluster as Cluster, KILLED_AFTER[version]),
  )
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
    return Number(line?.split(' ').at(-1))
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
