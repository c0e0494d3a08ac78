import { promisify } from 'node:util'
import { constants, zstdCompress, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { errorMessage } from '../core/index.ts'
import { RecordError } from './errors.ts'
import { HASH_BYTES } from './frame.ts'
import { MAX_CHUNK_BYTES } from './limits.ts'

/**
 * A piece of a record as it lies in a store, each packed for itself, so that a session is kept while it runs:
 *
 *      +-----------------+---------+-------------+-------------+----------------------+-----------+
 *      | magic "TKCH" 32 | version | index (32)  | length (32) | hash before it (256) | body ...  |
 *      +-----------------+---------+-------------+-------------+----------------------+-----------+
 *
 * The length is that of the unpacked bytes. A chunk ends with a seal; the hash is the record's running hash before it: chunks of two
 * records, or in another order, do not fit. The body is packed with zstd. Who keeps it may encrypt the whole (age.ts).
 */
export interface PackedChunk {
  readonly index: number
  /** Of the unpacked bytes. */
  readonly length: number
  /** The running hash of the record before this chunk; the SHA-256 of nothing for the first. */
  readonly before: Buffer
  readonly body: Buffer
}

const MAGIC = Buffer.from('TKCH', 'latin1')
const VERSION = 1
const HEAD_BYTES = MAGIC.length + 1 + 4 + 4 + HASH_BYTES

/** Throws TypeError for more than a chunk may hold. */
export function packChunk(index: number, before: Buffer, bytes: Buffer): Buffer {
  const head = headOf(index, before, bytes)
  return Buffer.concat([head, zstdCompressSync(bytes, PACKING)])
}

/** The same in another thread: a chunk of a terminal takes milliseconds, in which others would wait. */
export async function packChunkAside(
  index: number,
  before: Buffer,
  bytes: Buffer,
): Promise<Buffer> {
  const head = headOf(index, before, bytes)
  return Buffer.concat([head, await compress(bytes, PACKING)])
}

const compress = promisify(zstdCompress)
/** The fastest level that is not made for speed alone: a tenth faster than zstd's own, for the same size within some percent. */
const PACKING = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }

function headOf(index: number, before: Buffer, bytes: Buffer): Buffer {
  if (bytes.length > MAX_CHUNK_BYTES) throw new TypeError(`a chunk of ${bytes.length} bytes`)
  if (before.length !== HASH_BYTES) throw new TypeError('the hash of a record has 32 bytes')
  const head = Buffer.alloc(HEAD_BYTES)
  MAGIC.copy(head)
  head.writeUInt8(VERSION, 4)
  head.writeUInt32BE(index, 5)
  head.writeUInt32BE(bytes.length, 9)
  before.copy(head, 13)
  return head
}

/** Reads what stands before the body. Throws RecordError. */
export function readChunkHead(file: Buffer): PackedChunk {
  if (file.length < HEAD_BYTES || !file.subarray(0, 4).equals(MAGIC) || file[4] !== VERSION) {
    throw new RecordError(
      'RECORD_UNKNOWN',
      'this is not a piece of a recording, or one of a later version: use a newer program',
    )
  }
  const length = file.readUInt32BE(9)
  if (length > MAX_CHUNK_BYTES) {
    throw new RecordError(
      'RECORD_MALFORMED',
      `a piece of a recording that unpacks to ${length} bytes`,
    )
  }
  return {
    index: file.readUInt32BE(5),
    length,
    before: Buffer.from(file.subarray(13, HEAD_BYTES)),
    body: file.subarray(HEAD_BYTES),
  }
}

/**
 * The bytes of a record out of one chunk. `expected` says which one must come now. Throws RecordError; memory is bound by
 * MAX_CHUNK_BYTES, whatever the file says.
 */
export function openChunk(
  file: Buffer,
  expected: { readonly index: number; readonly before: Buffer },
): Buffer {
  const { index, before, length, body } = readChunkHead(file)
  if (index !== expected.index || !before.equals(expected.before)) {
    throw new RecordError(
      'RECORD_OUT_OF_ORDER',
      `piece ${index} of a recording does not follow the one before it`,
    )
  }
  const bytes = unpack(body, length)
  if (bytes.length !== length) {
    throw new RecordError(
      'RECORD_MALFORMED',
      `piece ${index} of a recording is not as long as it says`,
    )
  }
  return bytes
}

function unpack(body: Buffer, length: number): Buffer {
  try {
    return zstdDecompressSync(body, { maxOutputLength: Math.max(length, 1) })
  } catch (error) {
    throw new RecordError(
      'RECORD_MALFORMED',
      `a piece of a recording cannot be unpacked: ${errorMessage(error)}`,
      { cause: error },
    )
  }
}
