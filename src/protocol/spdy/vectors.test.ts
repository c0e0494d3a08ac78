import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { grownTogether } from '../../../test/support/spdy-frames.ts'
import { FrameDecoder } from './decode.ts'
import { describeFrame } from './frame.ts'
import { headerOf } from './headers.ts'

/** What kubectl sent after the 101, as it came. */
const vector = (name: string): Buffer =>
  Buffer.from(
    readFileSync(
      join(import.meta.dirname, '../../../test/vectors/spdy', `${name}.hex`),
      'latin1',
    ).replace(/\s/g, ''),
    'hex',
  )

const opens = (...types: string[]): string[] =>
  types.map((type, index) => `${index * 2 + 1} ${type}`)

describe('captures of kubectl', () => {
  it.each([
    [
      'kubectl-1.20-exec-stdin',
      opens('error', 'stdin', 'stdout', 'stderr'),
      ['data 3, 6 bytes, fin', 'rstStream 1: cancel', 'rstStream 5: cancel', 'rstStream 7: cancel'],
    ],
    [
      'kubectl-1.20-exec-terminal',
      opens('error', 'stdin', 'stdout', 'resize'),
      [
        'data 7, 23 bytes',
        'data 3, 7 bytes',
        'rstStream 1: cancel',
        'rstStream 3: cancel',
        'rstStream 5: cancel',
      ],
    ],
  ])('%s', (name, streams, others) => {
    const decoder = new FrameDecoder()
    // Byte by byte, as the worst network would deliver it.
    const frames = [...vector(name)].flatMap((byte) => decoder.push(Buffer.from([byte])))
    expect(decoder.pending).toBe(0)
    const said = grownTogether(frames).map((frame) =>
      frame.type === 'synStream'
        ? `${frame.streamId} ${headerOf(frame.headers, 'streamtype')}`
        : describeFrame(frame),
    )
    expect(said).toEqual([...streams, ...others])
  })
})
