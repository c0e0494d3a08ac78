import { describe, expect, it } from 'vitest'
import { chunksOf, freshFacts, output, session } from '../../test/support/recordings.ts'
import { NO_RECORD, packChunk, RecordEncoder } from '../recording/index.ts'
import { webCast } from './web-cast.ts'

async function* each(chunks: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* chunks
}

async function eventsOf(
  chunks: readonly Buffer[],
  maxBytes?: number,
  isComplete = true,
): Promise<unknown[]> {
  const pieces: string[] = []
  for await (const piece of webCast(each(chunks), isComplete, maxBytes)) pieces.push(piece)
  const [head, ...events] = pieces.join('').trimEnd().split('\n')
  expect(JSON.parse(head ?? '')).toMatchObject({ version: 2 })
  return events.map((line) => JSON.parse(line) as unknown)
}

const euro = Buffer.from('€')
const FRAMES = session(freshFacts({ tty: false }), [
  output(1, 'one\n'),
  output(2, euro.subarray(0, 1), 'stderr'),
  output(3, euro.subarray(1), 'stderr'),
])

describe('what the page of a recording is given', () => {
  it('is an asciicast, and what of it was stderr once more', async () => {
    expect(await eventsOf(chunksOf(FRAMES))).toEqual([
      [0.001, 'o', 'one\r\n'],
      [0.003, 'o', '€'],
      [0.003, 'e', '€'],
      [0.013, 'm', 'ended with 0'],
    ])
  })

  it('lacks what would only take its time, however it was written', async () => {
    const frames = session(freshFacts(), [
      output(1, 'a\u001b[655'),
      output(2, '35bc'),
      output(3, '\u001b[65535S'),
    ])
    expect(await eventsOf(chunksOf(frames))).toEqual([
      [0.001, 'o', 'a'],
      [0.002, 'o', 'c'],
      [0.013, 'm', 'ended with 0'],
    ])
  })

  it('lacks signs that turn the order of letters around', async () => {
    const frames = session(freshFacts(), [output(1, '\u202elive\u202c \u2066x\u2069')])
    expect(await eventsOf(chunksOf(frames))).toEqual([
      [0.001, 'o', 'live x'],
      [0.011, 'm', 'ended with 0'],
    ])
  })

  it('ends with words where it is too long', async () => {
    // Its facts, and the first line: 64 for each, and what the line holds.
    expect(await eventsOf(chunksOf(FRAMES), 64 + 64 + 4)).toEqual([
      [0.001, 'o', 'one\r\n'],
      [0.002, 'm', 'what follows is too much for a page'],
    ])
  })

  it('counts frames without bytes, and seals, which show nothing', async () => {
    const empty = Array.from({ length: 1000 }, () => output(1, '', 'stdin'))
    const frames = session(freshFacts(), [...empty, output(2, 'never shown')])
    expect(await eventsOf(chunksOf(frames, 2000), 1000 * 64)).toEqual([
      [0.001, 'm', 'what follows is too much for a page'],
    ])
    const encoder = new RecordEncoder()
    const begun = encoder.frame({ kind: 'begin', atMs: 0, facts: freshFacts() })
    const seals = Array.from({ length: 5000 }, () => encoder.seal())
    const chunk = packChunk(0, NO_RECORD, Buffer.concat([begun, ...seals]))
    expect(await eventsOf([chunk], 64 * 1024)).toEqual([
      [0, 'm', 'what follows is too much for a page'],
    ])
  })

  it('lets others have their turn, however many frames stand in a chunk', async () => {
    const frames = Array.from({ length: 100_000 }, () => output(1, '', 'stdin'))
    const chunks = chunksOf(session(freshFacts(), frames), 200_000)
    let turns = 0
    let isOver = false
    const count = (): void => {
      turns += 1
      if (!isOver) setImmediate(count)
    }
    setImmediate(count)
    await eventsOf(chunks)
    isOver = true
    // 100,000 frames are 300,000 bytes, and 16 KiB of them are a turn.
    expect(turns).toBeGreaterThanOrEqual(18)
  })

  it('ends with words where it was changed, and shows what is good', async () => {
    const chunks = chunksOf(FRAMES, 2)
    expect(await eventsOf([chunks[0], chunks[2]] as Buffer[])).toEqual([
      [0.001, 'o', 'one\r\n'],
      [0.001, 'm', 'piece 2 of a recording does not follow the one before it'],
    ])
  })

  it('says of one that is said to be complete that its end is missing', async () => {
    const [first] = chunksOf(FRAMES, 2) as [Buffer]
    const words = 'the recording is said to be whole, and its end is missing'
    expect(await eventsOf([first])).toEqual([
      [0.001, 'o', 'one\r\n'],
      [0.001, 'm', words],
    ])
    expect(await eventsOf([first], undefined, false)).toEqual([[0.001, 'o', 'one\r\n']])
  })

  it('hands on what failed elsewhere', async () => {
    async function* failing(): AsyncGenerator<Buffer> {
      yield chunksOf(FRAMES, 2)[0] as Buffer
      throw new Error('the auth service is gone')
    }
    const all = async (): Promise<void> => {
      for await (const _ of webCast(failing(), true)) {
        // Nothing has to be kept.
      }
    }
    await expect(all()).rejects.toThrow('the auth service is gone')
  })
})
