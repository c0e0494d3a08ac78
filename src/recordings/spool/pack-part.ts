import { createHash } from 'node:crypto'
import {
  encryptChunk,
  nextChain,
  packChunk,
  packChunkAside,
  type RecordPlace,
} from '../../recording/index.ts'

/** Makes a chunk of a part of a record, and the chain over it and those before it. */
export async function packPart(part: {
  readonly index: number
  readonly place: RecordPlace
  readonly record: Buffer
  readonly chain: Buffer
  /** None: the chunk is not encrypted. */
  readonly recipients: readonly string[]
}): Promise<{ readonly chunk: Buffer; readonly chain: Buffer }> {
  const pack = part.record.length < SMALL_BYTES ? packChunk : packChunkAside
  const packed = await pack(part.index, part.place.digest, part.record)
  const chunk = part.recipients.length === 0 ? packed : await encryptChunk(packed, part.recipients)
  return { chunk, chain: nextChain(part.chain, createHash('sha256').update(chunk).digest()) }
}

/** To ask another thread takes longer than to pack so little. */
const SMALL_BYTES = 16 * 1024
