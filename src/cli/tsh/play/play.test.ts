import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FakeIo } from '../../../../test/support/fake-io.ts'
import { FakeTty } from '../../../../test/support/fake-tty.ts'
import { sessionFacts } from '../../../../test/support/session-facts.ts'
import { quietWorld } from '../../../../test/support/tsh-world.ts'
import { RecordEncoder, type RecordFrame } from '../../../recording/index.ts'
import { run } from '../../run.ts'
import { buildTsh } from '../program.ts'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tsh-play-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

function tsh(io: FakeIo, ...argv: readonly string[]): Promise<number> {
  return run(() => buildTsh(io, quietWorld(io, directory)), argv, io)
}

const out = (atMs: number, text: string): RecordFrame => ({
  kind: 'data',
  atMs,
  stream: 'stdout',
  data: Buffer.from(text),
})
/** Of `title`. */
const LEFT_OUT =
  '[7 characters are left out here that were written for the terminal itself: titles and the like]\n'
const FRAMES: readonly RecordFrame[] = [
  {
    kind: 'begin',
    atMs: 0,
    facts: sessionFacts(),
  },
  { kind: 'resize', atMs: 0, width: 60, height: 7 },
  out(10, '\u001b]0;title\u0007first\r\n'),
  { kind: 'marker', atMs: 20, label: 'bob joined' },
  out(60_000, 'after a minute\r\n'),
  { kind: 'end', atMs: 60_010, exitCode: 3, reason: 'exited' },
]

async function record(name: string, frames: readonly RecordFrame[] = FRAMES): Promise<string> {
  const encoder = new RecordEncoder()
  const path = join(directory, name)
  const bytes = [...frames.map((frame) => encoder.frame(frame)), encoder.seal()]
  await writeFile(path, Buffer.concat(bytes))
  return path
}

describe('tsh play in a terminal', () => {
  it('plays, goes forward and back, and gives the terminal back', async () => {
    const path = await record('session')
    const io = new FakeTty()
    const ended = tsh(io, 'play', path)
    await expect.poll(() => io.written).toContain('first')
    await expect.poll(() => io.written).toContain('bob joined  alice in west: team/web-0')
    expect(io.written).not.toContain('after a minute')
    io.typed.write('G')
    await expect.poll(() => io.written).toContain('after a minute')
    await expect.poll(() => io.written).toContain('ended with 3')
    const before = io.written.length
    io.typed.write(' g')
    await expect.poll(() => io.written.slice(before)).toContain('00:00')
    io.typed.write('q')
    expect(await ended).toBe(0)
    expect(io.written.startsWith('\u001b[?1049h')).toBe(true)
    expect(io.written.endsWith('\u001b[?1049l')).toBe(true)
    expect(io.written).not.toContain('\u001b]')
  })

  it('makes long pauses short when it is asked to', async () => {
    const path = await record('idle')
    const io = new FakeTty()
    const ended = tsh(io, 'play', '--max-idle=10ms', path)
    await expect.poll(() => io.written).toContain('ended with 3')
    io.typed.write('q')
    expect(await ended).toBe(0)
  })

  it('shows what is good of a record that is broken, and ends with an error', async () => {
    const path = await record('broken', FRAMES.slice(0, 4))
    await appendFile(path, Buffer.from([77, 0, 0]))
    const io = new FakeTty()
    const ended = tsh(io, 'play', path)
    await expect.poll(() => io.written).toContain('first')
    await expect.poll(() => io.written).toContain('the record is broken')
    io.typed.write('q')
    expect(await ended).toBe(1)
    expect(io.err).toContain('there are no frames of type 77')
  })

  it('tells that one is cut off, after it was seen to its end', async () => {
    const path = await record('cut', FRAMES.slice(0, 4))
    const io = new FakeTty()
    const ended = tsh(io, 'play', path)
    await expect.poll(() => io.written).toContain('the recording ends before its session')
    io.typed.write('q')
    expect(await ended).toBe(0)
    expect(io.err).toContain('the recording ends before its session did')
  })

  it('ends with ctrl-c, and with a signal', async () => {
    const path = await record('stopped')
    const io = new FakeTty()
    const ended = tsh(io, 'play', path)
    await expect.poll(() => io.written).toContain('first')
    io.interrupt()
    expect(await ended).toBe(0)
    expect(io.written.endsWith('\u001b[?1049l')).toBe(true)
  })

  it('draws again, whole, when the terminal has another size', async () => {
    const path = await record('resized')
    const io = new FakeTty()
    const ended = tsh(io, 'play', path)
    await expect.poll(() => io.written).toContain('bob joined')
    const before = io.written.length
    Object.assign(io.stdout, { columns: 30, rows: 4 })
    io.stdout.emit('resize')
    await expect.poll(() => io.written.slice(before)).toContain('\u001b[2J')
    io.typed.write('\u0003')
    expect(await ended).toBe(0)
  })
})

describe('tsh play of what a terminal takes minutes for', () => {
  it('hears that somebody quits', async () => {
    const [begin] = FRAMES as [RecordFrame]
    const size: RecordFrame = { kind: 'resize', atMs: 0, width: 1000, height: 500 }
    const resets = out(1000, '\u001bc'.repeat(100_000))
    const path = await record('slow', [begin, size, out(10, 'begun'), resets])
    const io = new FakeTty()
    const ended = tsh(io, 'play', path)
    await expect.poll(() => io.written).toContain('begun')
    io.typed.write('G')
    // By now the emulator is at it.
    await new Promise((resolve) => setTimeout(resolve, 100))
    io.typed.write('q')
    expect(await ended).toBe(0)
  })
})

describe('tsh play elsewhere', () => {
  it('names what to do where there is no terminal', async () => {
    const io = new FakeIo()
    expect(await tsh(io, 'play', await record('no-terminal'))).toBe(1)
    expect(io.err).toContain('--format=text')
  })

  it.each([
    ['text', `first\n[bob joined]\nafter a minute\n${LEFT_OUT}`],
    ['cast', expect.stringContaining('\n[0.02,"m","bob joined"]\n') as string],
    ['json', expect.stringContaining('{"kind":"end","time_ms":60010,"exit_code":3') as string],
  ])('prints it as %s, at once', async (format, expected) => {
    const io = new FakeIo()
    expect(await tsh(io, 'play', `--format=${format}`, await record(`as-${format}`))).toBe(0)
    expect(io.out).toEqual(expected)
    expect(io.err).toBe('')
  })

  it('writes what is good of a record that was changed, and ends with an error', async () => {
    const path = await record('changed', FRAMES.slice(0, 3))
    await appendFile(path, Buffer.from([77, 0, 0]))
    const io = new FakeIo()
    expect(await tsh(io, 'play', '--format=text', path)).toBe(1)
    expect(io.out).toBe(`first\n${LEFT_OUT}`)
    expect(io.err).toContain('what came before it was written')
  })

  it('says so of one that was cut off', async () => {
    const io = new FakeIo()
    expect(await tsh(io, 'play', '--format=text', await record('half', FRAMES.slice(0, 3)))).toBe(0)
    expect(io.err).toContain('ends before its session did')
  })

  it('plays asciicasts of others', async () => {
    const path = join(directory, 'foreign.cast')
    await writeFile(path, '{"version":2,"width":80,"height":24}\n[0.1,"o","h\u00e9llo\\r\\n"]\n')
    const io = new FakeIo()
    expect(await tsh(io, 'play', '--format=text', path)).toBe(0)
    expect(io.out).toBe('héllo\n')
  })

  it.each([
    ['a speed of nothing', ['--speed=0'], 2, /--speed=0 is not between/],
    ['a format of nobody', ['--format=gif'], 2, /Allowed choices/],
  ])('refuses %s', async (_name, flags, code, words) => {
    const io = new FakeIo()
    expect(await tsh(io, 'play', ...flags, await record('refused'))).toBe(code)
    expect(io.err).toMatch(words)
  })

  it('refuses what is no recording, and what is not there', async () => {
    const path = join(directory, 'picture.png')
    await writeFile(path, '\u0089PNG----------')
    for (const [what, words] of [
      [path, 'not the record of a session'],
      [join(directory, 'nowhere'), 'cannot read'],
    ] as const) {
      const io = new FakeIo()
      expect(await tsh(io, 'play', '--format=text', what)).toBe(1)
      expect(io.err).toContain(words)
    }
  })
})
