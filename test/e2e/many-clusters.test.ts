import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestDaemon } from '../support/daemon.ts'
import {
  CLUSTER_VERSIONS,
  clusters,
  contextOf,
  KUBECTL_VERSIONS,
  kubectls,
  kubectlWith,
  mergedKubeconfig,
} from './support/environment.ts'

const missing = CLUSTER_VERSIONS.some(
  (wanted) => !clusters.some(({ version }) => version === wanted),
)
  ? `no Kubernetes ${CLUSTER_VERSIONS.join(' and ')} here`
  : null

describe.skipIf(missing !== null)(
  `clusters of one proxy${missing === null ? '' : ` (${missing})`}`,
  () => {
    let directory: string
    let daemon: TestDaemon
    let kubeconfig: string

    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), 'e2e-many-'))
      daemon = await TestDaemon.start({ kubeconfig: await mergedKubeconfig(directory) })
      await daemon.tctl('users', 'add', 'joe', '--k8s-groups=system:masters')
      kubeconfig = await daemon.sign('joe', '--ttl=8h')
    })
    afterAll(async () => {
      await daemon[Symbol.asyncDispose]()
      await rm(directory, { recursive: true, force: true })
    })

    it.each(KUBECTL_VERSIONS)('are never mixed up in what kubectl %s keeps', async (version) => {
      const path = kubectls.find((one) => one.version === version)?.path
      if (path === undefined) throw new Error(`no kubectl ${version}`)
      const home = join(directory, version)
      await mkdir(home)
      const on = (context: string): ReturnType<typeof kubectlWith> =>
        kubectlWith(path, kubeconfig, context, home)
      const [old, current] = clusters
        .toSorted((a, b) => a.version.localeCompare(b.version))
        .map((cluster) => on(`e2e.example.com-${contextOf(cluster)}`))
      if (old === undefined || current === undefined) throw new Error('two clusters are needed')
      // Each way round: what is warm is what the one before has left.
      for (const ask of [old, current, old]) {
        const known = await ask(['api-resources', '--no-headers'])
        expect(known.code, known.stderr).toBe(0)
        // Kinds whose versions the two servers do not share.
        const got = await ask(['get', 'cronjobs,endpointslices', '--all-namespaces', '-o', 'name'])
        expect(got.code, got.stderr).toBe(0)
      }
      const kinds = await Promise.all(
        [old, current].map(async (ask) => (await ask(['api-versions'])).stdout),
      )
      expect(kinds[0]).toContain('batch/v1beta1')
      expect(kinds[1]).not.toContain('batch/v1beta1')
    })

    it('are not served under the path of another', async () => {
      const path = kubectls.at(-1)?.path ?? ''
      const [one, other] = clusters.map((cluster) => `e2e.example.com-${contextOf(cluster)}`)
      const views = await Promise.all(
        [one, other].map(async (context) => {
          const show = kubectlWith(path, kubeconfig, context ?? '', directory)
          const jsonpath = '{.clusters[0].cluster.server} {.clusters[0].cluster.tls-server-name}'
          const { stdout } = await show([
            'config',
            'view',
            '--minify',
            '-o',
            `jsonpath=${jsonpath}`,
          ])
          return stdout.split(' ')
        }),
      )
      const [server] = views[0] ?? []
      const [, serverName] = views[1] ?? []
      const ask = kubectlWith(path, kubeconfig, one ?? '', join(directory, 'crossed'))
      const crossed = await ask([
        'get',
        'pods',
        `--server=${server}`,
        `--tls-server-name=${serverName}`,
      ])
      expect(crossed.code).not.toBe(0)
      expect(crossed.stderr).toContain('is another cluster’s than its tls-server-name')
    })
  },
)
