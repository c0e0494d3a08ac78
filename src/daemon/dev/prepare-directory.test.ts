import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { prepareDirectory } from './prepare-directory.ts'

let above: string
let path: string
beforeEach(async () => {
  above = await mkdtemp(join(tmpdir(), 'dev-'))
  path = join(above, '.teleport')
})
afterEach(() => rm(above, { recursive: true, force: true }))

describe('prepareDirectory()', () => {
  it('makes a directory of its own, which no repository takes in', async () => {
    await prepareDirectory(path)
    expect((await stat(path)).mode & 0o777).toBe(0o700)
    expect(await readFile(join(path, '.gitignore'), 'utf8')).toBe('*\n')
  })

  it('keeps what is there', async () => {
    await mkdir(path)
    await writeFile(join(path, '.gitignore'), 'mine')
    await prepareDirectory(path)
    expect(await readFile(join(path, '.gitignore'), 'utf8')).toBe('mine')
  })

  it('refuses a directory of somebody else, also behind a link', async () => {
    await mkdir(join(above, 'real'))
    await symlink(join(above, 'real'), path)
    const { uid } = await stat(above)
    await expect(prepareDirectory(path, uid + 1)).rejects.toMatchObject({
      code: 'DIRECTORY_NOT_OWN',
    })
    await expect(prepareDirectory(join(above, 'real'), uid + 1)).rejects.toMatchObject({
      code: 'DIRECTORY_NOT_OWN',
    })
  })
})
