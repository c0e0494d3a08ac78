import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { mustRun, Running, runProgram } from '../support/process.ts'
import { residentBytes } from '../support/sockets.ts'
import {
  ABSENT,
  CLUSTER_VERSIONS,
  type Cluster,
  clusters,
  contextOf,
} from './support/environment.ts'
import { SessionEstate, type Told } from './support/session-estate.ts'

const GIB = 1024 * 1024 * 1024
/** V8's heaps and buffers that nobody holds and no collection has found yet; a gibibyte that is held anywhere is four times that. */
const FLAT = 256 * 1024 * 1024
const TRUST = { timeout: 90_000, interval: 300 } as const
const cluster = clusters.find(({ version }) => version === '1.35') ?? ABSENT
/** kubectl and API server of one version: both WebSocket, or both SPDY. */
const pairs = CLUSTER_VERSIONS.map((version) => ({
  version,
  of: clusters.find((one) => one.version === version) ?? ABSENT,
}))
/** Of a pipe, as the default says; the rest is counted. */
const KEPT = 4 * 1024 * 1024
/** The shim of containerd 1.6 waits for ever once some thirty processes of one pod end at the same moment: its queue holds 32. */
const AT_ONCE_IN_A_POD = 10
/** A line every tenth of a second. */
const TICKS = ['sh', '-c', 'i=0; while true; do echo tick $i; i=$((i+1)); sleep 0.1; done']

describe.skipIf(cluster === ABSENT)('sessions on a real cluster', () => {
  let here: SessionEstate

  beforeAll(async () => {
    here = await SessionEstate.open(clusters)
  }, 300_000)
  afterAll(() => here?.[Symbol.asyncDispose]())

  const flags = (of: Cluster = cluster): string[] => [
    `--kubeconfig=${here.kubeconfig}`,
    `--context=estate.example.com-${contextOf(of)}`,
    `--cache-dir=${here.estate.directory}/cache-${of.version}`,
    `--namespace=${here.namespace}`,
  ]
  const line = (of: Cluster, ...args: readonly string[]): string =>
    [of.kubectl, ...flags(of), ...args].map((word) => `'${word}'`).join(' ')
  const ended = async (command: string, of: Cluster = cluster): Promise<Told | undefined> =>
    (await here.told(of, 'session.end')).find((one) =>
      String(one['initial_command']).includes(command),
    )
  const recordingOf = async (sid: unknown): Promise<Told | undefined> =>
    (await here.recordings()).find((row) => JSON.stringify(row).includes(String(sid)))
  const stateOf = async (sid: unknown): Promise<unknown> => (await recordingOf(sid))?.['state']

  /** By how much the memory of agent, proxy and auth grows at most while something goes on, of the one that grows most. */
  async function growthWhile(begin: () => Promise<unknown>): Promise<number> {
    const pids = [here.agent, ...here.estate.proxies, here.estate.auth].map(
      ({ running }) => running.pid,
    )
    const before = await Promise.all(pids.map(residentBytes))
    let growth = 0
    let isOver = false
    const over = begin().finally(() => {
      isOver = true
    })
    while (!isOver) {
      const now = await Promise.all(pids.map(residentBytes))
      growth = Math.max(growth, ...now.map((bytes, at) => bytes - (before[at] ?? 0)))
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    await over
    return growth
  }
  /** The last line of a shell's line. */
  const shell = (script: string): Promise<string> =>
    mustRun('bash', ['-o', 'pipefail', '-c', script], { timeoutMs: 240_000 })

  it('a hundred at once have each its own output, end and recording', async () => {
    const pods = Array.from({ length: 100 / AT_ONCE_IN_A_POD }, (_, index) => `box-${index}`)
    await here.furnish(cluster, pods)
    const run = async (index: number): Promise<number> => {
      const pod = `box-${index % pods.length}`
      const script = `echo hundred-${index}-; exit ${index % 7}`
      const args = [...flags(), 'exec', pod, '--', 'sh', '-c', script]
      const { code, stdout, stderr } = await runProgram(cluster.kubectl, args, {
        timeoutMs: 120_000,
      })
      expect(stdout, stderr).toBe(`hundred-${index}-\n`)
      return code
    }
    const indexes = Array.from({ length: 100 }, (_, index) => index)
    const codes = await Promise.all(indexes.map(run))
    expect(codes).toEqual(indexes.map((index) => index % 7))
    const mine = async (): Promise<Told[]> => {
      const ends = await here.told(cluster, 'session.end')
      return ends.filter((one) => String(one['initial_command']).includes('hundred-'))
    }
    await vi.waitUntil(async () => (await mine()).length === 100, TRUST)
    const sids = new Set((await mine()).map(({ sid }) => sid))
    expect(sids.size).toBe(100)
    await vi.waitUntil(async () => {
      const rows = (await here.recordings()).filter((row) => sids.has(row['session_id']))
      return rows.length === 100 && rows.every((row) => row['state'] === 'complete')
    }, TRUST)
  }, 300_000)

  for (const { version, of } of pairs) {
    const missing = of === ABSENT ? ' (no such cluster here)' : ''

    it.skipIf(of === ABSENT)(
      `a gibibyte of output of Kubernetes ${version} goes by in flat memory, whole, and is counted${missing}`,
      async () => {
        const out = line(of, 'exec', 'box', '--', 'head', '-c', String(GIB), '/dev/zero')
        let hash = ''
        const growth = await growthWhile(async () => {
          hash = await shell(`${out} | sha256sum`)
        })
        expect(hash).toContain(hashOfZeros(GIB))
        expect(growth).toBeLessThan(FLAT)
        await vi.waitUntil(async () => (await ended(`head -c ${GIB}`, of)) !== undefined, TRUST)
        const end = await ended(`head -c ${GIB}`, of)
        expect(end).toMatchObject({ tx: GIB, reason: 'exited', exit_code: 0 })
        await vi.waitUntil(async () => (await stateOf(end?.['sid'])) === 'complete', TRUST)
        const frames = await here.tsh('recordings', 'export', '--format=json', String(end?.['sid']))
        const [omitted] = frames
          .trimEnd()
          .split('\n')
          .map((one) => JSON.parse(one) as Told)
          .filter(({ kind }) => kind === 'omitted')
        expect(omitted).toMatchObject({
          stream: 'stdout',
          bytes: GIB - KEPT,
          sha256: hashOfZeros(GIB - KEPT),
        })
      },
      300_000,
    )

    it.skipIf(of === ABSENT)(
      `a gibibyte of input goes by to Kubernetes ${version} in flat memory, whole${missing}`,
      async () => {
        const into = line(of, 'exec', '-i', 'box', '--', 'sha256sum')
        let hash = ''
        const growth = await growthWhile(async () => {
          hash = await shell(`head -c ${GIB} /dev/zero | ${into}`)
        })
        expect(hash).toContain(hashOfZeros(GIB))
        expect(growth).toBeLessThan(FLAT)
      },
      300_000,
    )
  }

  it('whoever does not read holds nothing in our memory', async () => {
    const out = line(cluster, 'exec', 'box', '--', 'cat', '/dev/zero')
    const growth = await growthWhile(() =>
      mustRun('sh', ['-c', `${out} | (sleep 8; head -c 1000 >/dev/null)`], { timeoutMs: 120_000 }),
    )
    expect(growth).toBeLessThan(FLAT)
  }, 180_000)

  it('end with their pod, and say how', async () => {
    await here.furnish(cluster, ['doomed'])
    const args = [...flags(), 'exec', 'doomed', '--', ...TICKS]
    await using running = new Running(cluster.kubectl, args)
    await running.until(({ stdout }) => stdout.includes('tick 3\n'), 60_000)
    await here.direct(cluster, ['delete', 'pod', 'doomed', '--wait=false'])
    await running.ended()
    expect(running.child.exitCode).toBe(137)
    const end = async (): Promise<Told | undefined> =>
      (await here.told(cluster, 'session.end')).find(
        (one) => one['kubernetes_pod_name'] === 'doomed',
      )
    await vi.waitUntil(async () => (await end()) !== undefined, TRUST)
    expect(await end()).toMatchObject({ reason: 'exited', exit_code: 137, recorded: true })
  }, 120_000)

  /** A command that says a line again and again, and the last line that its person saw. */
  async function ticking(): Promise<{ readonly running: Running; last(): number }> {
    const running = new Running(cluster.kubectl, [...flags(), 'exec', 'box', '--', ...TICKS])
    await running.until(({ stdout }) => stdout.includes('tick 30\n'), 60_000)
    return { running, last: () => lastTick(running.stdout) }
  }
  const lastTick = (text: string): number => Number(/tick (\d+)\n(?!.*tick \d+\n)/s.exec(text)?.[1])
  const liveSid = async (): Promise<unknown> => {
    const starts = await here.told(cluster, 'session.start')
    return starts
      .filter((one) => String(one['initial_command']).includes('tick'))
      .sort((a, b) => String(b['time']).localeCompare(String(a['time'])))[0]?.['sid']
  }

  it('go on while the auth service is away, and nothing of their records is missing', async () => {
    const { running, last } = await ticking()
    await vi.waitUntil(async () => (await liveSid()) !== undefined, TRUST)
    const sid = await liveSid()
    await here.estate.auth.end('SIGKILL')
    const before = last()
    await running.until(({ stdout }) => lastTick(stdout) > before + 30, 60_000)
    await here.estate.auth.start()
    await running.end('SIGKILL')
    const seen = last()
    await vi.waitUntil(async () => (await stateOf(sid)) === 'complete', TRUST)
    const text = await here.tsh('play', '--format=text', String(sid))
    expect(lastTick(text)).toBeGreaterThanOrEqual(seen)
    for (let tick = 0; tick <= seen; tick += 1) expect(text).toContain(`tick ${tick}\n`)
  }, 240_000)

  it('that are killed with their agent miss a second at most, and say that they were cut', async () => {
    const { running, last } = await ticking()
    await vi.waitUntil(async () => (await liveSid()) !== undefined, TRUST)
    const sid = await liveSid()
    await here.agent.end('SIGKILL')
    await running.ended()
    expect(running.child.exitCode).not.toBe(0)
    await here.agent.start()
    await vi.waitUntil(async () => (await stateOf(sid)) === 'cut', TRUST)
    const text = await here.tsh('play', '--format=text', String(sid))
    // Ten lines a second, and what was on its way to the person.
    expect(lastTick(text)).toBeGreaterThanOrEqual(last() - 15)
  }, 240_000)

  it('whose API server is lost end as failures, in words', async () => {
    const { running } = await ticking()
    await vi.waitUntil(async () => (await liveSid()) !== undefined, TRUST)
    const sid = await liveSid()
    here.networks.get(cluster)?.cut()
    await running.ended()
    expect(running.child.exitCode).not.toBe(0)
    expect(running.stderr).toMatch(/Kubernetes cluster "v1-35"/)
    await vi.waitUntil(async () => (await stateOf(sid)) === 'complete', TRUST)
    const ends = await here.told(cluster, 'session.end')
    expect(ends.find((one) => one['sid'] === sid)).toMatchObject({ reason: 'lost' })
  }, 120_000)

  const hashOfZeros = (bytes: number): string => {
    const hash = createHash('sha256')
    const piece = Buffer.alloc(1024 * 1024)
    for (let at = 0; at < bytes; at += piece.length) hash.update(piece)
    return hash.digest('hex')
  }
})
