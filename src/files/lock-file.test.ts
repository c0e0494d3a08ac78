import { execFile } from 'node:child_process'
import { access, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { withLockFile } from './lock-file.ts'

const patient = { waitMs: 60_000, staleMs: 60_000 }
const hasty = { waitMs: 0, staleMs: 60_000 }

let directory: string
let lock: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lock-'))
  lock = join(directory, 'config.lock')
})
afterEach(() => rm(directory, { recursive: true, force: true }))

/** The id of a process that has ended. */
async function endedProcess(): Promise<number> {
  const child = promisify(execFile)(process.execPath, ['-e', ''])
  const { pid } = child.child
  await child
  if (pid === undefined) throw new Error('no process')
  return pid
}

describe('withLockFile()', () => {
  it('gives what the work gives, and lets go', async () => {
    const seen = withLockFile(lock, hasty, async () => readFile(lock, 'utf8'))
    expect(await seen).toMatch(new RegExp(`^${process.pid} ${hostname()} [0-9a-f]{16}\n$`))
    expect(await readdir(directory)).toEqual([])
  })

  it('lets go when the work fails', async () => {
    const failed = withLockFile(lock, hasty, () => Promise.reject(new Error('no')))
    await expect(failed).rejects.toThrow('no')
    expect(await readdir(directory)).toEqual([])
  })

  it('lets one in at a time', async () => {
    let inside = 0
    let most = 0
    await Promise.all(
      Array.from({ length: 50 }, () =>
        withLockFile(lock, patient, async () => {
          inside += 1
          most = Math.max(most, inside)
          await new Promise((resolve) => setImmediate(resolve))
          inside -= 1
        }),
      ),
    )
    expect(most).toBe(1)
  })

  it('lets one in at a time where many find the lock of a process that died', async () => {
    const dead = `${await endedProcess()} ${hostname()} 0123456789abcdef\n`
    let overlaps = 0
    for (let round = 0; round < 40; round += 1) {
      await writeFile(lock, dead)
      let inside = 0
      await Promise.all(
        Array.from({ length: 20 }, () =>
          withLockFile(lock, patient, async () => {
            inside += 1
            if (inside > 1) overlaps += 1
            await new Promise((resolve) => setTimeout(resolve, 1))
            inside -= 1
          }),
        ),
      )
    }
    expect(overlaps).toBe(0)
    expect(await readdir(directory)).toEqual([])
  })

  it('goes on after a process that died while it took a left-over lock away', async () => {
    await writeFile(lock, `${await endedProcess()} ${hostname()} 0123456789abcdef\n`)
    await writeFile(`${lock}.stale`, '')
    const old = new Date(Date.now() - 60_000)
    await utimes(`${lock}.stale`, old, old)
    expect(await withLockFile(lock, patient, async () => 'in')).toBe('in')
    expect(await readdir(directory)).toEqual([])
  })

  it('says once that it waits, and names who holds the lock', async () => {
    let waits = 0
    await withLockFile(lock, patient, async () => {
      const refused = withLockFile(
        lock,
        { waitMs: 100, staleMs: 0, onWait: () => (waits += 1) },
        async () => {},
      )
      await expect(refused).rejects.toMatchObject({
        code: 'LOCK_HELD',
        message: `${lock} is held by process ${process.pid}: if there is none any more, remove that file`,
      })
    })
    expect(waits).toBe(1)
  })

  it('waits on while the lock changes hands', async () => {
    const brief = { waitMs: 500, staleMs: 60_000 }
    const hold = (): Promise<void> =>
      withLockFile(lock, patient, () => new Promise((resolve) => setTimeout(resolve, 100)))
    const others = Array.from({ length: 10 }, hold)
    await expect(withLockFile(lock, brief, async () => 'in')).resolves.toBe('in')
    await Promise.all(others)
  })

  it('takes over from a process that is gone', async () => {
    await writeFile(lock, `${await endedProcess()} ${hostname()} 00\n`)
    await expect(withLockFile(lock, hasty, async () => 'in')).resolves.toBe('in')
    expect(await readdir(directory)).toEqual([])
  })

  it.each([
    ['a lock that says nothing, as kubectl makes it', ''],
    ['a process of another machine', '1 elsewhere 00\n'],
  ])('takes over %s, only when it is old', async (_, content) => {
    await writeFile(lock, content)
    await expect(withLockFile(lock, hasty, async () => {})).rejects.toMatchObject({
      code: 'LOCK_HELD',
    })
    const old = new Date(Date.now() - 61_000)
    await utimes(lock, old, old)
    await expect(withLockFile(lock, hasty, async () => 'in')).resolves.toBe('in')
  })

  it('lets one in at a time also when all find a lock that was left over', async () => {
    await writeFile(lock, `${await endedProcess()} ${hostname()} 00\n`)
    let inside = 0
    let most = 0
    await Promise.all(
      Array.from({ length: 20 }, () =>
        withLockFile(lock, patient, async () => {
          inside += 1
          most = Math.max(most, inside)
          await new Promise((resolve) => setImmediate(resolve))
          inside -= 1
        }),
      ),
    )
    expect(most).toBe(1)
  })

  it('leaves a lock alone that another took meanwhile', async () => {
    await withLockFile(lock, hasty, async () => {
      await writeFile(lock, `1 elsewhere 00\n`)
    })
    await expect(access(lock)).resolves.toBeUndefined()
  })

  it('passes on why a lock cannot be made', async () => {
    const nowhere = join(directory, 'gone', 'config.lock')
    await expect(withLockFile(nowhere, hasty, async () => {})).rejects.toMatchObject({
      code: 'ENOENT',
    })
  })
})
