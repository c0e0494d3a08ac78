import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ClusterMatcher } from '../../../src/authz/index.ts'
import type { KubeClusterWrite } from '../../../src/contract/index.ts'
import { silentLogger, systemClock } from '../../../src/core/index.ts'
import type { MemberLink } from '../../../src/daemon/services/member.ts'
import { type DemoCluster, openDemoCluster } from '../../../src/demo/index.ts'
import { KubeClient } from '../../support/kube-client.ts'
import { type AgentParty, Parties } from './support/parties.ts'

const MAPS = '/api/v1/namespaces/demo/configmaps'
const EVERY: readonly ClusterMatcher[] = [{ labels: { '*': '*' } }]
const TEST: readonly ClusterMatcher[] = [{ labels: { env: ['test', 'dev'] } }]

/** An agent without a cluster of its own, which serves what somebody writes down. */
describe('dynamic clusters on an agent', () => {
  let parties: Parties
  let link: MemberLink
  let pipe: { up: boolean }
  let agent: AgentParty
  let connect: (agent: AgentParty) => KubeClient

  beforeEach(async () => {
    parties = await Parties.open()
    pipe = { up: true }
    link = await parties.auth.link('agent-1', 'token', pipe, EVERY)
    agent = await parties.agent(link, { demo: null, resources: TEST })
    await agent.start()
    connect = await parties.person('alice', 'west')
  })
  afterEach(() => parties[Symbol.asyncDispose]())

  const cluster = (
    kubeconfig: string = parties.demo.kubeconfig(),
    labels: Record<string, string> = { env: 'test' },
  ): KubeClusterWrite => ({
    kind: 'kube_cluster',
    version: 'v3',
    metadata: { name: 'west', labels },
    spec: { kubeconfig },
  })
  const write = async (body: KubeClusterWrite): Promise<void> => {
    using admin = await parties.auth.admin()
    await admin.call('kube_clusters.upsert', { params: { name: 'west' }, body })
  }
  const remove = async (): Promise<void> => {
    using admin = await parties.auth.admin()
    await admin.call('kube_clusters.delete', { params: { name: 'west' } })
  }
  const served = async (names: readonly string[], party = agent): Promise<void> => {
    await expect.poll(() => party.agent.kube.names).toEqual(names)
  }
  const reached = async (): Promise<KubeClient> => {
    await served(['west'])
    const client = connect(agent)
    // Its certificate comes after its name.
    await expect
      .poll(() =>
        client.get(MAPS).then(
          ({ status }) => status,
          () => 0,
        ),
      )
      .toBe(200)
    return client
  }
  const another = async (): Promise<DemoCluster> =>
    parties.stack.use(await openDemoCluster({ clock: systemClock, log: silentLogger }))

  it('are picked up and dropped without a restart, and the lists tell the truth', async () => {
    await served([])
    await write(cluster())
    const client = await reached()
    using admin = await parties.auth.admin()
    const status = async (): Promise<unknown> =>
      (await admin.call('kube_clusters.list', {})).items.map(({ metadata, status: is }) => [
        metadata.name,
        is.online,
        is.health,
      ])
    await expect.poll(status).toEqual([['west', true, 'healthy']])
    await remove()
    await served([])
    expect(await status()).toEqual([])
    const refused = await client.get(MAPS)
    expect([refused.status, refused.body?.message]).toEqual([
      503,
      expect.stringContaining('Kubernetes cluster "west" is not served here any more'),
    ])
  })

  it('end their watches with a Status when they are dropped, and tell what was done there', async () => {
    await write(cluster())
    const client = await reached()
    using watch = client.watch(`${MAPS}?watch=true`)
    await watch.until(({ type }) => type === 'ADDED')
    await remove()
    const last = await watch.until(({ type }) => type === 'ERROR')
    expect(last.object).toMatchObject({ kind: 'Status', code: 503 })
    await expect
      .poll(async () =>
        (await parties.auth.requests()).filter(
          (event) => event['error_code' as keyof typeof event] === 'CLUSTER_DROPPED',
        ),
      )
      .toHaveLength(1)
  })

  it('with another kubeconfig serve what begins by it, and what is underway goes on', async () => {
    const other = await another()
    await write(cluster())
    const client = await reached()
    using watch = client.watch(`${MAPS}?watch=true`)
    await watch.until(({ type }) => type === 'ADDED')
    await write(cluster(other.kubeconfig()))
    await client.post(MAPS, { metadata: { name: 'there' } })
    await expect
      .poll(async () => {
        await client.ask('DELETE', `${MAPS}/probe`)
        await client.post(MAPS, { metadata: { name: 'probe' } })
        return other.connections
      })
      .toBeGreaterThan(0)
    // Through the former way, which still carries the watch.
    using direct = await KubeClient.open(parties.demo.kubeconfig())
    await direct.post(MAPS, { metadata: { name: 'seen' } })
    const event = await watch.until(
      ({ object }) => (object as { metadata?: { name?: string } }).metadata?.name === 'seen',
    )
    expect(event.type).toBe('ADDED')
  })

  it('with other labels are judged by them, and given up when they match no more', async () => {
    await write(cluster())
    const client = await reached()
    using watch = client.watch(`${MAPS}?watch=true`)
    await watch.until(({ type }) => type === 'ADDED')
    await write({ ...cluster(undefined, { env: 'dev' }), spec: {} })
    await watch.until(({ type }) => type === 'ERROR')
    expect((await client.get(MAPS)).status).toBe(403)
    await served(['west'])
    await write({ ...cluster(undefined, { env: 'prod' }), spec: {} })
    await served([])
  })

  it('go on without the auth service, also after a restart, from a file that tells no secret', async () => {
    await write(cluster())
    await reached()
    pipe.up = false
    await agent.stop()
    const entries = await readdir(agent.directory, { recursive: true, withFileTypes: true })
    const files = entries.filter((entry) => entry.isFile())
    expect(files.map(({ name }) => name)).toContain('member-kube-clusters.json')
    for (const { parentPath, name } of files) {
      const text = await readFile(join(parentPath, name), 'latin1')
      expect(text.includes(parties.demo.token), name).toBe(false)
    }
    await agent.start()
    await served(['west'])
    expect((await connect(agent).get(MAPS)).status).toBe(200)
    pipe.up = true
    await remove()
    await served([])
  })

  it('are those that the join token gives, whatever the agent asks for', async () => {
    const poor = await parties.agent(await parties.auth.link('agent-2', 'other'), {
      demo: null,
      resources: EVERY,
    })
    await poor.start()
    await write(cluster())
    await reached()
    expect(poor.agent.kube.names).toEqual([])
    expect(await readdir(poor.directory)).not.toContain('member-kube-clusters.json')
  })

  it('are not served under a name that the agent has by its own configuration', async () => {
    await write(cluster())
    await reached()
    using admin = await parties.auth.admin()
    const own = await parties.agent(await parties.auth.link('agent-3', 'third', pipe, EVERY), {
      resources: EVERY,
    })
    await own.start()
    await expect
      .poll(() => admin.call('kube_servers.list', {}).then(({ items }) => items.length))
      .toBe(3)
    await expect(
      admin.call('kube_clusters.create', {
        body: { ...cluster(), metadata: { name: 'demo' } },
      }),
    ).rejects.toMatchObject({ code: 'CONFLICT' })
  })

  it('a second agent of another token serves the same one', async () => {
    const second = await parties.agent(await parties.auth.link('agent-2', 'other', pipe, EVERY), {
      demo: null,
      resources: EVERY,
    })
    await second.start()
    await write(cluster())
    await served(['west'])
    await served(['west'], second)
    using admin = await parties.auth.admin()
    await expect
      .poll(async () => (await admin.call('kube_clusters.list', {})).items[0]?.status.services)
      .toBe(2)
  })
})
