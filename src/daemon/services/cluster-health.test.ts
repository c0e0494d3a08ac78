import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Logger, silentLogger, systemClock } from '../../core/index.ts'
import type { Probe, SelfCheckReport } from '../../upstream/index.ts'
import { type Checked, HealthWatch, judgeHealth } from './cluster-health.ts'

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
  let stack: AsyncDisposableStack
  beforeEach(() => {
    stack = new AsyncDisposableStack()
  })
  afterEach(() => stack[Symbol.asyncDispose]())

  it('tells a change when it sees one, and since when it is so', async () => {
    let nowMs = 1000
    let probe: Probe = ready
    let changes = 0
    const watch = stack.use(
      new HealthWatch({
        clusters: [
          {
            name: 'prod',
            upstream: {
              probe: async () => probe,
              selfCheck: async () => report(),
              findExcess: async () => [],
            },
          },
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

  /** Watches one cluster, and tells what was logged of it. */
  function watched(upstream: Checked['upstream']): { warnings: string[] } {
    const warnings: string[] = []
    const log: Logger = {
      ...silentLogger,
      warn: (fields, message) => void warnings.push(`${message} ${JSON.stringify(fields)}`),
    }
    const clusters = [{ name: 'prod', upstream }]
    const options = { clusters, clock: systemClock, log, onChange: () => {}, everyMs: 2 }
    stack.use(new HealthWatch(options)).start()
    return { warnings }
  }

  it('checks our rights as soon as the API server can be reached, and then goes on doing so', async () => {
    let probes = 0
    let checks = 0
    const { warnings } = watched({
      probe: async () =>
        ++probes < 10 ? { kind: 'unreachable', words: 'connect ECONNREFUSED' } : ready,
      selfCheck: async () => {
        checks += 1
        return report({ missing: checks < 3 ? ['impersonate groups'] : ['get pods'] })
      },
      findExcess: async () => [],
    })
    await expect.poll(() => checks).toBeGreaterThan(4)
    expect(probes).toBeGreaterThanOrEqual(10)
    const lacking = warnings.filter((line) => line.startsWith('the account of this service lacks'))
    expect(lacking).toEqual([
      expect.stringContaining('impersonate groups'),
      expect.stringContaining('get pods'),
    ])
  })

  it('warns once of rights that it does not need, as soon as they can be told', async () => {
    let asked = 0
    let checks = 0
    const { warnings } = watched({
      probe: async () => ready,
      selfCheck: async () => {
        checks += 1
        return report()
      },
      findExcess: async () => (++asked < 3 ? null : ['list secrets', 'create pods/exec']),
    })
    await expect.poll(() => checks).toBeGreaterThan(6)
    expect(asked).toBe(3)
    expect(warnings.filter((line) => line.includes('does not need'))).toEqual([
      expect.stringContaining('"excess":["list secrets","create pods/exec"]'),
    ])
  })

  it('finds the rights that are too many anew from time to time', async () => {
    let asked = 0
    const { warnings } = watched({
      probe: async () => ready,
      selfCheck: async () => report(),
      findExcess: async () => (++asked < 2 ? [] : ['get nodes/proxy']),
    })
    await expect.poll(() => asked).toBeGreaterThanOrEqual(2)
    await expect.poll(() => warnings).toEqual([expect.stringContaining('get nodes/proxy')])
  })

  it.each<[string, SelfCheckReport]>([
    ['who may do everything', report({ tooPowerful: true })],
    ['whose rights cannot be checked', report({ problem: 'x', missing: ['y'] })],
    ['who cannot be reached', report({ reachable: false })],
  ])('does not look for single rights of an account %s', async (_what, said) => {
    let asked = 0
    let checks = 0
    watched({
      probe: async () => ready,
      selfCheck: async () => {
        checks += 1
        return said
      },
      findExcess: async () => {
        asked += 1
        return []
      },
    })
    await expect.poll(() => checks).toBeGreaterThan(2)
    expect(asked).toBe(0)
  })
})
