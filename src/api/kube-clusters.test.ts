import { describe, expect, it } from 'vitest'
import { openMemoryBackend } from '../storage/index.ts'
import { type Announcement, KubeClusterRegistry } from './kube-clusters.ts'
import { KUBE_CLUSTER_MEMORY_MS, KUBE_CLUSTER_OFFLINE_MS, KUBE_CLUSTER_WRITE_MS } from './limits.ts'

const START_MS = 1_000_000_000
const prod = (fields: Partial<Announcement> = {}): Announcement => ({
  name: 'prod',
  serverName: 'k-prod',
  labels: { env: 'prod' },
  unknownLabels: [],
  health: 'healthy',
  problem: null,
  sinceMs: START_MS,
  kubernetesVersion: 'v1.35.4',
  version: '1.0.0',
  address: null,
  ...fields,
})

function stage(): {
  registry: KubeClusterRegistry
  advance(ms: number): number
  restarted(): KubeClusterRegistry
  writes(): Promise<number>
} {
  let nowMs = START_MS
  const clock = { now: () => nowMs }
  const backend = openMemoryBackend({ clock })
  return {
    registry: new KubeClusterRegistry(backend, clock),
    advance(ms) {
      nowMs += ms
      return nowMs
    },
    restarted: () => new KubeClusterRegistry(backend, clock),
    writes: async () => (await backend.list('kube_servers')).revision,
  }
}

describe('KubeClusterRegistry', () => {
  it('tells what a service said, for as long as it goes on saying so', async () => {
    const { registry, advance } = stage()
    await registry.announce('one', [prod()])
    expect(await registry.find('prod')).toMatchObject({
      online: true,
      services: 1,
      offlineSinceMs: null,
    })
    advance(KUBE_CLUSTER_OFFLINE_MS - 1)
    expect(await registry.findByServerName('k-prod')).toMatchObject({ online: true })
    advance(1)
    expect(await registry.find('prod')).toMatchObject({
      online: false,
      services: 0,
      offlineSinceMs: START_MS,
    })
  })

  it('tells both versions when services of one name differ: they may be two clusters', async () => {
    const { registry } = stage()
    await registry.announce('one', [prod({ kubernetesVersion: 'v1.35.4' })])
    await registry.announce('two', [prod({ kubernetesVersion: 'v1.20.2' })])
    await registry.announce('three', [prod({ kubernetesVersion: 'v1.35.4' })])
    await registry.announce('four', [prod({ kubernetesVersion: null })])
    const version = async (): Promise<unknown> => (await registry.find('prod'))?.kubernetesVersion
    expect(await version()).toBe('v1.20.2, v1.35.4')
    await registry.withdraw('two', ['prod'])
    expect(await version()).toBe('v1.35.4')
  })

  it('prefers the service whose cluster is well, and counts those that live', async () => {
    const { registry } = stage()
    await registry.announce('one', [prod({ health: 'unhealthy', problem: 'down' })])
    expect(await registry.find('prod')).toMatchObject({ health: 'unhealthy', problem: 'down' })
    await registry.announce('two', [prod()])
    expect(await registry.find('prod')).toMatchObject({
      health: 'healthy',
      services: 2,
      hostId: 'two',
    })
    expect(registry.serving('k-prod').map(({ hostId }) => hostId)).toEqual(['two', 'one'])
    await registry.withdraw('two', ['prod'])
    expect(await registry.find('prod')).toMatchObject({
      health: 'unhealthy',
      services: 1,
      online: true,
    })
  })

  it('withdraws what a service no longer names, at once', async () => {
    const { registry, advance } = stage()
    await registry.announce('one', [prod(), prod({ name: 'dev', serverName: 'k-dev' })])
    const nowMs = advance(1000)
    await registry.announce('one', [prod()])
    expect(await registry.find('dev')).toMatchObject({ online: false, offlineSinceMs: nowMs })
    expect(await registry.find('prod')).toMatchObject({ online: true })
    expect(await registry.announced('one', 'dev')).toBe(true)
    expect(await registry.announced('two', 'dev')).toBe(false)
  })

  it('writes only what is new, or once in a while', async () => {
    const { registry, advance, writes } = stage()
    await registry.announce('one', [prod()])
    const before = await writes()
    for (let beat = 0; beat < 11; beat += 1) {
      advance(5000)
      await registry.announce('one', [prod()])
    }
    expect(await writes()).toBe(before)
    await registry.announce('one', [prod({ health: 'unhealthy', problem: 'down' })])
    expect(await writes()).toBe(before + 1)
    advance(KUBE_CLUSTER_WRITE_MS)
    await registry.announce('one', [prod({ health: 'unhealthy', problem: 'down' })])
    expect(await writes()).toBe(before + 2)
  })

  it('after a restart gives a service that lived the time to say so again', async () => {
    const { registry, advance, restarted } = stage()
    await registry.announce('one', [prod()])
    advance(KUBE_CLUSTER_WRITE_MS - 1)
    await registry.announce('one', [prod()])
    const after = restarted()
    expect(await after.find('prod')).toMatchObject({ online: true })
    advance(KUBE_CLUSTER_OFFLINE_MS)
    expect(await after.find('prod')).toMatchObject({ online: false })
    expect(await restarted().find('prod')).toMatchObject({ online: true })
    advance(KUBE_CLUSTER_WRITE_MS)
    expect(await restarted().find('prod')).toMatchObject({ online: false })
  })

  it('forgets when it is told to, and what nobody served for a month', async () => {
    const { registry, advance } = stage()
    await registry.announce('one', [prod()])
    expect(await registry.forget('prod')).toBe(true)
    expect(await registry.forget('prod')).toBe(false)
    expect(await registry.list()).toEqual([])
    await registry.announce('one', [prod()])
    advance(KUBE_CLUSTER_MEMORY_MS)
    expect(await registry.list()).toEqual([])
  })
})
