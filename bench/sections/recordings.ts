import { join } from 'node:path'
import type { Bench } from '../bench.ts'
import type { RecorderLoad, RecorderMeasured } from '../recorder.ts'
import { number } from '../report.ts'
import { MEASURED, root, run } from '../support.ts'

const MIB = 1024 * 1024

/** What recording costs beside the session itself, and what a search costs in a large store. */
export async function recordings({ report, quick }: Bench): Promise<void> {
  const bytes = (quick ? 64 : 1024) * MIB
  const session = { type: 'session', bytes, tty: true, content: 'lines', encrypted: false } as const
  const kinds = {
    'lines at a terminal': session,
    'random bytes at a terminal': { ...session, content: 'random' },
    'lines at a terminal, encrypted': { ...session, encrypted: true },
    'a pipe: 4 MiB kept, the rest hashed': { ...session, tty: false },
  } as const
  const rows: string[][] = []
  for (const [name, load] of Object.entries(kinds)) {
    const { cpuSeconds, earlyBytes, mostBytes } = await measured(load)
    const speed = number(bytes / MIB / cpuSeconds, 0)
    rows.push([name, speed, number(earlyBytes / MIB, 0), number(mostBytes / MIB, 0)])
  }
  report.table(
    [
      `${bytes / MIB} MiB of one session, recorded and stored`,
      'MiB per second of a processor',
      'memory after a tenth, MiB',
      'most memory, MiB',
    ],
    rows,
  )
  const count = quick ? 2000 : 100_000
  const { openMs, pageMs, mostBytes } = await measured({ type: 'list', recordings: count })
  report.table(
    [`a store of ${count} recordings`, ''],
    [
      ['opened in, ms', number(openMs, 0)],
      ['memory, bytes a recording', number(mostBytes / count, 0)],
      ['100 recordings of a user who has one in a thousand, ms', number(pageMs, 1)],
    ],
  )
  if (!quick) {
    report.aim(
      'a page out of 100,000 recordings',
      '≤ 100 ms',
      `${number(pageMs, 1)} ms`,
      pageMs <= 100,
    )
  }
}

async function measured(load: RecorderLoad): Promise<RecorderMeasured> {
  const program = join(root, 'bench/recorder.ts')
  const args = ['-c', MEASURED, process.execPath, program, JSON.stringify(load)]
  return JSON.parse(await run('taskset', args)) as RecorderMeasured
}
