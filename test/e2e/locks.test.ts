import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { TestDaemon } from '../support/daemon.ts'
import { freePort } from '../support/free-port.ts'
import { type Finished, mustRun, Running } from '../support/process.ts'
import { startBox } from './support/box.ts'
import {
  ABSENT,
  CLUSTER_VERSIONS,
  type Cluster,
  clusters,
  contextOf,
  kubectlWith,
  mergedKubeconfig,
} from './support/environment.ts'

for (const version of CLUSTER_VERSIONS) {
  const cluster = clusters.find((one) => one.version === version)
  const missing = cluster === undefined ? 'no such cluster here' : null
  describe.skipIf(missing !== null)(
    `locks and options of roles, kubectl and Kubernetes ${version}${missing === null ? '' : ` (${missing})`}`,
    () => locks(cluster ?? ABSENT),
  )
}

/** A person or robot at a terminal. */
interface Person {
  run(...args: string[]): Promise<Finished>
  /** A command that goes on; `env` as the person set it. */
  start(args: readonly string[], env?: Readonly<Record<string, string>>): Running
}

function locks(cluster: Cluster): void {
  let directory: string
  let daemon: TestDaemon
  let expiring: Promise<Expiring>
  let forwarding: Promise<void>
  const stack = new AsyncDisposableStack()
  const context = `e2e.example.com-${contextOf(cluster)}`
  const namespace = `locks-${Date.now().toString(36)}`

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'e2e-locks-'))
    daemon = await TestDaemon.start({ kubeconfig: await mergedKubeconfig(directory, [cluster]) })
    stack.defer(await startBox(cluster, namespace))
    // They take a minute; the others need not wait for it.
    expiring = begin(expiringSoon)
    forwarding = begin(usedForAWhile)
  })
  afterAll(async () => {
    await stack[Symbol.asyncDispose]()
    await daemon[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  })

  const LONG = { timeout: 60_000, interval: 200 } as const
  const direct = (...args: readonly string[]): Promise<string> =>
    mustRun(cluster.kubectl, ['--kubeconfig', cluster.kubeconfig, ...args])

  /** A role of this name with these options, for whoever is called so. */
  async function role(name: string, options: object = {}): Promise<void> {
    const file = join(directory, `${name}.yaml`)
    const allow = { kubernetes_labels: { '*': '*' }, kubernetes_groups: ['system:masters'] }
    await writeFile(
      file,
      stringify({ kind: 'role', version: 'v7', metadata: { name }, spec: { options, allow } }),
    )
    await daemon.tctl('create', '-f', file)
  }

  async function person(name: string, options: object, ...flags: string[]): Promise<Person> {
    await role(name, options)
    await daemon.tctl('users', 'add', name, `--roles=${name}`)
    const kubeconfig = await daemon.sign(name, ...flags)
    const cache = join(directory, `cache-${name}`)
    await mkdir(cache, { recursive: true })
    const run = kubectlWith(cluster.kubectl, kubeconfig, context, cache)
    // Discovery is known before anything is taken away, as it is for people at work.
    expect(await run(['get', 'pods', '-n', namespace])).toMatchObject({ code: 0 })
    return {
      run: (...args) => run(['-n', namespace, ...args]),
      start: (args, env = {}) =>
        stack.use(
          new Running(
            cluster.kubectl,
            [
              `--kubeconfig=${kubeconfig}`,
              `--cache-dir=${cache}`,
              `--context=${context}`,
              `--namespace=${namespace}`,
              ...args,
            ],
            { env: { ...process.env, HOME: cache, ...env } },
          ),
        ),
    }
  }

  async function lock(...flags: string[]): Promise<string> {
    const printed = await daemon.tctl('lock', ...flags)
    const name = /^lock "([^"]+)" created/.exec(printed)?.[1]
    if (name === undefined) throw new Error(printed)
    return name
  }

  const watching = async (who: Person): Promise<Running> => {
    const watch = who.start(['get', 'configmaps', '-w'])
    await watch.until(({ stdout }) => stdout.includes('kube-root-ca.crt'))
    // The list is there; the watch follows.
    await change(watch)
    return watch
  }

  /** Somebody changes something, and the watch sees it. */
  async function change(watch: Running): Promise<void> {
    const name = `cm-${Math.random().toString(36).slice(2)}`
    await direct('-n', namespace, 'create', 'configmap', name)
    await watch.until(({ stdout }) => stdout.includes(name))
  }

  const shell = async (
    who: Person,
    env: Readonly<Record<string, string>> = {},
  ): Promise<Running> => {
    const exec = who.start(['exec', '-i', 'box', '--', 'sh'], env)
    await says(exec, 'hello')
    return exec
  }

  async function says(exec: Running, word: string): Promise<void> {
    exec.child.stdin?.write(`echo ${word}-$((20+22))\n`)
    await exec.until(({ stdout }) => stdout.includes(`${word}-42`))
  }

  const ended = async ({ child }: Running): Promise<void> =>
    expect.poll(() => child.exitCode ?? child.signalCode, LONG).not.toBeNull()

  /** SPDY has no place for last words: its kubectl takes a connection that breaks for the end of the command. */
  function hearsWhy(exec: Running, words: string): void {
    if (cluster.version === '1.20') return
    expect(exec.stderr).toContain(`error: ${words}`)
    expect(exec.child.exitCode).toBe(1)
  }

  const cuts = async (user: string): Promise<Record<string, unknown>[]> =>
    daemon.events(`--user=${user}`, '--event=client.disconnect')

  /** Goes on beside the tests; how it went is for the one that waits for it. */
  function begin<T>(work: () => Promise<T>): Promise<T> {
    const begun = work()
    begun.catch(() => {})
    return begun
  }

  interface Expiring {
    readonly mild: Person
    readonly exec: Running
    readonly ends: Running
    readonly goesOn: Running
  }

  async function expiringSoon(): Promise<Expiring> {
    const [strict, mild] = [
      await person('eve', { disconnect_expired_cert: true }, '--ttl=60s'),
      await person('fay', {}, '--ttl=60s'),
    ]
    const [ends, goesOn] = [await watching(strict), await watching(mild)]
    return { mild, ends, goesOn, exec: await shell(strict) }
  }

  /** A port-forward that somebody uses for longer than he may be silent. */
  async function usedForAWhile(): Promise<void> {
    const hal = await person('hal', { client_idle_timeout: '15s' })
    const port = await freePort()
    const forward = hal.start(['port-forward', 'pod/box', `${port}:8080`])
    await forward.until(({ stdout }) => stdout.includes('Forwarding from'))
    const begun = Date.now()
    do {
      const answer = await fetch(`http://127.0.0.1:${port}/`)
      expect(await answer.text()).toBe('hello\n')
      await new Promise((resolve) => setTimeout(resolve, 2000))
    } while (Date.now() < begun + 25_000)
    expect(await cuts('hal')).toEqual([])
  }

  it('a lock on a user ends what is underway and refuses what comes, with its message, until it is removed', async () => {
    const joe = await person('joe', {})
    const watch = await watching(joe)
    const exec = await shell(joe)
    const logs = joe.start(['logs', '-f', 'box'])
    await logs.until(({ stdout }) => stdout.includes('tick'))
    const name = await lock('--user=joe', '--message=incident 42')
    await Promise.all([ended(watch), ended(exec), ended(logs)])
    expect(watch.stdout).toMatch(/Failure +Forbidden +you are locked out: incident 42/)
    hearsWhy(exec, 'you are locked out: incident 42')
    for (const args of [
      ['get', 'pods'],
      ['exec', 'box', '--', 'true'],
      ['delete', 'pod', 'box'],
    ]) {
      const refused = await joe.run(...args)
      expect(refused.code).not.toBe(0)
      expect(refused.stderr).toContain('you are locked out: incident 42')
    }
    await expect.poll(async () => (await cuts('joe')).length, LONG).toBe(3)
    expect(await cuts('joe')).toEqual(
      Array.from(
        { length: 3 },
        () =>
          expect.objectContaining({
            code: 'T3006I',
            error_code: 'LOCKED',
            decided_by: `lock "${name}"`,
            reason: 'you are locked out: incident 42',
          }) as unknown,
      ),
    )
    expect(await daemon.tctl('get', `lock/${name}`)).toContain('message: incident 42')
    expect(await daemon.tctl('get', 'locks', '--format=text')).toContain(name)
    await daemon.tctl('rm', `lock/${name}`)
    await expect.poll(async () => (await joe.run('get', 'pods')).code, LONG).toBe(0)
  })

  it('a lock that has an end needs nobody to end it', async () => {
    const ann = await person('ann', {})
    const watch = await watching(ann)
    await lock('--user=ann', '--ttl=8s', '--message=take a walk')
    await ended(watch)
    const refused = await ann.run('get', 'pods')
    expect(refused.stderr).toMatch(/you are locked out until \d{4}-.*Z: take a walk/)
    await expect.poll(async () => (await ann.run('get', 'pods')).code, LONG).toBe(0)
    await change(await watching(ann))
  })

  it('a lock on a role hits whoever has it, and a lock from a file is as good', async () => {
    const [bea, cid] = [await person('bea', {}), await person('cid', {})]
    const [hers, his] = [await watching(bea), await watching(cid)]
    const file = join(directory, 'lock.yaml')
    await writeFile(
      file,
      stringify({
        kind: 'lock',
        version: 'v2',
        metadata: { name: 'bea-role' },
        spec: { target: { role: 'bea' }, message: 'the team moves' },
      }),
    )
    await daemon.tctl('create', '-f', file)
    await ended(hers)
    expect((await bea.run('get', 'pods')).stderr).toContain('you are locked out: the team moves')
    await change(his)
    expect(await cid.run('get', 'pods')).toMatchObject({ code: 0 })
  })

  it('a role that is taken away ends a watch', async () => {
    const dan = await person('dan', {})
    const watch = await watching(dan)
    await daemon.tctl('users', 'update', 'dan', '--set-roles=access')
    await ended(watch)
    expect(watch.stdout).toMatch(/Failure +Forbidden +access to this Kubernetes cluster is denied/)
    expect((await dan.run('get', 'pods')).code).not.toBe(0)
  })

  it('a year-old certificate of a robot is worth nothing when its user is gone', async () => {
    const robot = await person('robot', {}, '--ttl=8760h')
    const watch = await watching(robot)
    await daemon.tctl('users', 'rm', 'robot')
    await ended(watch)
    const refused = await robot.run('get', 'pods')
    expect(refused.code).not.toBe(0)
    expect(refused.stderr).toContain('this user does not exist any more')
    // A new user of that name is another.
    await daemon.tctl('users', 'add', 'robot', '--roles=robot')
    expect((await robot.run('get', 'pods')).code).not.toBe(0)
  })

  it('who is silent for too long is cut off, though his program is not, and who is not stays', async () => {
    const gil = await person('gil', { client_idle_timeout: '15s' })
    const idle = await shell(gil)
    // The protocol of old kubectls, which those of today speak when told to.
    const idleSpdy = await shell(gil, { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false' })
    const watch = await watching(gil)
    const busy = await shell(gil)
    let word = 0
    const talking = async (): Promise<void> => {
      while (idle.child.exitCode === null || idleSpdy.child.exitCode === null) {
        word += 1
        await says(busy, `word${word}`)
        await new Promise((resolve) => setTimeout(resolve, 1000))
      }
    }
    await Promise.all([talking(), ended(idle), ended(idleSpdy), ended(watch)])
    await says(busy, 'still-here')
    hearsWhy(idle, 'nothing came from you for 15s')
    expect(watch.stdout).not.toContain('Failure')
    const found = await cuts('gil')
    expect(found.map((event) => event['error_code'])).toEqual(
      Array.from({ length: 3 }, () => 'CLIENT_IDLE'),
    )
  })

  it('a role that pins takes certificates for the right address only', async () => {
    const ivy = await person('ivy', { pin_source_ip: true }, '--pin-address=127.0.0.1')
    expect(await ivy.run('get', 'pods')).toMatchObject({ code: 0 })
    await daemon.sign('ivy', '--pin-address=10.9.8.7')
    const elsewhere = await ivy.run('get', 'pods')
    expect(elsewhere.code).not.toBe(0)
    expect(elsewhere.stderr).toContain('from the address of its login only')
    const unpinned = await daemon.tryTctl([
      'auth',
      'sign',
      '--user=ivy',
      `--out=${join(directory, 'ivy')}`,
    ])
    expect(unpinned.code).not.toBe(0)
    expect(unpinned.stderr).toContain('--pin-address')
    // The role came later than the certificate of a year.
    const jan = await person('jan', {}, '--ttl=8760h')
    await daemon.tctl('users', 'update', 'jan', '--set-roles=jan,ivy')
    const refused = await jan.run('get', 'pods')
    expect(refused.stderr).toContain('wants a certificate that is bound to your address')
  })

  it('a port-forward counts as long as somebody uses it', async () => {
    await forwarding
    await expect.poll(async () => (await cuts('hal')).length, LONG).toBe(1)
  })

  it('a certificate that expires ends a watch where a role says so, and nowhere else', async () => {
    const { mild, ends, goesOn, exec } = await expiring
    await Promise.all([ended(ends), ended(exec)])
    expect(ends.stdout).toMatch(
      /Failure +Unauthorized +the certificate expired at .*: log in again/,
    )
    await expect
      .poll(async () => (await mild.run('get', 'pods')).stderr, LONG)
      .toContain('the certificate expired at')
    await change(goesOn)
    expect(await cuts('fay')).toEqual([])
  })
}
