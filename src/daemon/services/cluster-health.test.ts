import { afterEach, describe, expect, it } from 'vitest'
import { silentLogger } from '../../core/index.ts'
import type { Probe, SelfCheckReport } from '../../upstream/index.ts'
import { HealthWatch, judgeHealth } from './cluster-health.ts'

const report = (fields: Partial<SelfCheckReport> = {}): SelfCheckReport => ({
  reachable: true,
  version: 'v1.35.4',
  missing: [],
  tooPowerful: false,
  problem: null,
  ...fields,
})
const ready: Probe = { kind: 'ready', words: '' }

describe('judgeHealth()', () => {
  it.each<[string, Probe, SelfCheckReport | null, string | null]>([
    ['ready, rights unknown', ready, null, null],
    ['ready, all rights', ready, report(), null],
    [
      'without a right that only some requests need',
      ready,
      report({ missing: ['get pods'] }),
      null,
    ],
    [
      'without impersonation',
      ready,
      report({ missing: ['impersonate users', 'get pods'] }),
      'the service lacks rights there: impersonate users',
    ],
    ['not ready', { kind: 'not-ready', words: 'x' }, report(), 'its API server is not ready'],
    ['silent', { kind: 'unreachable', words: '10.0.0.1' }, null, 'its API server does not answer'],
  ])('%s', (_name, probe, rights, words) => {
    expect(judgeHealth(probe, rights)).toBe(words)
  })
})

describe('HealthWatch', () => {
  const stack = new AsyncDisposableStack()
  afterEach(() => stack[Symbol.asyncDispose]())

  it('tells a change when it sees one, and since when it is so', async () => {
    let nowMs = 1000
    let probe: Probe = ready
    let changes = 0
    const watch = stack.use(
      new HealthWatch({
        clusters: [
          { name: 'prod', upstream: { probe: async () => probe, selfCheck: async () => report() } },
        ],
        clock: { now: () => nowMs },
        log: silentLogger,
        onChange: () => {
          changes += 1
        },
        everyMs: 5,
      }),
    )
    expect(watch.current('prod')).toMatchObject({ health: 'unknown', sinceMs: 1000 })
    nowMs = 2000
    watch.start()
    await expect.poll(() => watch.current('prod').health).toBe('healthy')
    expect(watch.current('prod')).toMatchObject({ sinceMs: 2000, kubernetesVersion: 'v1.35.4' })
    nowMs = 3000
    probe = { kind: 'unreachable', words: 'connect ECONNREFUSED' }
    await expect.poll(() => watch.current('prod').health).toBe('unhealthy')
    expect(watch.current('prod')).toMatchObject({ sinceMs: 3000, kubernetesVersion: 'v1.35.4' })
    expect(changes).toBe(2)
  })
})
