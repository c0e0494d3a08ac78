import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/core/index.ts'
import {
  type LoadedUpstreams,
  loadKubeconfigFiles,
  loadUpstreams,
  THROUGH_TELEPORT,
  type UpstreamSource,
} from '../../../src/upstream/index.ts'
import { ask, open, recordingLogger } from './support/client.ts'
import { createPki, type Pki } from './support/pki.ts'
import { startHttps } from './support/servers.ts'

let pki: Pki
let directory: string

beforeAll(async () => {
  pki = await createPki()
  directory = await mkdtemp(join(tmpdir(), 'loading-'))
  const one = await pki.client('one')
  const two = await pki.client('two')
  await Promise.all([
    writeFile(join(directory, 'ca.crt'), pki.ca),
    writeFile(join(directory, 'token'), 'from-file'),
    writeFile(join(directory, 'one.crt'), one.cert),
    writeFile(join(directory, 'one.key'), one.key),
    writeFile(join(directory, 'two.key'), two.key),
    writeFile(join(directory, 'words'), 'just words'),
  ])
})

afterAll(async () => {
  await rm(directory, { recursive: true })
})

async function kubeconfig(name: string, text: string): Promise<string> {
  const path = join(directory, name)
  await writeFile(path, text)
  return path
}

function load(
  source: UpstreamSource,
  env: Record<string, string> = {},
  log = recordingLogger(),
): Promise<LoadedUpstreams> {
  return loadUpstreams(source, { clock: systemClock, log, env })
}

describe('a kubeconfig', () => {
  test('gives no cluster for a context that leads through Teleport: it would lead back to us', async () => {
    const path = await kubeconfig(
      'through',
      `
clusters:
- {name: c, cluster: {server: "https://c", certificate-authority: ca.crt}}
- {name: t, cluster: {server: "https://t", tls-server-name: "k-abc.teleport.cluster.local", certificate-authority: ca.crt}}
users: [{name: u, user: {token: t}}]
contexts:
- {name: direct, context: {cluster: c, user: u}}
- {name: through, context: {cluster: t, user: u}}
`,
    )
    const { clusters, broken } = await load({ kubeconfigFile: path })
    expect(clusters.map(({ name }) => name)).toEqual(['direct'])
    expect(broken).toEqual([{ context: 'through', reason: THROUGH_TELEPORT }])
  })

  test('leaves out a context whose name nobody could be told', async () => {
    const long = 'n'.repeat(513)
    const path = await kubeconfig(
      'long',
      `
clusters: [{name: c, cluster: {server: "https://c"}}]
users: [{name: u, user: {token: t}}]
contexts:
- {name: ${long}, context: {cluster: c, user: u}}
- {name: ${long.slice(1)}, context: {cluster: c, user: u}}
`,
    )
    const { clusters, broken } = await load({ kubeconfigFile: path })
    expect(clusters.map(({ name }) => name.length)).toEqual([512])
    expect(broken).toEqual([{ context: long, reason: 'its name is longer than 512 characters' }])
  })

  test('gives a cluster for each context that can be served; the others are told and logged', async () => {
    const log = recordingLogger()
    const path = await kubeconfig(
      'config',
      `
clusters:
- {name: c, cluster: {server: "https://c", certificate-authority: ca.crt}}
- {name: no-ca, cluster: {server: "https://c", certificate-authority: none.crt}}
- {name: bad-ca, cluster: {server: "https://c", certificate-authority: words}}
users:
- {name: file, user: {tokenFile: token}}
- {name: certificate, user: {client-certificate: one.crt, client-key: one.key}}
- {name: mismatch, user: {client-certificate: one.crt, client-key: two.key}}
- {name: exec, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: not-run-at-load}}}
- {name: as, user: {token: t, as: somebody}}
contexts:
- {name: with-token, context: {cluster: c, user: file}}
- {name: with-certificate, context: {cluster: c, user: certificate}}
- {name: with-exec, context: {cluster: c, user: exec}}
- {name: mismatched, context: {cluster: c, user: mismatch}}
- {name: without-ca, context: {cluster: no-ca, user: file}}
- {name: with-bad-ca, context: {cluster: bad-ca, user: file}}
- {name: impersonating, context: {cluster: c, user: as}}
- {name: dangling, context: {cluster: c, user: nobody}}
`,
    )
    const { clusters, broken } = await load({ kubeconfigFile: path }, {}, log)
    expect(clusters.map(({ name }) => name)).toEqual([
      'with-token',
      'with-certificate',
      'with-exec',
    ])
    const prefix = (context: string): string => `credentials of cluster ${context}: `
    expect(broken).toEqual([
      {
        context: 'impersonating',
        reason:
          'user "as": as: the service must be itself to impersonate others, remove this field',
      },
      { context: 'dangling', reason: 'context "dangling": user "nobody" is not defined' },
      {
        context: 'mismatched',
        reason: expect.stringContaining('client-certificate and client-key: '),
      },
      {
        context: 'without-ca',
        reason: `${prefix('without-ca')}certificate-authority: cannot read ${join(directory, 'none.crt')} (ENOENT)`,
      },
      {
        context: 'with-bad-ca',
        reason: `${prefix('with-bad-ca')}certificate-authority: holds no PEM block`,
      },
    ])
    expect(log.lines.map(({ level, fields }) => [level, fields['context']])).toEqual(
      broken.map(({ context }) => ['error', context]),
    )
  })

  test('that cannot be read is an error', async () => {
    await expect(load({ kubeconfigFile: '/nowhere/config' })).rejects.toMatchObject({
      code: 'UPSTREAM_CONFIG',
      message: 'cannot read kubeconfig /nowhere/config: no such file or directory',
    })
    const path = await kubeconfig('bad', 'users: {')
    await expect(load({ kubeconfigFile: path })).rejects.toMatchObject({
      code: 'KUBECONFIG_INVALID',
    })
  })

  test('of several files is merged, the first wins, missing ones are skipped', async () => {
    const first = await kubeconfig(
      'first',
      'clusters: [{name: c, cluster: {server: "https://first"}}]',
    )
    const second = await kubeconfig(
      'second',
      `clusters: [{name: c, cluster: {server: "https://second"}}]
contexts: [{name: a, context: {cluster: c}}]`,
    )
    const { clusters } = await load({ kubeconfigFile: [first, '/nowhere/config', second] })
    expect(clusters.map(({ name, host }) => [name, host])).toEqual([['a', 'first']])
    await expect(loadKubeconfigFiles(['/nowhere/a', '/nowhere/b'])).rejects.toMatchObject({
      code: 'UPSTREAM_CONFIG',
      message: 'no kubeconfig at /nowhere/a, /nowhere/b',
    })
  })
})

describe('in a pod', () => {
  const inCluster = (): UpstreamSource => ({
    inCluster: { clusterName: 'home', serviceAccountDir: directory },
  })

  test('the ServiceAccount is used', async () => {
    await using server = await startHttps(await pki.server(), (request, response) => {
      response.end(request.headers.authorization)
    })
    const env = {
      KUBERNETES_SERVICE_HOST: '127.0.0.1',
      KUBERNETES_SERVICE_PORT: String(server.port),
    }
    const { clusters, broken } = await load(inCluster(), env)
    expect(broken).toEqual([])
    const [target] = clusters
    if (target === undefined) throw new Error('no cluster')
    expect(target.name).toBe('home')
    await using upstream = open(target)
    expect((await ask(upstream)).text).toBe('Bearer from-file')
  })

  test('the address may be IPv6', async () => {
    const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' }
    const { clusters } = await load(inCluster(), env)
    expect(clusters[0]).toMatchObject({
      hostname: 'fd00::1',
      host: '[fd00::1]',
      port: 443,
      secure: true,
    })
  })

  test('what is missing is named', async () => {
    await expect(load(inCluster())).rejects.toMatchObject({
      code: 'UPSTREAM_CONFIG',
      message: expect.stringContaining('KUBERNETES_SERVICE_HOST'),
    })
    const env = { KUBERNETES_SERVICE_HOST: 'x', KUBERNETES_SERVICE_PORT: '1' }
    const elsewhere = { inCluster: { clusterName: 'home', serviceAccountDir: '/nowhere' } }
    await expect(load(elsewhere, env)).rejects.toMatchObject({
      code: 'UPSTREAM_CONFIG',
      message:
        'the pod has no ServiceAccount token at /nowhere/token (automountServiceAccountToken?)',
    })
    const odd = { KUBERNETES_SERVICE_HOST: 'a b', KUBERNETES_SERVICE_PORT: 'tcp://1' }
    await expect(load(inCluster(), odd)).rejects.toMatchObject({ code: 'UPSTREAM_CONFIG' })
  })
})
