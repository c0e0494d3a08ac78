import { openChunk } from './chunk.ts'
import { RecordDecoder } from './decode.ts'
import { RecordError } from './errors.ts'
import { HASH_BYTES, type RecordFrame, SEAL_HEAD } from './frame.ts'
import { NO_RECORD } from './running-hash.ts'

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

  /** Throws RecordError RECORD_CHANGED: the record is said to be whole, and is not. */
  assertWhole(): void {
    if (this.isWhole) return
    throw new RecordError(
      'RECORD_CHANGED',
      'the recording is said to be whole, and its end is missing',
    )
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

  /** The same bytes again, as far as they are what was written. */
  async *verified(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
    let given = 0
    for await (const piece of pieces) {
      try {
        this.#decoder.push(piece)
      } catch (error) {
        // Of a frame that was cut in two, the first half may be given already.
        yield piece.subarray(0, Math.max(0, this.#decoder.goodBytes - given))
        throw error
      }
      yield piece
      given += piece.length
    }
  }
}

/** The bare bytes of a record that lies in chunks, each verified to follow the one before it. */
export async function* recordBytes(
  files: AsyncIterable<Buffer>,
  open: ChunkOpener = openChunk,
): AsyncGenerator<Buffer, void, undefined> {
  let before = NO_RECORD
  let index = 0
  for await (const file of files) {
    const bytes = await open(file, { index, before })
    yield bytes
    before = sealOf(bytes)
    index += 1
  }
}

/** What the seal says with which a chunk ends; whoever reads its frames sees whether that is right. */
function sealOf(bytes: Buffer): Buffer {
  const seal = bytes.subarray(-SEAL_HEAD.length - HASH_BYTES)
  if (!seal.subarray(0, SEAL_HEAD.length).equals(SEAL_HEAD)) {
    throw new RecordError('RECORD_MALFORMED', 'a piece of a recording does not end with a seal')
  }
  return Buffer.from(seal.subarray(SEAL_HEAD.length))
}
