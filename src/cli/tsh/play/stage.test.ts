import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Stage } from './stage.ts'

const VIEW = { columns: 80, rows: 24 }

async function shown(
  output: string | Buffer,
  options: { view?: { columns: number; rows: number }; colour?: boolean; tty?: boolean } = {},
): Promise<string[]> {
  const stage = new Stage(options.tty ?? true)
  await stage.write(Buffer.from(output))
  await stage.settle()
  const lines = stage.lines(options.view ?? VIEW, options.colour ?? false)
  stage.dispose()
  return lines.map((line) => line.trimEnd())
}

describe('the terminal in memory', () => {
  it('shows what a session wrote, where it wrote it', async () => {
    const lines = await shown('one\r\ntwo\u001b[5;10Hfar\u001b[1;1HO')
    expect(lines.slice(0, 5)).toEqual(['One', 'two', '', '', '         far'])
  })

  it('gives the lines of a pipe their carriage returns', async () => {
    expect((await shown('a\nb\n', { tty: false })).slice(0, 2)).toEqual(['a', 'b'])
  })

  it('keeps colours: basic ones, of the palette, and all others', async () => {
    const [line] = await shown(
      '\u001b[?25l\u001b[31mr\u001b[0m\u001b[38;5;208mo\u001b[48;2;1;2;3mx\u001b[0m\u001b[1;4mb\u001b[0mp',
      { colour: true },
    )
    expect(line).toBe(
      '\u001b[38;5;1mr\u001b[0m\u001b[38;5;208mo\u001b[0m\u001b[38;5;208;48;2;1;2;3mx\u001b[0m\u001b[1;4mb\u001b[0mp',
    )
  })

  it('shows the cursor unless the session hid it', async () => {
    expect((await shown('a', { colour: true }))[0]).toBe('a\u001b[7m \u001b[0m')
    expect((await shown('a\u001b[?25l', { colour: true }))[0]).toBe('a')
  })

  it('shows of a larger screen the rows around the cursor, and no half of a wide character', async () => {
    const output = Array.from({ length: 20 }, (_, at) => `row ${at}`).join('\r\n')
    expect(await shown(output, { view: { columns: 5, rows: 3 } })).toEqual([
      'row 1',
      'row 1',
      'row 1',
    ])
    expect((await shown('abc漢', { view: { columns: 4, rows: 1 } }))[0]).toBe('abc')
    expect((await shown('abc漢', { view: { columns: 5, rows: 1 } }))[0]).toBe('abc漢')
  })

  it('has the size that it is told, within reason', async () => {
    const stage = new Stage(true)
    await stage.resize(120, 40)
    expect(stage.size).toEqual({ columns: 120, rows: 40 })
    await stage.resize(Number.MAX_SAFE_INTEGER, 0)
    expect(stage.size).toEqual({ columns: 1000, rows: 1 })
    await stage.clear()
    expect(stage.size).toEqual({ columns: 80, rows: 24 })
    stage.dispose()
  })

  it('waits when more comes than it can take at once', async () => {
    const stage = new Stage(true)
    const piece = Buffer.alloc(700 * 1024, 'x')
    await stage.write(piece)
    await stage.write(piece)
    // Everything before is on the screen then.
    expect(stage.lines(VIEW, false)[0]).toContain('xxx')
    stage.dispose()
  })

  it.each([
    ['scrolling up', 'S', ' b'],
    ['scrolling down', 'T', ' b'],
    ['lines put in', 'L', 'b'],
    ['lines taken out', 'M', 'b'],
    ['tabulators', 'I', 'a'.padEnd(79).concat('b')],
    ['tabulators backwards', 'Z', 'b'],
    ['the character before, again', 'b', 'a'.repeat(41).concat('b')],
  ])(
    'carries out %s (%s) as often as a screen may want it, and passes over what only takes time',
    async (_, final, done) => {
      const first = async (steps: number): Promise<string | undefined> =>
        (await shown(`\u001b[1;1Ha\u001b[${steps}${final}b`))[0]
      expect(await first(40)).toBe(done)
      expect(await first(1001)).toBe('ab')
      expect(await first(2_147_483_647)).toBe('ab')
    },
  )

  it('does not do in many sequences either what only takes time', async () => {
    const much = `${'\u001b[999S'.repeat(20)}\u001b[10S`
    expect((await shown(`${much}\u001b[3;1Hx\u001b[2S`)).slice(0, 3)).toEqual(['', '', 'x'])
    const later = `${much}${'.'.repeat(1024)}`
    expect((await shown(`${later}\u001b[2J\u001b[3;1Hx\u001b[2S`)).slice(0, 3)).toEqual([
      'x',
      '',
      '',
    ])
  })

  it('leaves what is not shown yet when nobody looks any more', async () => {
    const stage = new Stage(true)
    const writing = stage.write(Buffer.from(`begin${'\u0007'.repeat(1_000_000)}\rend`))
    stage.stop()
    await writing
    await stage.settle()
    expect(stage.lines(VIEW, false)[0]?.trimEnd()).toBe('begin')
    stage.dispose()
  })

  it('shows of one cell what a letter may have, not all that was put upon it', async () => {
    const [line = ''] = await shown(`a${'\u0301'.repeat(10_000)}b`)
    expect(line.startsWith('a\u0301')).toBe(true)
    expect(line.endsWith('b')).toBe(true)
    expect(line.length).toBeLessThan(100)
  })

  it('lets nothing through but characters and colours, whatever was written', async () => {
    const part = fc.oneof(
      fc.uint8Array({ maxLength: 12 }).map((array) => Buffer.from(array)),
      fc
        .constantFrom(
          '\u001b]0;title\u0007',
          '\u001b]52;c;cm0gLXJm\u0007',
          '\u001b[6n',
          '\u001b[c',
          '\u001bP+q544e\u001b\\',
          '\u001b[?1049h',
          '\u001b[?1000h',
          '\u001bc',
          '\u202e',
          '\u009d0;x\u009c',
          'text\r\n',
          '\u001b[31m',
        )
        .map((text) => Buffer.from(text)),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(part), async (parts) => {
        const lines = await shown(Buffer.concat(parts), { colour: true })
        expect(lines).toHaveLength(24)
        for (const line of lines) {
          const text = line.replaceAll(/\u001b\[[\d;]*m/g, '')
          expect(text).not.toMatch(
            /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/,
          )
        }
      }),
      { numRuns: 60 },
    )
  })
})
