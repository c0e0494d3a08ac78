import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import type { Bench } from '../bench.ts'
import { number } from '../report.ts'
import {
  cpuSecondsOf,
  freePort,
  MEASURED,
  OTHERS,
  pinned,
  root,
  sleep,
  untilListening,
} from '../support.ts'
import { writeTunnelSetup } from '../tunnel-setup.ts'

/** Memory is read after collections had their time. */
const SETTLE_MS = 12_000
const LOOK_MS = 100
const MAX_WAIT_MS = 300_000

/** Agents that dial one gateway process, and dial it again after it was killed. */
export async function tunnels({ report, quick }: Bench): Promise<void> {
  const rows: string[][] = []
  for (const count of quick ? [200] : [1000, 5000]) {
    const found = await measure(count)
    rows.push([
      String(count),
      number(found.kbEach, 0),
      number(found.first.allSeconds, 1),
      number(found.back.mostSeconds, 1),
      number(found.back.allSeconds, 1),
      number(found.back.cpuSeconds, 1),
    ])
    if (count === 1000) {
      const { mostSeconds } = found.back
      report.aim(
        '1,000 agents back after a kill, 99 %',
        '< 5 s',
        `${number(mostSeconds, 1)} s`,
        mostSeconds < 5,
      )
    }
    if (count === 5000) {
      const { allSeconds } = found.back
      report.aim(
        '5,000 agents back after a kill, all',
        '< 20 s',
        `${number(allSeconds, 1)} s`,
        allSeconds < 20,
      )
      report.aim(
        'KB of the gateway for an agent',
        '≤ 110',
        number(found.kbEach, 0),
        found.kbEach <= 110,
      )
    }
  }
  report.table(
    [
      'agents',
      'KB of the gateway each',
      's until all are there',
      's until 99 % are back',
      's until all are',
      's of its processor',
    ],
    rows,
  )
}

interface Arrival {
  readonly mostSeconds: number
  readonly allSeconds: number
  /** Of the gateway, its start included. */
  readonly cpuSeconds: number
}

async function measure(
  count: number,
): Promise<{ readonly kbEach: number; readonly first: Arrival; readonly back: Arrival }> {
  await using stack = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'bench-tunnels-'))
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  const setup = join(directory, 'setup.json')
  await writeTunnelSetup(setup, count)
  const port = await freePort()
  const one = await Gateway.start(stack, setup, port)
  const empty = await one.ask('settle')
  const begunMs = performance.now()
  pinned(stack, OTHERS, process.execPath, [
    join(root, 'bench/tunnel-agents.ts'),
    setup,
    String(port),
  ])
  const first = await one.untilAll(count, begunMs)
  await sleep(SETTLE_MS)
  const { residentKb } = await one.ask('settle')
  await one.kill()
  const killedMs = performance.now()
  const next = await Gateway.start(stack, setup, port)
  const back = await next.untilAll(count, killedMs)
  return { kbEach: (residentKb - empty.residentKb) / count, first, back }
}

interface Answer {
  readonly agents: number
  readonly residentKb: number
}

class Gateway {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>

  private constructor(child: ChildProcessByStdio<Writable, Readable, null>) {
    this.#child = child
  }

  static async start(stack: AsyncDisposableStack, setup: string, port: number): Promise<Gateway> {
    const program = join(root, 'bench/tunnel-gateway.ts')
    const args = ['-c', MEASURED, process.execPath, '--expose-gc', program, setup, String(port)]
    const gateway = new Gateway(spawn('taskset', args, { stdio: ['pipe', 'pipe', 'inherit'] }))
    stack.defer(() => gateway.kill())
    await untilListening(port)
    return gateway
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
  }

  async ask(line: 'look' | 'settle' = 'look'): Promise<Answer> {
    const answer = once(this.#child.stdout, 'data')
    this.#child.stdin.write(`${line}\n`)
    const [bytes] = (await answer) as [Buffer]
    return JSON.parse(bytes.toString()) as Answer
  }

  async untilAll(count: number, sinceMs: number): Promise<Arrival> {
    let mostSeconds = Number.NaN
    for (;;) {
      const { agents } = await this.ask()
      const seconds = (performance.now() - sinceMs) / 1000
      if (Number.isNaN(mostSeconds) && agents >= 0.99 * count) mostSeconds = seconds
      if (agents === count) {
        const cpuSeconds = cpuSecondsOf([this.#child.pid ?? 0])
        return { mostSeconds, allSeconds: seconds, cpuSeconds }
      }
      if (seconds * 1000 > MAX_WAIT_MS) throw new Error(`${agents} of ${count} agents are there`)
      await sleep(LOOK_MS)
    }
  }
}
