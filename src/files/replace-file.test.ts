import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { replaceFile } from './replace-file.ts'

let directory: string
let path: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'replace-'))
  path = join(directory, 'config')
})
afterEach(() => rm(directory, { recursive: true, force: true }))

describe('replaceFile()', () => {
  it('makes a new file private', async () => {
    await replaceFile(path, 'new')
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await readdir(directory)).toEqual(['config'])
  })

  it.each([0o600, 0o640, 0o644, 0o666])('keeps mode %o', async (mode) => {
    await writeFile(path, 'old')
    await chmod(path, mode)
    await replaceFile(path, 'new')
    expect(await readFile(path, 'utf8')).toBe('new')
    expect((await stat(path)).mode & 0o777).toBe(mode)
  })

  it('follows symbolic links, one after the other', async () => {
    await mkdir(join(directory, 'dotfiles'))
    await writeFile(join(directory, 'dotfiles', 'real'), 'old')
    await symlink('dotfiles/link', path)
    await symlink('real', join(directory, 'dotfiles', 'link'))
    await replaceFile(path, 'new')
    expect(await readFile(join(directory, 'dotfiles', 'real'), 'utf8')).toBe('new')
    expect((await lstat(path)).isSymbolicLink()).toBe(true)
  })

  it('writes where a link leads to that leads to nothing yet', async () => {
    await symlink('real', path)
    await replaceFile(path, 'new')
    expect(await readFile(join(directory, 'real'), 'utf8')).toBe('new')
    expect((await lstat(path)).isSymbolicLink()).toBe(true)
  })

  it('leaves what was there when it fails, and nothing beside it', async () => {
    await mkdir(path)
    await expect(replaceFile(path, 'new')).rejects.toMatchObject({ code: 'EISDIR' })
    await expect(replaceFile(join(path, 'gone', 'x'), 'new')).rejects.toMatchObject({
      code: 'ENOENT',
    })
    expect(await readdir(directory)).toEqual(['config'])
  })
})
