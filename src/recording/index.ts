/**
 * The record of a session: what went through an exec or attach, byte for byte, with its time and stream, in a form that a crash
 * cannot spoil and that shows when somebody changed it. Pure: bytes in, bytes out; files, networks and keys are others' business.
 *
 * A record is a row of frames (frame.ts) with a running SHA-256 that seals repeat (encode.ts, decode.ts), cut into chunks that
 * are packed each for itself (chunk.ts), and read back one chunk at a time (read-record.ts). asciicast v2 and plain text are made from
 * it when somebody looks (asciicast.ts, plain-text.ts).
 *
 * Trusts: nothing in what it reads. Refuses: frames and chunks above their limits before they are unpacked, chunks out of their
 * order or of another record, bytes that are not those which were sealed.
 * Test: any split of the bytes gives the same frames; every changed byte is noticed; every cut gives the frames before it.
 */
export {
  assertRecipient,
  decryptChunk,
  encryptChunk,
  isEncrypted,
  parseIdentities,
} from './age.ts'
export { AsciicastWriter } from './asciicast.ts'
export { chainedChunks, NO_CHUNKS, nextChain } from './chain.ts'
export { openChunk, type PackedChunk, packChunk, packChunkAside, readChunkHead } from './chunk.ts'
export { RecordDecoder } from './decode.ts'
export { RecordEncoder } from './encode.ts'
export { RecordError, type RecordErrorCode } from './errors.ts'
export { FewerSteps } from './fewer-steps.ts'
export type { DataStream, RecordFrame } from './frame.ts'
export { MAX_PLAYED_COLUMNS, MAX_PLAYED_ROWS } from './limits.ts'
export { PlainText } from './plain-text.ts'
export { type AsciicastHead, AsciicastReader } from './read-asciicast.ts'
export {
  type ChunkOpener,
  type ExpectedChunk,
  RecordReader,
  recordBytes,
} from './read-record.ts'
export { NO_RECORD, type RecordPlace } from './running-hash.ts'
export { parseSessionFacts, type SessionFacts } from './session-facts.ts'
export { StreamKeeper } from './stream-keeper.ts'
export { type TarEntry, TarManifest } from './tar-manifest.ts'
export { JsonLinesWriter, PlainTextWriter, type RecordWriter } from './writers.ts'
