import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { silentLogger } from '../core/index.ts'
import { ClusterLabels, type LabelCommand } from './labels.ts'

/** As often as it goes: tests wait for what the next run brings. A command has so long to answer, too: a busy machine starts even `cat` in no less. */
const PERIOD_MS = 300

describe('ClusterLabels', () => {
  let directory: string
  let file: string
  let warnings: string[]
  let changes: number

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'teleport-labels-'))
    file = join(directory, 'env')
    warnings = []
    changes = 0
  })
  afterEach(() => rm(directory, { recursive: true }))

  const open = (
    labels: Readonly<Record<string, string>> = {},
    command: readonly string[] = ['/bin/cat', file],
    periodMs = PERIOD_MS,
  ): Promise<ClusterLabels> => {
    const log = {
      debug: () => {},
      info: () => {},
      warn: (_fields: unknown, message: string) => void warnings.push(message),
      error: () => {},
      child: () => log,
    }
    return ClusterLabels.open({
      labels,
      commands: [{ name: 'env', command, periodMs }],
      log,
      onChange: () => {
        changes += 1
      },
    })
  }

  const lives = (pid: number): boolean => {
    try {
      return process.kill(pid, 0)
    } catch {
      return false
    }
  }

  it('has what the command printed before anybody asks', async () => {
    await writeFile(file, 'prod\nsecond line\n')
    using labels = await open({ team: 'a' }, undefined, 60_000)
    expect(labels.current()).toEqual({ team: 'a', env: 'prod' })
    expect(labels.unknown()).toEqual([])
  })

  it('says that a label is unknown while its command has not succeeded, whatever the configuration says', async () => {
    using labels = await open({ team: 'a', env: 'dev' })
    expect(labels.current()).toEqual({ team: 'a' })
    expect(labels.unknown()).toEqual(['env'])
    expect(warnings[0]).toContain('roles that deny by this label deny')
    const before = labels.current()
    await writeFile(file, 'prod')
    await expect.poll(() => labels.unknown()).toEqual([])
    expect(labels.current()).toEqual({ team: 'a', env: 'prod' })
    expect(labels.current()).not.toBe(before)
    expect(changes).toBe(1)
  })

  it('keeps the last good value of a command that fails later', async () => {
    await writeFile(file, 'prod')
    using labels = await open()
    await expect.poll(() => labels.current()).toEqual({ env: 'prod' })
    await rm(file)
    await expect.poll(() => warnings.length).toBeGreaterThan(1)
    expect(warnings.at(-1)).toContain('keeps its last value')
    expect(labels.current()).toEqual({ env: 'prod' })
    expect(labels.unknown()).toEqual([])
  })
  it.each([
    ['nothing', ''],
    ['blanks', '  \n'],
    ['an empty first line', '\nprod'],
    ['what a terminal would obey', '\u001b[2Jprod'],
    ['what turns the writing direction', 'prod\u202e'],
    ['bytes that are no text', Buffer.from([0xff, 0xfe, 0x00])],
    ['more than a label has', 'x'.repeat(100_000)],
  ])('keeps the last good value of a command that prints %s', async (_, rubbish) => {
    await writeFile(file, 'prod')
    using labels = await open()
    await expect.poll(() => labels.current()).toEqual({ env: 'prod' })
    await writeFile(file, rubbish)
    await expect.poll(() => warnings.length).toBeGreaterThan(1)
    expect(labels.current()).toEqual({ env: 'prod' })
    await writeFile(file, 'dev')
    await expect.poll(() => labels.current()).toEqual({ env: 'dev' })
  })

  it('ends a command that hangs, with what it has started, and goes on', async () => {
    await writeFile(file, 'prod')
    const pids = join(directory, 'pids')
    // The one that sleeps holds the pipe of the one that was started.
    const script = `if [ -e ${file} ]; then cat ${file}; else sleep 1000 & echo $! >> ${pids}; wait; fi`
    using labels = await open({}, ['/bin/sh', '-c', script])
    await expect.poll(() => labels.current()).toEqual({ env: 'prod' })
    await rm(file)
    await expect.poll(() => warnings.length).toBeGreaterThan(1)
    expect(labels.current()).toEqual({ env: 'prod' })
    await writeFile(file, 'dev')
    await expect.poll(() => labels.current()).toEqual({ env: 'dev' })
    const started = (await readFile(pids, 'utf8')).trim().split('\n').map(Number)
    await expect.poll(() => started.filter(lives)).toEqual([])
  })

  it('ends a command that is still underway when it is disposed, and says nothing of it', async () => {
    const pid = join(directory, 'pid')
    {
      using _ = await open({}, ['/bin/sh', '-c', `echo $$ > ${pid}; exec sleep 1000`], 60_000)
    }
    const started = Number(await readFile(pid, 'utf8'))
    await expect.poll(() => lives(started)).toBe(false)
    expect([warnings, changes]).toEqual([[], 0])
  })

  it('of a program that is not there leaves the label unknown', async () => {
    using labels = await open({}, [join(directory, 'nothing')])
    expect(labels.unknown()).toEqual(['env'])
    expect(warnings[0]).toContain('label command failed')
  })

  it('of a period that is longer than timers of Node last runs a command once in that time, and not without a pause', async () => {
    const rare = join(directory, 'rare')
    const often = join(directory, 'often')
    const runs = (of: string) => async (): Promise<number> => (await readFile(of, 'utf8')).length
    const counting = (of: string, periodMs: number): LabelCommand => ({
      name: basename(of),
      command: ['/bin/sh', '-c', `printf x >> ${of}; echo on`],
      periodMs,
    })
    using _ = await ClusterLabels.open({
      labels: {},
      commands: [counting(rare, 30 * 24 * 3_600_000), counting(often, PERIOD_MS)],
      log: silentLogger,
      onChange: () => {},
    })
    await expect.poll(runs(often)).toBeGreaterThan(2)
    expect(await runs(rare)()).toBe(1)
  })

  it('goes on when a command that does not answer is another user’s by then, and cannot be killed', async () => {
    // As for a program that runs by sudo.
    const refused = Object.assign(new Error('kill EPERM'), { code: 'EPERM' })
    const kill = vi.spyOn(process, 'kill').mockImplementation(() => {
      throw refused
    })
    using labels = await open({}, ['/bin/sleep', '2'])
    expect(kill).toHaveBeenCalled()
    kill.mockRestore()
    expect(labels.unknown()).toEqual(['env'])
    expect(warnings[0]).toContain('label command failed')
  })
})
