import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { writePrivateStream } from './private-stream.ts'

async function* pieces(...all: readonly (string | Error)[]): AsyncGenerator<string> {
  for (const piece of all) {
    if (piece instanceof Error) throw piece
    yield piece
  }
}

describe('writePrivateStream()', () => {
  let directory: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'private-'))
  })
  afterEach(() => rm(directory, { recursive: true, force: true }))

  it.each([true, false])(
    'writes all pieces, for its owner only (overwrite: %s)',
    async (overwrite) => {
      const path = join(directory, 'cast')
      await writePrivateStream(path, pieces('a', 'b', 'c'), { overwrite })
      expect(await readFile(path, 'utf8')).toBe('abc')
      expect((await stat(path)).mode & 0o777).toBe(0o600)
      expect(await readdir(directory)).toEqual(['cast'])
    },
  )

  it('replaces what is there only when it may', async () => {
    const path = join(directory, 'cast')
    await writeFile(path, 'old')
    await expect(
      writePrivateStream(path, pieces('new'), { overwrite: false }),
    ).rejects.toMatchObject({ code: 'EEXIST' })
    expect(await readFile(path, 'utf8')).toBe('old')
    await writePrivateStream(path, pieces('new'), { overwrite: true })
    expect(await readFile(path, 'utf8')).toBe('new')
    expect(await readdir(directory)).toEqual(['cast'])
  })

  it('leaves nothing behind when what it writes breaks off', async () => {
    const broken = new Error('broken')
    await expect(
      writePrivateStream(join(directory, 'cast'), pieces('a', broken), { overwrite: false }),
    ).rejects.toBe(broken)
    expect(await readdir(directory)).toEqual([])
  })
})
