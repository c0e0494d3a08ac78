import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { writePrivateFile } from './private-file.ts'

describe('writePrivateFile()', () => {
  let directory: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'private-'))
  })
  afterEach(() => rm(directory, { recursive: true, force: true }))

  it('is readable by its owner only, whatever was there before', async () => {
    const path = join(directory, 'key')
    await writeFile(path, 'old', { mode: 0o644 })
    await writePrivateFile(path, 'new')
    expect(await readFile(path, 'utf8')).toBe('new')
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await readdir(directory)).toEqual(['key'])
  })

  it('leaves nothing behind when it fails', async () => {
    const path = join(directory, 'taken')
    await mkdir(path)
    await expect(writePrivateFile(path, 'new')).rejects.toMatchObject({ code: 'EISDIR' })
    expect(await readdir(directory)).toEqual(['taken'])
  })

  it('names the directory that is missing', async () => {
    await expect(writePrivateFile(join(directory, 'gone', 'key'), '')).rejects.toMatchObject({
      code: 'ENOENT',
    })
  })
})
