import { mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { makePrivateDirectory } from './private-directory.ts'

let home: string
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'directory-'))
})
afterEach(() => rm(home, { recursive: true, force: true }))

it('makes what is missing, for its owner alone', async () => {
  const deep = join(home, 'a', 'b', 'c')
  await makePrivateDirectory(deep)
  for (const path of [join(home, 'a'), join(home, 'a', 'b'), deep]) {
    expect((await stat(path)).mode & 0o777).toBe(0o700)
  }
  await makePrivateDirectory(deep)
})

it('takes a link to a directory for one, and nothing else', async () => {
  await symlink(home, join(home, 'link'))
  await makePrivateDirectory(join(home, 'link', 'a'))
  await writeFile(join(home, 'file'), '')
  await expect(makePrivateDirectory(join(home, 'file'))).rejects.toMatchObject({ code: 'EEXIST' })
  await expect(makePrivateDirectory(join(home, 'file', 'a'))).rejects.toMatchObject({
    code: 'ENOTDIR',
  })
})
