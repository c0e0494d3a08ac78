import { createHash } from 'node:crypto'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildWeb } from '../../../tools/build-web.ts'
import { buildRootfs } from '../../../tools/image/build-rootfs.ts'
import { imageConfig } from '../../../tools/image/contents.ts'
import { writeArchive } from '../../../tools/image/write-archive.ts'
import { mustRun } from '../../support/process.ts'

const ROOT = resolve(import.meta.dirname, '../../..')
/** What it is today, and some room: who adds to it should know. */
const MOST_BYTES = 165 * 1024 * 1024

describe('the image without a container engine', () => {
  let work: string
  let rootfs: string
  let files: string[]

  beforeAll(async () => {
    work = await mkdtemp(join(tmpdir(), 'image-test-'))
    rootfs = join(work, 'rootfs')
    await buildWeb(ROOT)
    await buildRootfs(ROOT, rootfs)
    files = readdirSync(rootfs, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(rootfs, join(entry.parentPath, entry.name)))
  })
  afterAll(() => rm(work, { recursive: true, force: true }))

  it('has Node, two commands and no other program', () => {
    const programs = files.filter((path) => /(^|\/)s?bin\//.test(path) && !path.startsWith('app/'))
    expect(programs.sort()).toEqual([
      'usr/local/bin/node',
      'usr/local/bin/tctl',
      'usr/local/bin/teleport',
    ])
    expect(files.filter((path) => /(^|\/)(sh|bash|dash|busybox|npm|apt)$/.test(path))).toEqual([])
  })

  it('has the sources and the pages, and neither tests nor tools', () => {
    expect(files).toContain('app/src/daemon/main.ts')
    expect(files).toContain('app/web/dist/index.html')
    expect(files.filter((path) => path.endsWith('.test.ts'))).toEqual([])
    for (const absent of ['vitest', 'typescript', 'vite', '@biomejs', 'playwright-core']) {
      expect(existsSync(join(rootfs, 'app/node_modules', absent)), absent).toBe(false)
    }
  })

  it('keeps the licence of every package', () => {
    const licensed = (path: string): boolean => /licen[cs]e|copying|notice/i.test(path)
    const missing = files
      .filter((path) => /^app\/node_modules\/(@[^/]+\/)?[^/]+\/package\.json$/.test(path))
      .map((path) => path.replace('/package.json', '').replace('app/', ''))
      .filter((path) => readdirSync(join(ROOT, path)).some(licensed))
      .filter((path) => !readdirSync(join(rootfs, 'app', path)).some(licensed))
    expect(missing).toEqual([])
  })

  it('is as small as it was', () => {
    const bytes = files.reduce((sum, path) => sum + statSync(join(rootfs, path)).size, 0)
    expect(bytes).toBeLessThan(MOST_BYTES)
  })

  it('is the same archive whenever it is made, and the program owns what it writes', async () => {
    const digest = async (name: string): Promise<string> => {
      const out = join(work, name)
      await writeArchive({ rootfs, tag: 'local/teleport:1', config: imageConfig, out })
      return createHash('sha256')
        .update(await readFile(out))
        .digest('hex')
    }
    expect(await digest('a.tar')).toBe(await digest('b.tar'))
    const names = (await mustRun('tar', ['-tf', join(work, 'a.tar')])).split('\n')
    const layer = names.find((name) => /^\.\/[0-9a-f]{64}\.tar$/.test(name)) ?? ''
    await mustRun('tar', ['-C', work, '-xf', join(work, 'a.tar'), layer])
    const listed = await mustRun('tar', ['--numeric-owner', '-tvf', join(work, layer)])
    const owners = new Map(
      listed
        .trim()
        .split('\n')
        .map((line) => line.split(/\s+/))
        .map((columns) => [columns.at(-1), `${columns[0]} ${columns[1]}`]),
    )
    expect(owners.get('./var/lib/teleport/')).toBe('drwxr-xr-x 9807/9807')
    expect(owners.get('./tmp/')).toBe('drwxr-xr-x 9807/9807')
    expect(owners.get('./app/src/daemon/main.ts')).toBe('-rw-r--r-- 0/0')
    expect(owners.get('./usr/local/bin/node')).toBe('-rwxr-xr-x 0/0')
  })
})
