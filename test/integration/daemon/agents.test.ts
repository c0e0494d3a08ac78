import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { mustRun } from '../../support/process.ts'
import { Estate } from './support/estate.ts'

const TSH = resolve(import.meta.dirname, '../../../bin/tsh')
const MAPS = '/api/v1/namespaces/default/configmaps'
const PATIENTLY = { timeout: 60_000, interval: 100 }
const WORKERS = 4

/** Two agents of one cluster, one whose label a program says, one that serves what is written down; each a process. */
describe('agents in processes of their own', () => {
  const stack = new AsyncDisposableStack()
  let estate: Estate
  let directory: string
  let label: string

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'teleport-agents-'))
    stack.defer(() => rm(directory, { recursive: true, force: true }))
    label = join(directory, 'env')
    await writeFile(label, 'test\n')
    estate = stack.use(
      await Estate.open({
        proxies: 1,
        auth: { static_tokens_kube_resources: [{ labels: { env: 'written' } }] },
        agents: {
          one: { clusters: ['c1'] },
          two: { clusters: ['c1'] },
          labelled: {
            clusters: ['c2'],
            kube: { commands: [{ name: 'env', command: ['/bin/cat', label], period: '1s' }] },
          },
          free: {
            clusters: [],
            kube: { kubeconfig_file: undefined, resources: [{ labels: { '*': '*' } }] },
          },
        },
      }),
    )
  })
  afterAll(() => stack[Symbol.asyncDispose]())

  /** In one step: a file that is just being written is empty. */
  const print = async (text: string): Promise<void> => {
    await writeFile(`${label}.new`, text)
    await rename(`${label}.new`, label)
  }
  /** What a person sees of a cluster in the list with everything. */
  const row = async (cluster: string): Promise<string> => {
    const file = join(directory, 'alice.pem')
    await estate.tctl('auth', 'sign', '--user=alice', `--out=${file}`, '--overwrite')
    const proxy = `--proxy=127.0.0.1:${estate.balancers[0]?.port}`
    const text = await mustRun(TSH, ['kube', 'ls', '-v', proxy, '-i', file], { cwd: directory })
    return text.split('\n').find((line) => line.startsWith(`${cluster} `)) ?? ''
  }
  const services = async (cluster: string): Promise<unknown> => {
    const clusters = JSON.parse(await estate.tctl('kube', 'ls', '--format=json')) as {
      metadata: { name: string }
      status: { services: number }
    }[]
    return clusters.find(({ metadata }) => metadata.name === cluster)?.status.services
  }

  it('one of two stops amid requests, comes back, and the other stops: no request fails', async () => {
    await expect.poll(() => services('c1'), PATIENTLY).toBe(2)
    let going = true
    let answered = 0
    const failures: string[] = []
    const ask = async (): Promise<void> => {
      while (going) {
        // As each kubectl does: a connection of its own.
        using client = estate.person('c1')
        const said = await client.get(MAPS).then(
          ({ status }) => String(status),
          (error: unknown) => String(error),
        )
        if (said === '200') answered += 1
        else failures.push(said)
      }
    }
    const workers = Array.from({ length: WORKERS }, ask)
    try {
      for (const name of ['one', 'two']) {
        const agent = estate.agents.get(name)
        const before = answered
        await agent?.end('SIGTERM')
        await expect.poll(() => services('c1'), PATIENTLY).toBe(1)
        expect(await row('c1')).toContain('healthy')
        await expect.poll(() => answered, PATIENTLY).toBeGreaterThan(before + 50)
        await agent?.start()
        await expect.poll(() => services('c1'), PATIENTLY).toBe(2)
        // Announced is not yet reached by a tunnel.
        await expect
          .poll(() => agent?.running.stderr ?? '', PATIENTLY)
          .toContain('a tunnel to the proxy is open')
      }
    } finally {
      going = false
      await Promise.all(workers)
    }
    expect(failures).toEqual([])
  })

  it('a label that a program says reaches the decisions of roles, and rubbish does not', async () => {
    const role = {
      kind: 'role',
      version: 'v7',
      metadata: { name: 'testers' },
      spec: {
        allow: { kubernetes_groups: ['system:masters'], kubernetes_labels: { env: 'test' } },
      },
    }
    const file = join(directory, 'role.yaml')
    await writeFile(file, stringify(role))
    await estate.tctl('create', file)
    await estate.tctl('users', 'add', 'bob', '--roles=testers')
    await expect.poll(() => row('c2'), PATIENTLY).toContain('env=test')
    using bob = estate.person('c2', await estate.sign('bob'))
    const status = async (): Promise<number> => (await bob.get(MAPS)).status
    await expect.poll(status, PATIENTLY).toBe(200)
    using watch = bob.watch(`${MAPS}?watch=true`)
    await watch.until(({ type }) => type === 'ADDED')
    await print('prod\n')
    await watch.until(({ type }) => type === 'ERROR')
    expect(await status()).toBe(403)
    await expect.poll(() => row('c2'), PATIENTLY).toContain('env=prod')
    await print('\u001b[2J')
    const output = (): string => estate.agents.get('labelled')?.running.stderr ?? ''
    await expect.poll(output, PATIENTLY).toContain('label command failed')
    expect(await status()).toBe(403)
    expect(await row('c2')).toContain('env=prod')
    await print('test\n')
    await expect.poll(status, PATIENTLY).toBe(200)
  })

  it('what is written down is served through a tunnel, and is gone when it is deleted', async () => {
    const file = join(directory, 'written.yaml')
    const kubeconfig = estate.demos.get('c1')?.kubeconfig() ?? ''
    const cluster = (name: string, env: string): object => ({
      kind: 'kube_cluster',
      version: 'v3',
      metadata: { name, labels: { env } },
      spec: { kubeconfig },
    })
    await writeFile(
      file,
      [cluster('withheld', 'other'), cluster('written', 'written')]
        .map((one) => stringify(one))
        .join('---\n'),
    )
    await estate.tctl('create', file)
    await expect.poll(() => row('written'), PATIENTLY).toContain('healthy')
    using alice = estate.person('written', await estate.sign('alice'))
    await expect
      .poll(
        () =>
          alice.get(MAPS).then(
            ({ status }) => status,
            () => 0,
          ),
        PATIENTLY,
      )
      .toBe(200)
    using watch = alice.watch(`${MAPS}?watch=true`)
    await watch.until(({ type }) => type === 'ADDED')
    // Its token gives the agent less than it asks for.
    expect(await row('withheld')).toBe('')
    await expect
      .poll(() => estate.agents.get('free')?.running.stderr, PATIENTLY)
      .toContain('its join token does not allow them')
    await estate.tctl('rm', 'kube_cluster/written')
    await watch.until(({ type }) => type === 'ERROR')
    await expect.poll(() => row('written'), PATIENTLY).toBe('')
    await expect(estate.tctl('create', file)).rejects.toThrow('exists already')
  })
})
