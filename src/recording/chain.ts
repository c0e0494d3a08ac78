import { createHash } from 'node:crypto'
import { RecordError } from './errors.ts'

/** The chain before the first chunk. */
export const NO_CHUNKS: Buffer = Buffer.alloc(32)

/**
 * The hash of a recording as it is kept: of the hash before it and the SHA-256 of the next chunk, encrypted or not. So who cannot
 * read a chunk can tell whether the recording is whole, and learns nothing of what is in it.
 */
export const nextChain = (before: Uint8Array, chunkSha256: Uint8Array): Buffer =>
  createHash('sha256').update(before).update(chunkSha256).digest()

/** All chunks as they are kept, and behind the last one RecordError RECORD_CHANGED when the chain over them is not `sha256` (hexadecimal). */
export async function* chainedChunks(
  files: AsyncIterable<Buffer>,
  sha256: string,
): AsyncGenerator<Buffer, void, undefined> {
  let chain: Buffer = NO_CHUNKS
  for await (const file of files) {
    chain = nextChain(chain, createHash('sha256').update(file).digest())
    yield file
  }
  if (chain.toString('hex') === sha256) return
  throw new RecordError(
    'RECORD_CHANGED',
    'the pieces of the recording are not those that were recorded: its SHA-256 is another one',
  )
}
