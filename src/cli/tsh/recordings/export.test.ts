import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FakeIo } from '../../../../test/support/fake-io.ts'
import { freshFacts, output, session } from '../../../../test/support/recordings.ts'
import { quietWorld } from '../../../../test/support/tsh-world.ts'
import { RecordEncoder } from '../../../recording/index.ts'
import { run } from '../../run.ts'
import { buildTsh } from '../program.ts'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tsh-export-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

async function exported(...argv: readonly string[]): Promise<FakeIo & { readonly code: number }> {
  const io = new FakeIo()
  const code = await run(
    () => buildTsh(io, quietWorld(io, directory)),
    ['recordings', 'export', ...argv],
    io,
  )
  return Object.assign(io, { code })
}

/** A record with a seal in its middle and one at its end. */
function recordBytes(): { readonly first: Buffer; readonly second: Buffer } {
  const encoder = new RecordEncoder()
  const [begin, ...rest] = session(freshFacts(), [output(10, 'one'), output(20, 'two')])
  if (begin === undefined) throw new Error('a session begins with its facts')
  const first = Buffer.concat([encoder.frame(begin), encoder.seal()])
  const second = Buffer.concat([...rest.map((frame) => encoder.frame(frame)), encoder.seal()])
  return { first, second }
}

async function fileOf(name: string, ...parts: readonly Buffer[]): Promise<string> {
  const path = join(directory, name)
  await writeFile(path, Buffer.concat(parts))
  return path
}

describe('tsh recordings export --format=raw of a record in a file', () => {
  const raw = (path: string, out: string) =>
    exported('--format=raw', path, `--out=${join(directory, out)}`)

  it('gives the same bytes', async () => {
    const { first, second } = recordBytes()
    const done = await raw(await fileOf('whole.rec', first, second), 'whole.out')
    expect(done).toMatchObject({ code: 0, err: '' })
    expect(await readFile(join(directory, 'whole.out'))).toEqual(Buffer.concat([first, second]))
  })

  it('ends at what is not as it was written, with an error', async () => {
    const { first, second } = recordBytes()
    second[second.indexOf('two')] = 0x54
    const done = await raw(await fileOf('changed.rec', first, second), 'changed.out')
    expect(done.code).toBe(1)
    expect(done.err).toContain('its seal is another one')
    const good = await readFile(join(directory, 'changed.out'))
    expect(Buffer.concat([first, second]).indexOf(good)).toBe(0)
    expect(good.length).toBeGreaterThanOrEqual(first.length)
    expect(good.length).toBeLessThan(first.length + second.length)
  })

  it('says that its end is missing', async () => {
    const { first, second } = recordBytes()
    for (const cut of [first, Buffer.concat([first, second.subarray(0, -1)])]) {
      const done = await exported('--format=raw', await fileOf('cut.rec', cut))
      expect(done.code).toBe(0)
      expect(done.err).toContain('ends before its session did')
    }
  })
})

describe('tsh recordings export of what is no recording', () => {
  it.each([
    ['raw', '\u0089PNG----------', 'this is not the record of a session'],
    ['cast', '\u0089PNG----------', 'this is not the record of a session'],
    ['cast', '{"name": "a package"}\n', 'this is no asciicast of version 2'],
    [
      'text',
      '{"version": 3, "term": {"cols": 80, "rows": 24}}\n',
      'this is no asciicast of version 2',
    ],
    ['json', '{\n', 'this is no asciicast of version 2'],
  ])('as %s writes nothing of %j, and replaces nothing', async (format, text, words) => {
    const path = await fileOf('foreign', Buffer.from(text))
    const [fresh, mine] = [join(directory, 'fresh'), join(directory, 'mine')]
    await writeFile(mine, 'mine')
    for (const flags of [[`--out=${fresh}`], [`--out=${mine}`, '--overwrite']]) {
      const done = await exported(`--format=${format}`, path, ...flags)
      expect(done).toMatchObject({ code: 1, out: '' })
      expect(done.err).toContain(words)
      expect(done.err).toContain(`nothing was written to ${join(directory, '')}`)
    }
    expect(existsSync(fresh)).toBe(false)
    expect(await readFile(mine, 'utf8')).toBe('mine')
  })

  it('says so of a record of which nothing is good, and replaces nothing', async () => {
    const { first } = recordBytes()
    first[first.indexOf('exec')] = 0x45
    const [path, mine] = [await fileOf('bad.rec', first), join(directory, 'mine')]
    await writeFile(mine, 'mine')
    const done = await exported('--format=text', path, `--out=${mine}`, '--overwrite')
    expect(done).toMatchObject({ code: 1, out: '' })
    expect(done.err).toContain(`nothing was written to ${mine}: somebody changed it`)
    expect(await readFile(mine, 'utf8')).toBe('mine')
  })
})

it('a recording that comes by a pipe is said to need a file', async () => {
  const path = join(directory, 'pipe')
  execFileSync('mkfifo', [path])
  // Who opens one end waits for the other.
  const writer = open(path, 'r+')
  const done = await exported(path)
  await (await writer).close()
  expect(done.code).toBe(1)
  expect(done.err).toContain('it is a pipe: write what comes by it into a file first')
})

describe('ctrl-c amid tsh recordings export', () => {
  /** Whose stdout takes the first piece, and never another one. */
  class Stalled extends FakeIo {
    override readonly stdout = new Writable({
      write: () => void setImmediate(() => this.interrupt()),
    })
  }
  const longRecord = (): Promise<string> => {
    const encoder = new RecordEncoder()
    const outputs = Array.from({ length: 20 }, (_, at) => output(at, 'x'.repeat(100_000)))
    const frames = session(freshFacts(), outputs).map((frame) => encoder.frame(frame))
    return fileOf('long.rec', ...frames, encoder.seal())
  }
  const interrupted = async (io: FakeIo, ...argv: readonly string[]): Promise<number> =>
    run(() => buildTsh(io, quietWorld(io, directory)), ['recordings', 'export', ...argv], io)

  it('ends it with 130: what was written is not all', async () => {
    expect(await interrupted(new Stalled(), '--format=json', await longRecord())).toBe(130)
  })

  it('leaves no file', async () => {
    const io = new FakeIo()
    const out = join(directory, 'interrupted')
    const ended = interrupted(io, await longRecord(), `--out=${out}`)
    io.interrupt()
    expect(await ended).toBe(130)
    expect((await readdir(directory)).filter((name) => /interrupted|tmp/.test(name))).toEqual([])
  })
})
