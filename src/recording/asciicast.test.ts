import { describe, expect, it } from 'vitest'
import { sessionFacts } from '../../test/support/session-facts.ts'
import { AsciicastWriter } from './asciicast.ts'
import type { RecordFrame } from './frame.ts'

const begin = (tty: boolean): RecordFrame => ({
  kind: 'begin',
  atMs: 0,
  facts: sessionFacts({ command: ['sh', '-l'], tty, startedMs: 1_764_000_000_123 }),
})
const out = (atMs: number, data: Buffer | string, stream: 'stdout' | 'stderr' = 'stdout') =>
  ({ kind: 'data', atMs, stream, data: Buffer.from(data) }) satisfies RecordFrame

function cast(frames: readonly RecordFrame[]): unknown[] {
  const writer = new AsciicastWriter()
  const text = frames.map((frame) => writer.frame(frame)).join('') + writer.end()
  expect(text.endsWith('\n')).toBe(true)
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown)
}

describe('asciicast v2', () => {
  it('begins with the size of the terminal, and what the session was', () => {
    const lines = cast([
      begin(true),
      { kind: 'resize', atMs: 3, width: 120, height: 40 },
      out(250, '$ '),
      { kind: 'resize', atMs: 900, width: 100, height: 30 },
      { kind: 'end', atMs: 1500, exitCode: 0, reason: 'exited' },
    ])
    expect(lines).toEqual([
      {
        version: 2,
        width: 120,
        height: 40,
        timestamp: 1_764_000_000,
        title: 'alice in west: team/web-0',
        command: 'sh -l',
      },
      [0.25, 'o', '$ '],
      [0.9, 'r', '100x30'],
      [1.5, 'm', 'ended with 0'],
    ])
  })

  it('tells no size that a player cannot have, at the beginning or later', () => {
    const lines = cast([
      begin(true),
      { kind: 'resize', atMs: 1, width: 65_535, height: 0 },
      { kind: 'resize', atMs: 2, width: 1001, height: 65_535 },
      { kind: 'resize', atMs: 3, width: 1000, height: 500 },
    ])
    expect(lines[0]).toMatchObject({ width: 1000, height: 1 })
    expect(lines.slice(1)).toEqual([
      [0.002, 'r', '1000x500'],
      [0.003, 'r', '1000x500'],
    ])
  })

  it('has a size when nobody told one', () => {
    expect(cast([begin(false), out(1, 'x')])[0]).toMatchObject({ width: 80, height: 24 })
  })

  it('gives the lines of a pipe the carriage returns of a terminal', () => {
    expect(cast([begin(false), out(1, 'a\nb\r\n', 'stderr')])[1]).toEqual([
      0.001,
      'o',
      'a\r\nb\r\n',
    ])
    expect(cast([begin(true), out(1, 'a\n')])[1]).toEqual([0.001, 'o', 'a\n'])
  })

  it('puts a character together that came in two pieces, of each stream for itself', () => {
    const euro = Buffer.from('€')
    const lines = cast([
      begin(true),
      out(1, euro.subarray(0, 1)),
      out(2, 'e', 'stderr'),
      out(3, euro.subarray(1)),
    ])
    expect(lines.slice(1)).toEqual([
      [0.002, 'o', 'e'],
      [0.003, 'o', '€'],
    ])
  })

  it('shows bytes that are no text, and the half of a character at the end', () => {
    const lines = cast([
      begin(true),
      out(1, Buffer.from([0x61, 0xff])),
      out(2, Buffer.from([0xe2])),
    ])
    expect(lines.slice(1)).toEqual([
      [0.001, 'o', 'a\ufffd'],
      [0.002, 'o', '\ufffd'],
    ])
  })

  it('tells what is not kept, what was marked, and how it ended', () => {
    const lines = cast([
      begin(true),
      { kind: 'data', atMs: 1, stream: 'stdin', data: Buffer.from('ls\r') },
      { kind: 'omitted', atMs: 2, stream: 'stdout', bytes: 9, sha256: '00'.repeat(32) },
      { kind: 'marker', atMs: 3, label: 'bob joined' },
      { kind: 'end', atMs: 4, exitCode: null, reason: 'idle' },
    ])
    expect(lines.slice(1)).toEqual([
      [0.001, 'i', 'ls\r'],
      [0.002, 'm', '9 bytes of stdout are not kept'],
      [0.003, 'm', 'bob joined'],
      [0.004, 'm', 'ended: idle'],
    ])
  })

  it('of a session that said nothing has its head', () => {
    expect(cast([begin(true)])).toEqual([expect.objectContaining({ version: 2 })])
  })
})
