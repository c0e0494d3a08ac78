import { expect, it } from 'vitest'
import { silentLogger } from '../../core/index.ts'
import type { OpenUpstream, Probe } from '../../upstream/index.ts'
import { ReplaceableUpstream } from './replaceable-upstream.ts'

interface FakeWay {
  readonly upstream: OpenUpstream
  answer(probe: Probe): void
  isClosed(): boolean
}

function way(): FakeWay {
  const { promise, resolve } = Promise.withResolvers<Probe>()
  let closed = false
  const upstream = {
    probe: () => promise,
    [Symbol.asyncDispose]: async () => {
      closed = true
    },
  }
  return {
    upstream: upstream as unknown as OpenUpstream,
    answer: resolve,
    isClosed: () => closed,
  }
}

it('lets a look at the cluster end on the way that it took, before that way is closed', async () => {
  const [former, present] = [way(), way()]
  const upstream = new ReplaceableUpstream(former.upstream, silentLogger)
  const probe = upstream.probe()
  upstream.replace(present.upstream)
  expect(former.isClosed()).toBe(false)
  former.answer({ kind: 'ready', words: '' })
  expect(await probe).toEqual({ kind: 'ready', words: '' })
  await expect.poll(() => former.isClosed()).toBe(true)
  expect(present.isClosed()).toBe(false)
})

it('closes a way on which nothing is underway at once', () => {
  const former = way()
  const upstream = new ReplaceableUpstream(former.upstream, silentLogger)
  upstream.replace(way().upstream)
  expect(former.isClosed()).toBe(true)
})
