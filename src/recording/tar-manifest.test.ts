import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TarEntry, TarManifest } from './tar-manifest.ts'

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

function entryHead(name: string, size: number, type: string): Buffer {
  const head = Buffer.alloc(512)
  head.write(name)
  head.write('0000644\0', 100)
  head.write(`${size.toString(8).padStart(11, '0')}\0`, 124)
  head.write('        ', 148)
  head.write(type, 156)
  head.write('ustar\u000000', 257)
  const sum = head.reduce((total, byte) => total + byte, 0)
  head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return head
}

/** The record of a name for the entry behind it. */
function longName(format: 'gnu' | 'pax', name: Buffer): Buffer {
  const length = name.length + ' path=\n'.length + 5
  const content =
    format === 'gnu'
      ? name
      : Buffer.concat([Buffer.from(`${length} path=`), name, Buffer.from('\n')])
  const padding = Buffer.alloc((512 - (content.length % 512)) % 512)
  const type = format === 'gnu' ? 'L' : 'x'
  return Buffer.concat([entryHead('long', content.length, type), content, padding])
}

describe('the files of a tar stream', () => {
  it.each(['gnu', 'pax', 'posix'])('are read from the %s format of real tar', (format) => {
    const manifest = new TarManifest()
    manifest.push(tar(format))
    const entries = manifest.take()
    const files = entries.filter(({ kind }) => kind === 'file')
    expect(files).toEqual([
      expect.objectContaining({ path: 'data/block', size: 512, mode: 0o640 }),
      expect.objectContaining({ path: 'data/empty', size: 0 }),
      expect.objectContaining({ path: 'data/größe.bin', size: 100_001 }),
      expect.objectContaining({ path: `data/${LONG}`, size: 4 }),
    ])
    expect(entries).toContainEqual(
      expect.objectContaining({ path: 'data/link', kind: 'link', size: 0 }),
    )
    expect(entries[0]).toMatchObject({ path: 'data/', kind: 'directory' })
  })

  it('are the same however the bytes are cut', () => {
    const whole = tar('pax')
    const once = new TarManifest()
    once.push(whole)
    const expected = once.take()
    fc.assert(
      fc.property(fc.array(fc.nat({ max: whole.length }), { maxLength: 30 }), (cuts) => {
        const manifest = new TarManifest()
        const entries: TarEntry[] = []
        let from = 0
        for (const to of [...cuts, whole.length].sort((a, b) => a - b)) {
          manifest.push(whole.subarray(from, to))
          entries.push(...manifest.take())
          from = to
        }
        expect(entries).toEqual(expected)
      }),
    )
  })

  it('are counted when there are more than are told, also when these have been taken', () => {
    const all = new TarManifest()
    all.push(tar('gnu'))
    const count = all.take().length
    const manifest = new TarManifest(2)
    const stream = tar('gnu')
    let told = 0
    for (let at = 0; at < stream.length; at += 512) {
      manifest.push(stream.subarray(at, at + 512))
      told += manifest.take().length
    }
    expect(told).toBe(2)
    expect(manifest.more).toBe(count - 2)
  })

  it('are told once, and forgotten', () => {
    const manifest = new TarManifest()
    manifest.push(tar('gnu'))
    expect(manifest.take().length).toBeGreaterThan(0)
    expect(manifest.take()).toEqual([])
  })

  it.each(['gnu', 'pax'] as const)(
    'have no longer names than Linux has, whatever a %s record says',
    (format) => {
      const name = Buffer.alloc(60_000, 0xe9)
      const manifest = new TarManifest()
      manifest.push(Buffer.concat([longName(format, name), entryHead('x', 0, '0')]))
      // Each byte that is no UTF-8 is a character of its own.
      expect(manifest.take().map(({ path }) => path)).toEqual(['\ufffd'.repeat(4096)])
    },
  )

  it('are none in what is no tar, and nothing throws', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 1500 }), { maxLength: 4 }), (chunks) => {
        const manifest = new TarManifest()
        for (const chunk of chunks) manifest.push(Buffer.from(chunk))
        expect(manifest.take()).toEqual([])
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
        expect(manifest.take().length).toBeLessThan(100)
      }),
    )
  })
})
