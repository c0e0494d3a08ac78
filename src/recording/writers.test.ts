import { describe, expect, it } from 'vitest'
import type { RecordFrame } from './frame.ts'
import { JsonLinesWriter, PlainTextWriter, type RecordWriter } from './writers.ts'

const data = (
  atMs: number,
  bytes: string | readonly number[],
  stream: 'stdin' | 'stdout' | 'stderr' = 'stdout',
): RecordFrame => ({
  kind: 'data',
  atMs,
  stream,
  data: typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from([...bytes]),
})
const write = (writer: RecordWriter, frames: readonly RecordFrame[]): string =>
  frames.map((frame) => writer.frame(frame)).join('') + writer.end()

describe('the text of a record', () => {
  it('is what was printed, and lines for what was not', () => {
    const text = write(new PlainTextWriter(), [
      { kind: 'resize', atMs: 0, width: 80, height: 24 },
      data(1, '\u001b[32mgood\u001b[0m'),
      data(2, 'secret\r', 'stdin'),
      data(3, ' morning\r\nbad', 'stderr'),
      { kind: 'omitted', atMs: 4, stream: 'stdout', bytes: 12, sha256: 'ab' },
      { kind: 'marker', atMs: 5, label: 'bob\u001b]0;x\u0007 joined\n' },
      data(6, [0xe2, 0x82]),
      data(7, [0xac]),
      { kind: 'end', atMs: 8, exitCode: 0, reason: 'exited' },
    ])
    expect(text).toBe(
      'good morning\nbad\n[12 bytes of stdout are not kept, SHA-256 ab]\n[bob joined ]\n€',
    )
  })
})

describe('the text of a record', () => {
  it('says how much was written where nobody sees it', () => {
    const text = write(new PlainTextWriter(), [
      data(1, 'a\u001b]0;title\u0007b\u001bPhid'),
      data(2, 'den\u001b\\c\n'),
      data(3, '\u001b^secret', 'stderr'),
    ])
    expect(text).toBe(
      'abc\n[19 characters are left out here that were written for the terminal itself: titles and the like]\n',
    )
  })
})

describe('the JSON of a record', () => {
  it('has every frame on a line of its own, whatever its bytes are', () => {
    const text = write(new JsonLinesWriter(), [
      data(1, 'a\u001b[31m\u009b\n'),
      data(2, [0xff, 0x00], 'stderr'),
      data(3, '\ufeffx', 'stdin'),
      { kind: 'resize', atMs: 4, width: 80, height: 24 },
      { kind: 'marker', atMs: 5, label: 'here' },
      { kind: 'omitted', atMs: 6, stream: 'stderr', bytes: 3, sha256: 'ab' },
      { kind: 'end', atMs: 7, exitCode: null, reason: 'idle' },
    ])
    expect(
      text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      { kind: 'data', time_ms: 1, stream: 'stdout', text: 'a\u001b[31m\u009b\n' },
      { kind: 'data', time_ms: 2, stream: 'stderr', base64: '/wA=' },
      { kind: 'data', time_ms: 3, stream: 'stdin', text: '\ufeffx' },
      { kind: 'resize', time_ms: 4, width: 80, height: 24 },
      { kind: 'marker', time_ms: 5, label: 'here' },
      { kind: 'omitted', time_ms: 6, stream: 'stderr', bytes: 3, sha256: 'ab' },
      { kind: 'end', time_ms: 7, exit_code: null, reason: 'idle' },
    ])
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/)
  })
})
