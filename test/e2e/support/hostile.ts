import { mkdtemp, open as openFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { TestDaemon } from '../../support/daemon.ts'
import { mustRun } from '../../support/process.ts'
import {
  type ApiServerEvent,
  CLUSTER_VERSIONS,
  type Cluster,
  clusters,
  contextOf,
  mergedKubeconfig,
} from './environment.ts'
import { type Answer, type Credentials, type Door, signedIn, talk } from './wire.ts'

/** Clusters whose API server tells what it really got. */
const witnessed: readonly Cluster[] = clusters.filter(({ auditLog }) => auditLog !== null)

/** Reads what an API server wrote about itself since the witness was called. */
class Witness {
  readonly #file: string
  readonly #offset: number

  private constructor(file: string, offset: number) {
    this.#file = file
    this.#offset = offset
  }

  static async call(cluster: Cluster): Promise<Witness> {
    if (cluster.auditLog === null) throw new Error('this API server has no audit log')
    return new Witness(cluster.auditLog, (await stat(cluster.auditLog)).size)
  }

  /** Requests with the marker in path or User-Agent, of whomever, each at the latest stage that was written. */
  async seen(marker: string): Promise<ApiServerEvent[]> {
    const file = await openFile(this.#file)
    try {
      const { size } = await file.stat()
      const bytes = Buffer.alloc(size - this.#offset)
      await file.read(bytes, 0, bytes.length, this.#offset)
      const events = bytes
        .toString('utf8')
        .split('\n')
        .filter((line) => line.endsWith('}') && line.includes(marker))
        .map((line) => JSON.parse(line) as ApiServerEvent)
      return [...new Map(events.map((event) => [event.auditID, event])).values()]
    } finally {
      await file.close()
    }
  }
}

interface Denial {
  readonly marker: string
  readonly code: string
  readonly user: string | null
}

const isAbout = (event: Record<string, unknown>, marker: string): boolean =>
  `${String(event['request_path'])} ${String(event['user_agent'])}`.includes(marker)

/** A daemon in front of real clusters, and one person who may read one namespace of each and nothing else. */
export class Stage implements AsyncDisposable {
  readonly run = `${Date.now().toString(36)}${process.pid.toString(36)}`
  readonly team = `hostile-${this.run}`
  readonly user = `mallory-${this.run}`
  readonly directory: string
  readonly daemon: TestDaemon
  credentials: Credentials = { ca: '', key: null, certificate: null }
  readonly #denials: Denial[] = []
  readonly #doors = new Map<Cluster, Door & { serverName: string }>()
  readonly #witnesses = new Map<Cluster, Witness>()
  #count = 0

  private constructor(directory: string, daemon: TestDaemon) {
    this.directory = directory
    this.daemon = daemon
  }

  static async open(): Promise<Stage> {
    const directory = await mkdtemp(join(tmpdir(), 'e2e-hostile-'))
    const kubeconfig = await mergedKubeconfig(directory, witnessed)
    const daemon = await TestDaemon.start({ kubeconfig, directory })
    const stage = new Stage(directory, daemon)
    await daemon.tctl('users', 'add', stage.user, `--k8s-groups=${stage.team}`)
    const { credentials, doors } = await signedIn(await daemon.sign(stage.user))
    stage.credentials = credentials
    for (const cluster of witnessed) {
      const door = doors.get(`e2e.example.com-${contextOf(cluster)}`)
      if (door === undefined) throw new Error('the kubeconfig lacks a cluster')
      stage.#doors.set(cluster, door)
      await stage.direct(cluster, 'create', 'namespace', stage.team)
      const binding = ['create', 'rolebinding', 'see', '-n', stage.team, '--clusterrole=view']
      await stage.direct(cluster, ...binding, `--group=${stage.team}`)
      stage.#witnesses.set(cluster, await Witness.call(cluster))
    }
    return stage
  }

  /** Past us, as the cluster's administrator. */
  async direct(cluster: Cluster, ...args: readonly string[]): Promise<string> {
    return mustRun(cluster.kubectl, ['--kubeconfig', cluster.kubeconfig, ...args])
  }

  door(cluster: Cluster): Door & { serverName: string } {
    const door = this.#doors.get(cluster)
    if (door === undefined) throw new Error('no such cluster')
    return door
  }

  /** A name that no other request has. */
  marker(): string {
    this.#count += 1
    return `m${this.run}x${this.#count}x`
  }

  /** A ConfigMap that is not there: who may look gets 404, who may not 403. */
  path(marker: string): string {
    return `/api/v1/namespaces/${this.team}/configmaps/${marker}`
  }

  async seen(cluster: Cluster, marker: string): Promise<ApiServerEvent[]> {
    return this.#witness(cluster).seen(marker)
  }

  /** The API server got it, exactly as often, and each time from the person, with the person's groups. */
  async expectOnlyThePerson(cluster: Cluster, marker: string, times = 1): Promise<void> {
    await this.#expectThePerson(times, () => this.seen(cluster, marker))
  }

  /** Before a session begins, the service asks by itself for the pod that it is to be in, and for nothing else. */
  async expectThePersonAndPod(cluster: Cluster, marker: string, times: number): Promise<void> {
    const isOurs = ({ impersonatedUser }: ApiServerEvent): boolean => impersonatedUser === undefined
    await this.#expectThePerson(times, async () =>
      (await this.seen(cluster, marker)).filter((event) => !isOurs(event)),
    )
    expect((await this.seen(cluster, marker)).filter(isOurs)).toMatchObject([
      { verb: 'get', requestURI: `/api/v1/namespaces/${this.team}/pods/${marker}` },
    ])
  }

  async #expectThePerson(
    times: number,
    seen: () => Promise<readonly ApiServerEvent[]>,
  ): Promise<void> {
    await expect.poll(async () => (await seen()).length).toBe(times)
    for (const { impersonatedUser } of await seen()) {
      expect(impersonatedUser?.username).toBe(this.user)
      expect([...(impersonatedUser?.groups ?? [])].sort()).toEqual(
        [this.team, 'system:authenticated'].sort(),
      )
    }
  }

  /** The API server never got it. A later request of the same person is there, so nothing is underway any more. */
  async expectUnseen(cluster: Cluster, ...markers: readonly string[]): Promise<void> {
    const barrier = this.marker()
    await this.ask(cluster, this.get(this.path(barrier)))
    await this.expectOnlyThePerson(cluster, barrier)
    for (const marker of markers) expect(await this.seen(cluster, marker)).toEqual([])
  }

  /** The head of a GET for `ask`, with further lines. */
  get(target: string, ...lines: readonly string[]): string {
    return `${[`GET ${target} HTTP/1.1`, 'Host: kubernetes', ...lines].join('\r\n')}\r\n\r\n`
  }

  /** One answer to bytes of HTTP/1.1 from the person. */
  async ask(cluster: Cluster, text: string): Promise<Answer> {
    const { answers, error } = await talk(this.door(cluster), this.credentials, text, {
      answers: 1,
    })
    const [answer] = answers
    if (answer === undefined) throw new Error(`no answer (${error ?? 'closed'})`)
    return answer
  }

  /** A refusal that our audit log must have, under the person's name, or without one when nobody was proven. */
  denied(marker: string, code: string, user: string | null = this.user): void {
    this.#denials.push({ marker, code, user })
  }

  /** Our own audit events about a marker. */
  async audited(marker: string): Promise<Record<string, unknown>[]> {
    return (await this.daemon.events('--event=kube.request')).filter((event) =>
      isAbout(event, marker),
    )
  }

  /** Every refusal that was noted stands in our own audit log. */
  async expectDenialsAudited(): Promise<void> {
    expect(this.#denials.length).toBeGreaterThan(0)
    const missing = async (): Promise<Denial[]> => {
      const events = await this.daemon.events('--event=kube.request')
      return this.#denials.filter(
        ({ marker, code, user }) =>
          !events.some(
            (event) =>
              event['outcome'] === 'denied' &&
              event['error_code'] === code &&
              (event['user'] ?? null) === user &&
              isAbout(event, marker),
          ),
      )
    }
    await expect.poll(missing, { timeout: 30_000, interval: 500 }).toEqual([])
  }

  async createRole(name: string, allow: object): Promise<void> {
    const file = join(this.directory, `${name}.yaml`)
    await writeFile(
      file,
      stringify({ kind: 'role', version: 'v7', metadata: { name }, spec: { allow } }),
    )
    await this.daemon.tctl('create', '-f', file)
  }

  #witness(cluster: Cluster): Witness {
    const witness = this.#witnesses.get(cluster)
    if (witness === undefined) throw new Error('no such cluster')
    return witness
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.daemon[Symbol.asyncDispose]()
    for (const cluster of witnessed) {
      await this.direct(cluster, 'delete', 'namespace', this.team, '--wait=false')
    }
    await rm(this.directory, { recursive: true, force: true })
  }
}

/** A refusal in words that every Kubernetes client shows. */
export function expectStatus(body: string, code: number): void {
  expect(JSON.parse(body)).toMatchObject({ kind: 'Status', status: 'Failure', code })
}

/** The same hostile tests in front of each real cluster that tells what it got, and our audit log afterwards. */
export function hostile(
  title: string,
  tests: (stage: () => Stage, cluster: Cluster) => void,
): void {
  describe(title, () => {
    let stage: Stage
    beforeAll(async () => {
      if (witnessed.length > 0) stage = await Stage.open()
    })
    afterAll(async () => {
      if (witnessed.length > 0) await stage[Symbol.asyncDispose]()
    })
    for (const version of CLUSTER_VERSIONS) {
      const cluster = witnessed.find((one) => one.version === version)
      const missing = cluster === undefined ? ' (no such cluster with its audit log here)' : ''
      describe.skipIf(cluster === undefined)(`on Kubernetes ${version}${missing}`, () =>
        tests(() => stage, cluster as Cluster),
      )
    }
    it.skipIf(witnessed.length === 0)('has every refusal in the audit log', () =>
      stage.expectDenialsAudited(),
    )
  })
}
