import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FakeApi } from '../../../../test/support/fake-api.ts'
import { FakeIo, tctl } from '../../../../test/support/fake-io.ts'
import type { KubeClusterResource, KubeClusterWrite } from '../../../contract/index.ts'

const status: KubeClusterResource['status'] = {
  server_name: 'k-x.teleport.cluster.local',
  online: true,
  last_seen: '2026-01-31T09:00:00.000Z',
}
const announced: KubeClusterResource = {
  kind: 'kube_cluster',
  version: 'v3',
  metadata: { name: 'own', labels: {} },
  status,
}
const dynamic: KubeClusterResource = {
  kind: 'kube_cluster',
  version: 'v3',
  metadata: { name: 'staging', labels: { env: 'staging' }, revision: '7' },
  spec: { server: 'https://10.0.0.1:6443' },
  status,
}

describe('tctl and dynamic clusters', () => {
  let directory: string
  let written: KubeClusterWrite[]
  let queries: unknown[]
  let api: FakeApi
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tctl-'))
    written = []
    queries = []
    const write = ({ body }: { readonly body: KubeClusterWrite }): KubeClusterResource => {
      written.push(body)
      return dynamic
    }
    api = new FakeApi({
      'kube_clusters.list': ({ query }) => {
        queries.push(query)
        return { items: [announced, dynamic], next: null }
      },
      'kube_clusters.read': ({ params, query }) => {
        queries.push(query)
        return params['name'] === 'own' ? announced : dynamic
      },
      'kube_clusters.create': write,
      'kube_clusters.upsert': write,
      'kube_clusters.delete': () => ({}),
      'roles.list': () => ({ items: [], next: null }),
      'users.list': () => ({ items: [], next: null }),
      'locks.list': () => ({ items: [], next: null }),
      'cluster_settings.read': () => ({
        kind: 'cluster_settings',
        version: 'v1',
        metadata: { name: 'cluster-settings' },
        spec: {},
      }),
    })
  })
  afterEach(() => rm(directory, { recursive: true, force: true }))

  const run = async (argv: string[], io = new FakeIo()): Promise<{ code: number; io: FakeIo }> => ({
    code: await tctl(api, argv, io),
    io,
  })

  it('creates one from a file, and replaces it with -f', async () => {
    const file = join(directory, 'staging.yaml')
    await writeFile(
      file,
      'kind: kube_cluster\nversion: v3\nmetadata: {name: staging}\nspec: {kubeconfig: abcd}\n',
    )
    const created = await run(['create', file])
    expect(created.io.out).toBe('kube_cluster "staging" created\n')
    await run(['create', '-f', file])
    expect(api.calls).toEqual(['kube_clusters.create', 'kube_clusters.upsert'])
    expect(written[0]?.spec).toEqual({ kubeconfig: 'abcd' })
    await run(['rm', 'kube_cluster/staging'])
    expect(api.calls.at(-1)).toBe('kube_clusters.delete')
  })

  it('does not write what a service announces', async () => {
    const file = join(directory, 'own.yaml')
    await writeFile(file, 'kind: kube_cluster\nversion: v3\nmetadata: {name: own}\n')
    const { code, io } = await run(['create', file])
    expect([code, io.err]).toEqual([1, expect.stringContaining('is not written by hand')])
    const edited = await run(['edit', 'kube_cluster/own', '--editor=true'])
    expect([edited.code, edited.io.err]).toEqual([
      1,
      expect.stringContaining('a service announces it'),
    ])
    expect(written).toEqual([])
  })

  it('edits labels without a kubeconfig in the text, and with the revision', async () => {
    const io = new FakeIo({ isTty: true })
    io.foreground = async (_command, [path = '']) => {
      const text = await readFile(path, 'utf8')
      await writeFile(path, text.replace('env: staging', 'env: dev'))
      return 0
    }
    await run(['edit', 'kube_cluster/staging', '--editor=ed'], io)
    expect(written[0]).toMatchObject({
      metadata: { name: 'staging', labels: { env: 'dev' }, revision: '7' },
      spec: { server: 'https://10.0.0.1:6443' },
    })
  })

  it('asks for secrets only when told to', async () => {
    await run(['get', 'kube_clusters'])
    await run(['get', 'kube_cluster/staging', '--with-secrets'])
    expect(queries).toEqual([{}, { with_secrets: 'true' }])
  })

  it('keeps of "all" what can be written back', async () => {
    const { io } = await run(['get', 'all'])
    expect(io.out).toContain('name: staging')
    expect(io.out).not.toContain('name: own')
  })
})
