import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { afterEach, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { silentLogger, systemClock } from '../../../src/core/index.ts'
import { openDemoCluster } from '../../../src/demo/index.ts'
import { TestDaemon } from '../../support/daemon.ts'

const stack = new AsyncDisposableStack()
afterEach(() => stack.disposeAsync())

it('a cluster of the auth service’s own process is not served under the name of a resource', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'teleport-names-'))
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  const demo = stack.use(await openDemoCluster({ clock: systemClock, log: silentLogger }))
  const kubeconfig = join(directory, 'kubeconfig')
  await writeFile(kubeconfig, demo.kubeconfig())
  const off = { enabled: false, kubeconfig_file: undefined }
  const first = await TestDaemon.start({
    kubeconfig,
    directory,
    config: { kubernetes_service: off },
  })
  const file = join(directory, 'demo.yaml')
  const resource = {
    kind: 'kube_cluster',
    version: 'v3',
    metadata: { name: 'demo' },
    spec: { kubeconfig: demo.kubeconfig() },
  }
  await writeFile(file, stringify(resource))
  await first.tctl('create', file)
  await first.stop()
  const second = stack.use(await TestDaemon.start({ kubeconfig, directory }))
  const listed = JSON.parse(await second.tctl('kube', 'ls', '--format=json')) as {
    status: { online: boolean; server_name: string }
  }[]
  expect(listed.map(({ status }) => status.online)).toEqual([false])
  expect(second.process.stderr).toContain('the name is that of a kube_cluster resource')
  // Who answers under the name: the one that says why nobody does.
  const serverName = listed[0]?.status.server_name ?? ''
  expect(await namesOf(second.ports.kube, serverName)).toContain('DNS:*.')
  await second.tctl('rm', 'kube_cluster/demo')
  await expect
    .poll(async () => (await second.tctl('kube', 'ls')).includes('healthy'), { timeout: 60_000 })
    .toBe(true)
  // Its certificate comes after its name.
  await expect
    .poll(() => namesOf(second.ports.kube, serverName), { timeout: 60_000 })
    .toBe(`DNS:${serverName}`)
})

/** The names in the certificate of whoever answers. */
async function namesOf(port: number, servername: string): Promise<string | undefined> {
  const socket = connect({ host: '127.0.0.1', port, servername, rejectUnauthorized: false })
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  const { subjectaltname } = socket.getPeerCertificate()
  socket.destroy()
  return subjectaltname
}
