import { createHash } from 'node:crypto'

/** The chain before the first chunk. */
export const NO_CHUNKS: Buffer = Buffer.alloc(32)

/**
 * The hash of a recording as it is kept: of the hash before it and the SHA-256 of the next chunk, encrypted or not. So who cannot
 * read a chunk can tell whether the recording is whole, and learns nothing of what is in it.
 */
export const nextChain = (before: Uint8Array, chunkSha256: Uint8Array): Buffer =>
  createHash('sha256').update(before).update(chunkSha256).digest()
