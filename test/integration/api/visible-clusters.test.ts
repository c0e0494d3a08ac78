import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Announcement } from '../../../src/api/index.ts'
import { ApiClient } from '../../../src/client/index.ts'
import type { RoleResource } from '../../../src/contract/index.ts'
import { TestApi } from './support/test-api.ts'

const cluster = (name: string, fields: Partial<Announcement> = {}): Announcement => ({
  name,
  serverName: `${name}.kube.test`,
  labels: { team: name },
  unknownLabels: [],
  health: 'healthy',
  problem: null,
  sinceMs: 0,
  kubernetesVersion: null,
  version: '0.0.0',
  address: null,
  ...fields,
})

const role = (name: string, spec: RoleResource['spec']): RoleResource => ({
  kind: 'role',
  version: 'v7',
  metadata: { name },
  spec,
})

/** Reaches the clusters of one team, and may ask the API for clusters. */
const ofTeam = (team: string): RoleResource =>
  role(team, {
    allow: {
      kubernetes_labels: { team },
      kubernetes_groups: ['g'],
      rules: [{ resources: ['kube_cluster'], verbs: ['list', 'read'] }],
    },
  })

describe('clusters of somebody else', () => {
  let api: TestApi
  beforeEach(async () => {
    api = await TestApi.start()
    using admin = new ApiClient(await api.admin())
    const everywhere = role('everywhere', {
      allow: { kubernetes_labels: { '*': '*' }, kubernetes_groups: ['g'] },
      deny: { kubernetes_labels: { env: 'prod' } },
    })
    for (const body of [ofTeam('east'), ofTeam('west'), everywhere]) {
      await admin.call('roles.create', { body })
    }
    await api.kubeClusters.announce('h', [cluster('east'), cluster('west')])
  })
  afterEach(() => api[Symbol.asyncDispose]())

  it.each([
    ['east', 'west'],
    ['west', 'east'],
  ])('are not in the list of %s, and are not found by name', async (own, other) => {
    using client = new ApiClient(await api.as(`person-${own}`, [own]))
    const { items } = await client.call('kube_clusters.list', {})
    expect(items.map(({ metadata }) => metadata.name)).toEqual([own])
    const found = await client.call('kube_clusters.read', { params: { name: own } })
    expect(found.status.server_name).toBe(`${own}.kube.test`)
    const refusal = async (name: string): Promise<{ code: string; message: string }> => {
      const error: unknown = await client
        .call('kube_clusters.read', { params: { name } })
        .catch((thrown: unknown) => thrown)
      const { code, message } = error as { code: string; message: string }
      return { code, message: message.replaceAll(name, '?') }
    }
    const foreign = await refusal(other)
    expect(foreign).toMatchObject({ code: 'NOT_FOUND' })
    expect(foreign).toEqual(await refusal('none'))
  })

  it('are not counted in the pages of a list, which are told one after the other', async () => {
    const names = Array.from({ length: 25 }, (_, index) => `c${String(index).padStart(2, '0')}`)
    const mine = names.filter((_, index) => index % 2 === 0)
    await api.kubeClusters.announce(
      'h',
      names.map((name) =>
        cluster(name, { labels: { team: mine.includes(name) ? 'east' : 'west' } }),
      ),
    )
    using client = new ApiClient(await api.as('person-east', ['east']))
    const told: string[][] = []
    let after: string | null = null
    do {
      const page: { items: { metadata: { name: string } }[]; next: string | null } =
        await client.call('kube_clusters.list', {
          query: { limit: 5, ...(after === null ? {} : { after }) },
        })
      told.push(page.items.map(({ metadata }) => metadata.name))
      after = page.next
    } while (after !== null)
    expect(told.map(({ length }) => length)).toEqual([5, 5, 4])
    expect(told.flat()).toEqual([...mine, 'east'])
  })

  it('are not deleted by whoever may delete, and not told from those that do not exist', async () => {
    {
      using admin = new ApiClient(await api.admin())
      const rules = [{ resources: ['kube_cluster'], verbs: ['delete'] }]
      await admin.call('roles.create', { body: role('deletes', { allow: { rules } }) })
    }
    using client = new ApiClient(await api.as('person-east', ['east', 'deletes']))
    const refusal = async (name: string): Promise<{ code: string; message: string }> => {
      const error: unknown = await client
        .call('kube_clusters.delete', { params: { name } })
        .catch((thrown: unknown) => thrown)
      const { code, message } = error as { code: string; message: string }
      return { code, message: message.replaceAll(name, '?') }
    }
    const none = await refusal('none')
    expect(none).toMatchObject({ code: 'NOT_FOUND' })
    expect(await refusal('west')).toEqual(none)
    await api.kubeClusters.withdraw('h', ['west'])
    expect(await refusal('west')).toEqual(none)
    expect(await api.kubeClusters.find('west')).not.toBeNull()
    // His own is online, which he may know.
    expect(await refusal('east')).toMatchObject({ code: 'CONFLICT' })
    await api.kubeClusters.withdraw('h', ['east'])
    await client.call('kube_clusters.delete', { params: { name: 'east' } })
    expect(await api.kubeClusters.find('east')).toBeNull()
  })

  it('stay hidden when they are offline', async () => {
    await api.kubeClusters.withdraw('h', ['west'])
    using client = new ApiClient(await api.as('person-east', ['east']))
    const { items } = await client.call('kube_clusters.list', {})
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['east'])
  })

  it('are hidden from whom a label that is not known may forbid them', async () => {
    const west = cluster('west')
    const names = async (): Promise<string[]> =>
      (await client.call('kube_clusters.list', {})).items.map(({ metadata }) => metadata.name)
    using client = new ApiClient(await api.as('person-both', ['east', 'everywhere']))
    expect(await names()).toEqual(['east', 'west'])
    await api.kubeClusters.announce('h', [cluster('east', { unknownLabels: ['env'] }), west])
    expect(await names()).toEqual(['west'])
    await api.kubeClusters.announce('h', [cluster('east'), west])
    expect(await names()).toEqual(['east', 'west'])
  })
})
