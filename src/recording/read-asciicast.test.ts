import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AsciicastWriter } from './asciicast.ts'
import type { RecordFrame } from './frame.ts'
import { AsciicastReader } from './read-asciicast.ts'

function read(...pieces: readonly string[]): RecordFrame[] {
  const reader = new AsciicastReader()
  return [...pieces.flatMap((piece) => [...reader.frames(piece)]), ...reader.end()]
}

const HEAD =
  '{"version": 2, "width": 100, "height": 30, "title": "demo", "env": {"SHELL": "/bin/sh"}}\n'
const out = (atMs: number, text: string): RecordFrame => ({
  kind: 'data',
  atMs,
  stream: 'stdout',
  data: Buffer.from(text),
})

describe('an asciicast', () => {
  it('is frames, in order, after the size of the terminal', () => {
    const reader = new AsciicastReader()
    const frames = [
      ...reader.frames(`${HEAD}[0.25, "o", "$ "]\n[0.5, "i", "l"]\n\n[1, "r", "120x40"]\n`),
      ...reader.frames('[2, "m", "here"]\n[1.5, "o", "late"]\n[3, "x", "what is this"]'),
      ...reader.end(),
    ]
    expect(reader.head).toEqual({ width: 100, height: 30, title: 'demo' })
    expect(frames).toEqual([
      { kind: 'resize', atMs: 0, width: 100, height: 30 },
      out(250, '$ '),
      { kind: 'data', atMs: 500, stream: 'stdin', data: Buffer.from('l') },
      { kind: 'resize', atMs: 1000, width: 120, height: 40 },
      { kind: 'marker', atMs: 2000, label: 'here' },
      out(2000, 'late'),
    ])
  })

  it('is read however it is cut', () => {
    const text = `${HEAD}[0.25, "o", "äö"]\n[0.5, "o", "b"]\n`
    fc.assert(
      fc.property(fc.nat({ max: text.length }), (at) => {
        expect(read(text.slice(0, at), text.slice(at))).toEqual(read(text))
      }),
    )
  })

  it('of ours gives back what a player shows', () => {
    const writer = new AsciicastWriter()
    const frames: RecordFrame[] = [
      { kind: 'resize', atMs: 0, width: 90, height: 20 },
      out(7, 'a\u001b[31mb\u009b0m\u202e'),
      { kind: 'resize', atMs: 90, width: 91, height: 21 },
    ]
    const text = frames.map((frame) => writer.frame(frame)).join('') + writer.end()
    expect(read(text)).toEqual(frames)
    // It may be shown as it is.
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
  })

  it.each([
    ['nothing at all', ''],
    ['another version', '{"version": 3}\n'],
    ['a size of nothing', '{"version": 2, "width": 0, "height": 1}\n'],
    ['a first line that is no JSON', '{\n"version": 2\n}\n'],
    ['a first line without an end', 'x'.repeat(5_000_000)],
  ])('with %s is none', (_name, text) => {
    expect(() => read(text)).toThrowError(
      expect.objectContaining({
        code: 'RECORD_UNKNOWN',
        message: 'this is no asciicast of version 2: its first line is no head of one',
      }),
    )
  })

  it.each([
    ['no JSON', `${HEAD}[0.25, "o"`, /line 2 .* no JSON/],
    ['an event of another form', `${HEAD}{"time": 1}\n`, /\[seconds, kind, text\]/],
    ['a time before the beginning', `${HEAD}[-1, "o", ""]\n`, /\[seconds, kind, text\]/],
    ['a line without an end', HEAD + 'x'.repeat(5_000_000), /too long/],
  ])('with %s is refused', (_name, text, words) => {
    expect(() => read(text)).toThrowError(
      expect.objectContaining({ code: 'RECORD_MALFORMED', message: expect.stringMatching(words) }),
    )
  })
})
