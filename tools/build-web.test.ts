import { cp, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { buildWeb, digestInputs } from './build-web.ts'

let root: string

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'build-web-'))
  await mkdir(join(root, 'web/src'), { recursive: true })
  await mkdir(join(root, 'src/contract'), { recursive: true })
  await writeFile(join(root, 'package-lock.json'), '{}')
  await writeFile(join(root, 'src/contract/index.ts'), 'export {}')
  await writeFile(join(root, 'web/src/main.ts'), 'document.title = "x"')
  await writeFile(
    join(root, 'web/index.html'),
    '<!doctype html><script type="module" src="/src/main.ts"></script>',
  )
})
afterEach(() => rm(root, { recursive: true, force: true }))

describe('the digest of the sources', () => {
  it.each([
    ['a changed page', () => writeFile(join(root, 'web/src/main.ts'), 'document.title = "y"')],
    ['a new file', () => writeFile(join(root, 'web/src/more.ts'), '')],
    ['a new name', () => rename(join(root, 'web/index.html'), join(root, 'web/other.html'))],
    ['a changed contract', () => writeFile(join(root, 'src/contract/index.ts'), '')],
    ['another version of a tool', () => writeFile(join(root, 'package-lock.json'), '{ }')],
    ['a file that is gone', () => rm(join(root, 'web/index.html'))],
  ])('is another one after %s', async (_, change) => {
    const before = digestInputs(root)
    await change()
    expect(digestInputs(root)).not.toBe(before)
  })

  it('does not change with what is built, installed or half done', async () => {
    const before = digestInputs(root)
    for (const directory of ['dist', 'node_modules/react', '.build-abc']) {
      await mkdir(join(root, 'web', directory), { recursive: true })
      await writeFile(join(root, 'web', directory, 'index.js'), 'x')
    }
    expect(digestInputs(root)).toBe(before)
  })
})

describe('a build', () => {
  it('is made once, and again when something changed', async () => {
    expect(await buildWeb(root)).toBe('built')
    expect(await buildWeb(root)).toBe('unchanged')
    await cp(join(root, 'web/src/main.ts'), join(root, 'web/src/copy.ts'))
    expect(await buildWeb(root)).toBe('built')
  })

  it('that fails leaves the old one in its place', async () => {
    await buildWeb(root)
    await writeFile(join(root, 'web/src/main.ts'), 'import "./nowhere.ts"')
    const environment = process.env['NODE_ENV']
    await expect(buildWeb(root)).rejects.toThrow()
    expect(process.env['NODE_ENV']).toBe(environment)
    await writeFile(join(root, 'web/src/main.ts'), 'document.title = "x"')
    expect(await buildWeb(root)).toBe('unchanged')
  })
})
