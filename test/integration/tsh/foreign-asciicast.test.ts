import { load } from 'load-asciicast'
import { describe, expect, it } from 'vitest'
import { AsciicastWriter, type RecordFrame } from '../../../src/recording/index.ts'
import { sessionFacts } from '../../support/session-facts.ts'

const facts = sessionFacts({
  sessionId: '2f0c5f6e-6a5e-4d8e-9a55-0b7a5a7f2d11',
  command: ['sh', '-c', 'echo "ä"'],
})
const out = (atMs: number, text: string | Buffer): RecordFrame => ({
  kind: 'data',
  atMs,
  stream: 'stdout',
  data: Buffer.from(text),
})

function cast(frames: readonly RecordFrame[]): string {
  const writer = new AsciicastWriter()
  return frames.map((frame) => writer.frame(frame)).join('') + writer.end()
}

describe('an asciicast of ours', () => {
  it('is taken by a parser that others wrote, which sees on its screen what was on that of the session', () => {
    const text = cast([
      { kind: 'begin', atMs: 0, facts },
      { kind: 'resize', atMs: 1, width: 40, height: 5 },
      out(100, '\u001b[31mred\u001b[0m and größe\r\n'),
      out(1500, Buffer.from([0x6f, 0x6b, 0xff])),
      { kind: 'end', atMs: 2000, exitCode: 0, reason: 'exited' },
    ])
    const parsed = load(text, {})
    expect(parsed).toMatchObject({ version: 2, width: 40, height: 5 })
    const [, last] = parsed.frames.at(-1) ?? []
    const lines = (
      last as { screen: { lines: (readonly [number, unknown])[][] } }
    ).screen.lines.map((line) => String.fromCodePoint(...line.map(([code]) => code)).trimEnd())
    expect(lines.slice(0, 2)).toEqual(['red and größe', 'ok\ufffd'])
  })

  it('has the form that asciicast v2 prescribes, whatever the session was', () => {
    const text = cast([
      { kind: 'begin', atMs: 0, facts: { ...facts, tty: false, command: [] } },
      out(1, 'a\n'),
      { kind: 'data', atMs: 2, stream: 'stdin', data: Buffer.from('x') },
      { kind: 'resize', atMs: 3, width: 100, height: 30 },
      { kind: 'marker', atMs: 4, label: 'bob joined' },
      { kind: 'omitted', atMs: 5, stream: 'stderr', bytes: 3, sha256: 'ab' },
    ])
    const [head, ...events] = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown)
    expect(head).toEqual({
      version: 2,
      width: expect.any(Number),
      height: expect.any(Number),
      timestamp: expect.any(Number),
      title: expect.any(String),
    })
    let before = 0
    for (const event of events) {
      const [at, code, data] = event as [number, string, string]
      expect(at).toBeGreaterThanOrEqual(before)
      before = at
      expect(['o', 'i', 'r', 'm']).toContain(code)
      expect(typeof data).toBe('string')
      if (code === 'r') expect(data).toMatch(/^\d+x\d+$/)
    }
    expect(events).toHaveLength(5)
  })
})
