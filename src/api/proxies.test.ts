import { describe, expect, it } from 'vitest'
import { openMemoryBackend } from '../storage/index.ts'
import { PROXY_MEMORY_MS, PROXY_WRITE_MS } from './limits.ts'
import { ProxyRegistry } from './proxies.ts'

const WORD = {
  version: '1.2.3',
  sinceMs: 5,
  tunnel: [{ host: 'lb.example.com', port: 3024 }],
  web: 'lb.example.com:443',
  kube: null,
}

describe('ProxyRegistry', () => {
  const setUp = async () => {
    let nowMs = 1_000_000
    const clock = { now: () => nowMs }
    const backend = openMemoryBackend({ clock })
    const registry = await ProxyRegistry.open(backend, clock)
    const told: number[] = []
    registry.onChange(() => told.push(registry.list().length))
    const advance = (ms: number): void => {
      nowMs += ms
    }
    return { registry, told, advance, again: () => ProxyRegistry.open(backend, clock) }
  }

  it('tells of proxies that come, change, start anew and go, and not of words that say nothing new', async () => {
    const { registry, told, advance } = await setUp()
    await registry.announce({ ...WORD, hostId: 'b' })
    await registry.announce({ ...WORD, hostId: 'a' })
    expect(registry.list().map(({ hostId }) => hostId)).toEqual(['a', 'b'])
    advance(1000)
    await registry.announce({ ...WORD, hostId: 'a' })
    expect(told).toEqual([1, 2])
    await registry.announce({ ...WORD, hostId: 'a', sinceMs: 6 })
    await registry.withdraw('b')
    await registry.withdraw('b')
    expect(told).toEqual([1, 2, 2, 1])
  })

  it('remembers over a restart, and forgets who is silent for long', async () => {
    const { registry, told, advance, again } = await setUp()
    await registry.announce({ ...WORD, hostId: 'a' })
    advance(PROXY_WRITE_MS)
    await registry.announce({ ...WORD, hostId: 'a' })
    advance(PROXY_MEMORY_MS - 1)
    expect((await again()).list()).toMatchObject([{ hostId: 'a', tunnel: WORD.tunnel }])
    registry.forgetSilent()
    expect(told).toEqual([1])
    advance(1)
    registry.forgetSilent()
    expect(told).toEqual([1, 0])
    expect(registry.list()).toEqual([])
    advance(PROXY_WRITE_MS)
    expect((await again()).list()).toEqual([])
  })
})
