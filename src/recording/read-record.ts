import { createHash } from 'node:crypto'
import { openChunk } from './chunk.ts'
import { RecordDecoder } from './decode.ts'
import type { RecordFrame } from './frame.ts'

/** Which chunk has to come, by its number and by what went before it. */
export interface ExpectedChunk {
  readonly index: number
  readonly before: Buffer
}

/** Unpacks one chunk; who has the keys of encrypted ones gives another than `openChunk`. Throws RecordError. */
export type ChunkOpener = (file: Buffer, expected: ExpectedChunk) => Buffer | Promise<Buffer>

/**
 * Reads a record from its beginning, as the chunks of a store or as its bare bytes, and holds no more of it than one chunk. Throws
 * RecordError where something is not as it was written; the frames before that have been given.
 */
export class RecordReader {
  readonly #decoder = new RecordDecoder()

  /** True when the session's end was read, sealed; false for a record that was cut off. */
  get isWhole(): boolean {
    return this.#decoder.isWhole
  }

  /** The frames of a record that lies in chunks. */
  async *chunks(
    files: AsyncIterable<Buffer>,
    open: ChunkOpener = openChunk,
  ): AsyncGenerator<RecordFrame, void, undefined> {
    yield* this.bytes(recordBytes(files, open))
  }

  /** The frames of a record that is unpacked already. */
  async *bytes(pieces: AsyncIterable<Buffer>): AsyncGenerator<RecordFrame, void, undefined> {
    for await (const piece of pieces) yield* this.#decoder.frames(piece)
  }
}

/** The bare bytes of a record that lies in chunks, each verified to follow the one before it. */
export async function* recordBytes(
  files: AsyncIterable<Buffer>,
  open: ChunkOpener = openChunk,
): AsyncGenerator<Buffer, void, undefined> {
  const hash = createHash('sha256')
  let index = 0
  for await (const file of files) {
    const bytes = await open(file, { index, before: hash.copy().digest() })
    hash.update(bytes)
    index += 1
    yield bytes
  }
}
