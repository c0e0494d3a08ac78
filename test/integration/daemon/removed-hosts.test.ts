import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import type { ResponseOf } from '../../../src/contract/index.ts'
import { silentLogger, systemClock } from '../../../src/core/index.ts'
import { openDemoCluster } from '../../../src/demo/index.ts'
import { TestDaemon } from '../../support/daemon.ts'
import { KubeClient } from '../../support/kube-client.ts'
import { Running } from '../../support/process.ts'

const TELEPORT = resolve(import.meta.dirname, '../../../bin/teleport')
const MAPS = '/api/v1/namespaces/demo/configmaps'

/** One daemon with auth and proxy, and an agent of its own process behind a tunnel. */
describe('a service that is locked out or removed', () => {
  let stack: AsyncDisposableStack
  let center: TestDaemon
  let directory: string
  let agent: Running
  beforeAll(async () => {
    stack = new AsyncDisposableStack()
    directory = await mkdtemp(join(tmpdir(), 'teleport-removed-'))
    stack.defer(() => rm(directory, { recursive: true, force: true }))
    const demo = stack.use(await openDemoCluster({ clock: systemClock, log: silentLogger }))
    await writeFile(join(directory, 'kubeconfig'), demo.kubeconfig(), { mode: 0o600 })
    center = stack.use(
      await TestDaemon.start({
        kubeconfig: '',
        config: { kubernetes_service: { enabled: false, kubeconfig_file: undefined } },
      }),
    )
    const made = JSON.parse(
      await center.tctl('tokens', 'add', '--type=kube', '--format=json'),
    ) as ResponseOf<'tokens.create'>
    const args = [
      'start',
      '--roles=kube',
      `--proxy=127.0.0.1:${center.ports.web}`,
      `--ca-pin=${made.ca_pins[0] ?? ''}`,
      `--data-dir=${join(directory, 'data')}`,
      `--kubeconfig=${join(directory, 'kubeconfig')}`,
      `--token=${made.token}`,
    ]
    const env = { ...(process.env as Record<string, string>), TELEPORT_CONFIG_FILE: '' }
    agent = stack.use(new Running(TELEPORT, args, { env }))
    await center.tctl('users', 'add', 'alice', '--roles=access', '--k8s-groups=system:masters')
  })
  afterAll(() => stack[Symbol.asyncDispose]())

  const hostId = async (): Promise<string> => {
    const [instance] = JSON.parse(await center.tctl('inventory', 'ls', '--format=json')) as {
      metadata: { name: string }
    }[]
    return instance?.metadata.name ?? ''
  }
  const reached = (client: KubeClient): Promise<void> =>
    expect
      .poll(() =>
        client.get(MAPS).then(
          ({ status }) => status,
          () => 0,
        ),
      )
      .toBe(200)
  const person = async (): Promise<KubeClient> => {
    const signed = parse(await readFile(await center.sign('alice'), 'utf8')) as {
      clusters: { cluster: Record<string, string> }[]
      users: { user: Record<string, string> }[]
    }
    const pem = (from: Record<string, string> | undefined, name: string): Buffer =>
      Buffer.from(from?.[name] ?? '', 'base64')
    const [{ cluster } = { cluster: {} }] = signed.clusters
    const user = signed.users[0]?.user
    return stack.use(
      KubeClient.withCertificate(
        { host: '127.0.0.1', port: center.ports.kube },
        {
          ca: pem(cluster, 'certificate-authority-data'),
          cert: pem(user, 'client-certificate-data'),
          key: pem(user, 'client-key-data'),
          servername: cluster['tls-server-name'] ?? '',
        },
      ),
    )
  }
  const online = async (): Promise<boolean[]> =>
    (
      JSON.parse(await center.tctl('kube', 'ls', '--format=json')) as {
        status: { online: boolean }
      }[]
    ).map(({ status }) => status.online)

  it('is cut off at once by a lock, with everything in its tunnel, and is back when it ends', async () => {
    await expect.poll(online).toEqual([true])
    const alice = await person()
    await reached(alice)
    const id = await hostId()
    const watch = alice.watch(`${MAPS}?watch=true`)
    await watch.until(({ type }) => type === 'ADDED')
    const ended = watch.ended
    const said = await center.tctl('lock', `--server-id=${id}`, '--message=under investigation')
    await ended
    await expect.poll(online).toEqual([false])
    await expect.poll(() => agent.stderr).toContain(`host ${id} is locked out: under investigation`)
    const refusals = async (): Promise<unknown[]> =>
      (await center.events('--event=auth')).map((event) => event['error_code'])
    await expect.poll(refusals).toContain('LOCKED')
    const name = /lock "([^"]+)"/.exec(said)?.[1] ?? ''
    await center.tctl('rm', `lock/${name}`)
    await expect.poll(online).toEqual([true])
    await reached(await person())
  })

  it('is cut off for good when it is removed', async () => {
    const alice = await person()
    await reached(alice)
    const id = await hostId()
    const watch = alice.watch(`${MAPS}?watch=true`)
    await watch.until(({ type }) => type === 'ADDED')
    const ended = watch.ended
    await center.tctl('rm', `instance/${id}`)
    await ended
    await expect
      .poll(() => agent.stderr)
      .toContain(`host ${id} was removed from this Teleport cluster`)
    await expect.poll(() => center.process.stderr).toContain('a tunnel was refused')
    await expect.poll(online).toEqual([false])
  })

  it('the process of the auth service itself is no target', async () => {
    const [own = ''] = (await readFile(join(center.directory, 'data', 'host_uuid'), 'utf8')).split(
      '\n',
    )
    const refused = await center.tryTctl(['lock', `--server-id=${own}`])
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringContaining('is the process of the auth service'),
    ])
  })
})
