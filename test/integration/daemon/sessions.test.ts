import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ApiClient, readAdminIdentity } from '../../../src/client/index.ts'
import type { RoleResource, SessionResource } from '../../../src/contract/index.ts'
import { silentLogger, systemClock } from '../../../src/core/index.ts'
import { openDemoCluster } from '../../../src/demo/index.ts'
import { kubeServerName } from '../../../src/protocol/index.ts'
import { generateKeyPair, publicKeyToPem } from '../../../src/x509/index.ts'
import { TestDaemon } from '../../support/daemon.ts'
import { KubeClient } from '../../support/kube-client.ts'
import { runningPod, Shell } from '../../support/kube-shell.ts'

const PATIENTLY = { timeout: 10_000 }
const role = (max: number): RoleResource => ({
  kind: 'role',
  version: 'v7',
  metadata: { name: 'dev' },
  spec: {
    options: { max_kubernetes_connections: max },
    allow: { kubernetes_groups: ['system:masters'], kubernetes_labels: { '*': '*' } },
  },
})

/** The real daemon and the real commands, in front of the demo cluster. */
describe('sessions of one process', () => {
  const stack = new AsyncDisposableStack()
  let daemon: TestDaemon
  let admin: ApiClient
  let alice: KubeClient
  let pod: string

  beforeAll(async () => {
    const demo = stack.use(await openDemoCluster({ clock: systemClock, log: silentLogger }))
    const directory = await mkdtemp(join(tmpdir(), 'sessions-'))
    stack.defer(() => rm(directory, { recursive: true, force: true }))
    const kubeconfig = join(directory, 'kubeconfig')
    await writeFile(kubeconfig, demo.kubeconfig(), { mode: 0o600 })
    daemon = stack.use(await TestDaemon.start({ kubeconfig }))
    admin = stack.use(new ApiClient(await readAdminIdentity(join(daemon.directory, 'data'))))
    await admin.call('roles.create', { body: role(2) })
    await admin.call('users.create', {
      body: { kind: 'user', version: 'v2', metadata: { name: 'alice' }, spec: { roles: ['dev'] } },
    })
    const { privateKey, publicKey } = await generateKeyPair()
    const issued = await admin.call('users.certificates.create', {
      params: { name: 'alice' },
      body: { public_key: publicKeyToPem(publicKey) },
    })
    const { items } = await admin.call('kube_clusters.list', {})
    alice = stack.use(
      KubeClient.withCertificate(
        { host: '127.0.0.1', port: daemon.ports.kube },
        {
          ca: issued.host_ca,
          cert: issued.certificate,
          key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
          servername: kubeServerName(issued.teleport_cluster, items[0]?.metadata.name ?? ''),
        },
      ),
    )
  })
  beforeEach(async () => {
    pod = await runningPod(alice)
  })
  afterAll(() => stack[Symbol.asyncDispose]())

  const listed = async (): Promise<SessionResource[]> =>
    JSON.parse(await daemon.tctl('sessions', 'ls', '--format=json')) as SessionResource[]

  it('are listed, ended in words by an administrator, and gone from the list', async () => {
    using shell = await Shell.open(alice, pod)
    const [session] = await listed()
    expect(session).toMatchObject({ kind: 'exec', user: 'alice', pod, command: ['cat'] })
    const id = session?.session_id ?? ''
    expect(await daemon.tctl('sessions', 'ls', '--kind=kube', '--user=alice')).toContain(id)
    expect(await daemon.tctl('sessions', 'ls', '--user=bob')).not.toContain(id)
    expect(await daemon.tctl('sessions', 'rm', id, '--message=maintenance begins')).toContain(
      `session ${id} of alice in `,
    )
    await expect.poll(() => shell.isOver, PATIENTLY).toBe(true)
    expect(shell.said).toContain('this session was ended by @admin: maintenance begins')
    await expect.poll(listed, PATIENTLY).toEqual([])
    const { items } = await admin.call('events.list', {
      query: { event: 'session.terminate,session.end', order: 'asc' },
    })
    expect(items).toMatchObject([
      { event: 'session.terminate', user: '@admin', session_user: 'alice', sid: id },
      { event: 'session.end', user: 'alice', sid: id },
    ])
  })

  it('are as many of a person as his role allows, also when they begin at once', async () => {
    const opened = await Promise.allSettled(Array.from({ length: 4 }, () => Shell.open(alice, pod)))
    const shells = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    expect(shells).toHaveLength(2)
    for (const one of opened) {
      if (one.status === 'rejected')
        expect(String(one.reason)).toContain('you have 2 sessions already')
    }
    for (const shell of shells) shell[Symbol.dispose]()
    await expect.poll(listed, PATIENTLY).toEqual([])
    using again = await Shell.open(alice, pod)
    expect(again.isOver).toBe(false)
  })
})
