import { describe, expect, it } from 'vitest'
import { chunksOf, output, session, sessionFacts } from '../../test/support/recordings.ts'
import { webCast } from './web-cast.ts'

async function* each(chunks: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* chunks
}

async function eventsOf(chunks: readonly Buffer[], maxBytes?: number): Promise<unknown[]> {
  const pieces: string[] = []
  for await (const piece of webCast(each(chunks), maxBytes)) pieces.push(piece)
  const [head, ...events] = pieces.join('').trimEnd().split('\n')
  expect(JSON.parse(head ?? '')).toMatchObject({ version: 2 })
  return events.map((line) => JSON.parse(line) as unknown)
}

const euro = Buffer.from('€')
const FRAMES = session(sessionFacts({ tty: false }), [
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

  it('ends with words where it is too long', async () => {
    expect(await eventsOf(chunksOf(FRAMES), 4)).toEqual([
      [0.001, 'o', 'one\r\n'],
      [0.002, 'm', 'what follows is too much for a page'],
    ])
  })

  it('ends with words where it was changed, and shows what is good', async () => {
    const chunks = chunksOf(FRAMES, 2)
    expect(await eventsOf([chunks[0], chunks[2]] as Buffer[])).toEqual([
      [0.001, 'o', 'one\r\n'],
      [0.001, 'm', 'piece 2 of a recording does not follow the one before it'],
    ])
  })

  it('hands on what failed elsewhere', async () => {
    async function* failing(): AsyncGenerator<Buffer> {
      yield chunksOf(FRAMES, 2)[0] as Buffer
      throw new Error('the auth service is gone')
    }
    const all = async (): Promise<void> => {
      for await (const _ of webCast(failing())) {
        // Nothing has to be kept.
      }
    }
    await expect(all()).rejects.toThrow('the auth service is gone')
  })
})
