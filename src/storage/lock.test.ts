import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lockDirectory } from './lock.ts'

let place = ''
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), 'lock-'))
})
afterAll(() => rm(place, { recursive: true, force: true }))

describe('the data directory', () => {
  it('is made, and is one process’s own', async () => {
    const path = join(place, 'new/data')
    await using _ours = await lockDirectory(path)
    await expect(lockDirectory(path)).rejects.toMatchObject({
      code: 'DIRECTORY_LOCKED',
      message: expect.stringContaining(`pid ${process.pid}`),
    })
  })

  it('that cannot be written is named, with the cause and what to do, and not in the words of a system call', async () => {
    const file = join(place, 'file')
    await writeFile(file, '')
    await expect(lockDirectory(file)).rejects.toMatchObject({
      code: 'DIRECTORY_UNUSABLE',
      message: `cannot keep anything in the data directory ${file}: file already exists: give this user a directory of its own to write to, with room, as teleport.data_dir or --data-dir`,
    })
  })
})
