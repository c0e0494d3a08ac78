import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TarManifest } from './tar-manifest.ts'

const LONG = `${'long-directory-name/'.repeat(12)}${'x'.repeat(120)}.txt`

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'tar-manifest-'))
  mkdirSync(join(directory, 'data', LONG, '..'), { recursive: true })
  writeFileSync(join(directory, 'data', 'empty'), '')
  writeFileSync(join(directory, 'data', 'block'), Buffer.alloc(512, 1), { mode: 0o640 })
  writeFileSync(join(directory, 'data', 'größe.bin'), Buffer.alloc(100_001, 2))
  writeFileSync(join(directory, 'data', LONG), 'long')
  symlinkSync('block', join(directory, 'data', 'link'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const tar = (format: string): Buffer =>
  execFileSync('tar', [`--format=${format}`, '--sort=name', '-cf', '-', 'data'], {
    cwd: directory,
    maxBuffer: 64 * 1024 * 1024,
  })

describe('the files of a tar stream', () => {
  it.each(['gnu', 'pax', 'posix'])('are read from the %s format of real tar', (format) => {
    const manifest = new TarManifest()
    manifest.push(tar(format))
    const files = manifest.entries.filter(({ kind }) => kind === 'file')
    expect(files).toEqual([
      expect.objectContaining({ path: 'data/block', size: 512, mode: 0o640 }),
      expect.objectContaining({ path: 'data/empty', size: 0 }),
      expect.objectContaining({ path: 'data/größe.bin', size: 100_001 }),
      expect.objectContaining({ path: `data/${LONG}`, size: 4 }),
    ])
    expect(manifest.entries).toContainEqual(
      expect.objectContaining({ path: 'data/link', kind: 'link', size: 0 }),
    )
    expect(manifest.entries[0]).toMatchObject({ path: 'data/', kind: 'directory' })
  })

  it('are the same however the bytes are cut', () => {
    const whole = tar('pax')
    const expected = new TarManifest()
    expected.push(whole)
    fc.assert(
      fc.property(fc.array(fc.nat({ max: whole.length }), { maxLength: 30 }), (cuts) => {
        const manifest = new TarManifest()
        let from = 0
        for (const to of [...cuts, whole.length].sort((a, b) => a - b)) {
          manifest.push(whole.subarray(from, to))
          from = to
        }
        expect(manifest.entries).toEqual(expected.entries)
      }),
    )
  })

  it('are counted when there are more than are kept', () => {
    const manifest = new TarManifest(2)
    manifest.push(tar('gnu'))
    expect(manifest.entries).toHaveLength(2)
    const all = new TarManifest()
    all.push(tar('gnu'))
    expect(manifest.more).toBe(all.entries.length - 2)
  })

  it('are none in what is no tar, and nothing throws', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 1500 }), { maxLength: 4 }), (chunks) => {
        const manifest = new TarManifest()
        for (const chunk of chunks) manifest.push(Buffer.from(chunk))
        expect(manifest.entries).toEqual([])
      }),
    )
  })

  it('survive a tar in which a byte was changed', () => {
    const whole = tar('pax')
    fc.assert(
      fc.property(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 255 }), (at, value) => {
        const changed = Buffer.from(whole)
        changed[at] = value
        const manifest = new TarManifest()
        manifest.push(changed)
        expect(manifest.entries.length).toBeLessThan(100)
      }),
    )
  })
})
