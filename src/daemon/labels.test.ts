import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ClusterLabels } from './labels.ts'

/** As often as it goes: tests wait for what the next run brings. */
const PERIOD_MS = 50

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

  const open = (labels: Readonly<Record<string, string>> = {}): Promise<ClusterLabels> => {
    const log = {
      debug: () => {},
      info: () => {},
      warn: (_fields: unknown, message: string) => void warnings.push(message),
      error: () => {},
      child: () => log,
    }
    return ClusterLabels.open({
      labels,
      commands: [{ name: 'env', command: ['/bin/cat', file], periodMs: PERIOD_MS }],
      log,
      onChange: () => {
        changes += 1
      },
    })
  }

  it('has what the command printed before anybody asks', async () => {
    await writeFile(file, 'prod\nsecond line\n')
    using labels = await open({ team: 'a' })
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
    await rm(file)
    await expect.poll(() => warnings.length).toBeGreaterThan(1)
    expect(warnings.at(-1)).toContain('keeps its last value')
    expect(labels.current()).toEqual({ env: 'prod' })
    expect(labels.unknown()).toEqual([])
  })
})
