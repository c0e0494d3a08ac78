import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { FakeIo } from '../../../test/support/fake-io.ts'
import type { Io } from '../io.ts'
import type { Key } from './keys.ts'
import { enterTerminal, wantsColour, wantsUnicode } from './terminal.ts'

/** A terminal in memory. */
function tty(): { io: Io; typed: PassThrough; out: () => string; raw: () => boolean | null } {
  let raw: boolean | null = null
  let written = ''
  const typed = Object.assign(new PassThrough(), {
    setRawMode: (on: boolean) => {
      raw = on
    },
  })
  const stdout = Object.assign(new PassThrough(), { columns: 80, rows: 24 })
  stdout.on('data', (chunk: Buffer) => {
    written += chunk.toString()
  })
  const base = new FakeIo({ isTty: true })
  const io: Io = {
    stdin: typed,
    stdout,
    stderr: base.stderr,
    env: {},
    isTty: true,
    signal: base.signal,
    foreground: base.foreground,
  }
  return { io, typed, out: () => written, raw: () => raw }
}

const LISTENED = ['SIGTERM', 'SIGHUP', 'exit', 'uncaughtExceptionMonitor'] as const
const listeners = (): number[] => LISTENED.map((name) => process.listenerCount(name))

describe('enterTerminal()', () => {
  it('takes the terminal over and gives it back as it was', async () => {
    const before = listeners()
    const { io, out, raw } = tty()
    const terminal = enterTerminal(io)
    expect(terminal?.size()).toEqual({ columns: 80, rows: 24 })
    expect(raw()).toBe(true)
    expect(listeners()).toEqual(before.map((count) => count + 1))
    terminal?.leave()
    terminal?.leave()
    expect(raw()).toBe(false)
    expect(listeners()).toEqual(before)
    await expect
      .poll(out)
      .toBe('\u001b[?1049h\u001b[?25l\u001b[?7l\u001b[2J\u001b[?7h\u001b[?25h\u001b[?1049l')
  })

  it('tells of keys and of another size, and of none afterwards', async () => {
    const { io, typed } = tty()
    const terminal = enterTerminal(io)
    const keys: Key[] = []
    let resized = 0
    terminal?.onKey((key) => keys.push(key))
    terminal?.onResize(() => {
      resized += 1
    })
    typed.write('a\u001b[A')
    io.stdout.emit('resize')
    await expect.poll(() => keys.length).toBe(2)
    terminal?.leave()
    io.stdout.emit('resize')
    expect(keys).toEqual([
      { type: 'char', char: 'a' },
      { type: 'named', name: 'up' },
    ])
    expect(resized).toBe(1)
    expect(typed.isPaused()).toBe(true)
  })

  it('is null where there is no terminal', () => {
    const { io } = tty()
    expect(enterTerminal({ ...io, isTty: false })).toBeNull()
    expect(enterTerminal({ ...io, stdin: new PassThrough() })).toBeNull()
    expect(enterTerminal({ ...io, stdout: new PassThrough() })).toBeNull()
    expect(enterTerminal({ ...io, env: { TERM: 'dumb' } })).toBeNull()
  })

  it('takes a size for one that says none', () => {
    const { io } = tty()
    Object.assign(io.stdout, { columns: 0, rows: 0 })
    const terminal = enterTerminal(io)
    expect(terminal?.size()).toEqual({ columns: 80, rows: 24 })
    terminal?.leave()
  })
})

describe('wantsColour()', () => {
  it.each<[Record<string, string>, boolean]>([
    [{ TERM: 'xterm' }, true],
    [{ TERM: 'xterm', NO_COLOR: '1' }, false],
    [{ TERM: 'xterm', NO_COLOR: '' }, true],
    [{ TERM: 'dumb' }, false],
    [{}, false],
  ])('%j: %s', (env, expected) => {
    expect(wantsColour(env)).toBe(expected)
  })
})

describe('wantsUnicode()', () => {
  it.each<[Record<string, string>, boolean]>([
    [{ LANG: 'de_DE.UTF-8' }, true],
    [{ LANG: 'C.utf8' }, true],
    [{ LANG: 'C' }, false],
    [{ LANG: 'de_DE.UTF-8', LC_ALL: 'C' }, false],
    [{ LC_CTYPE: 'UTF-8' }, true],
    [{}, false],
  ])('%j: %s', (env, expected) => {
    expect(wantsUnicode(env, 'linux')).toBe(expected)
  })

  it('is what terminals of Windows can, which have no such variables', () => {
    expect(wantsUnicode({}, 'win32')).toBe(true)
  })
})
