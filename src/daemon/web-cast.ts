import { StringDecoder } from 'node:string_decoder'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { escapeUnsafe } from '../core/index.ts'
import {
  AsciicastWriter,
  FewerSteps,
  RecordError,
  type RecordFrame,
  RecordReader,
  recordBytes,
} from '../recording/index.ts'

/** Of a record: more makes a browser slow, which holds all of it. `tsh play` has no such limit. */
export const MAX_PAGE_RECORD_BYTES = 32 * 1024 * 1024
/** What a frame counts besides its bytes: one without any costs time and memory, too. */
const FRAME_BYTES = 64
/** Of a record between two turns of the event loop: some thousands of the smallest frames, a few milliseconds. */
const TURN_BYTES = 16 * 1024
/** Signs that turn the order of letters around, which a terminal has no use for, and browsers obey. */
const TURNS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g
/** What is put together before it is sent. */
const PIECE_CHARS = 64 * 1024

/**
 * A record as the page of a recording takes it: asciicast v2 without what only takes the page's time, and beside its output once more, as events
 * `e` that no player knows, what of it was stderr. What is broken, or too long for a page, ends with a marker that says so; so does one
 * that is said to be complete, and lacks its end.
 */
export async function* webCast(
  chunks: AsyncIterable<Buffer>,
  isComplete: boolean,
  maxBytes: number = MAX_PAGE_RECORD_BYTES,
): AsyncGenerator<string, void, undefined> {
  const steps = new FewerSteps()
  const writer = new AsciicastWriter((text) => steps.write(text.replaceAll(TURNS, '')))
  const errors = new StringDecoder('utf8')
  const reader = new RecordReader()
  const read = { bytes: 0 }
  let bytes = 0
  let atMs = 0
  let text = ''
  try {
    // Seals are no frames that are given: what is read at all has a limit of its own.
    const pieces = inTurns(recordBytes(chunks), read, 2 * maxBytes)
    for await (const frame of reader.bytes(pieces)) {
      atMs = frame.atMs
      bytes += FRAME_BYTES + payloadBytes(frame)
      if (bytes > maxBytes) break
      text += writer.frame(frame)
      if (frame.kind === 'data' && frame.stream === 'stderr') {
        const words = errors.write(frame.data)
        if (words !== '') text += `${escapeUnsafe(JSON.stringify([atMs / 1000, 'e', words]))}\n`
      }
      if (text.length < PIECE_CHARS) continue
      yield text
      text = ''
    }
    if (bytes > maxBytes || read.bytes > 2 * maxBytes) {
      text += marker(writer, atMs, 'what follows is too much for a page')
    } else if (isComplete) reader.assertWhole()
  } catch (error) {
    if (!(error instanceof RecordError)) throw error
    text += marker(writer, atMs, error.message)
  }
  yield text + writer.end()
}

/** Frames come by thousands out of one chunk, and others want to be served meanwhile. Ends with the piece that exceeds `maxBytes`. */
async function* inTurns(
  pieces: AsyncIterable<Buffer>,
  read: { bytes: number },
  maxBytes: number,
): AsyncGenerator<Buffer, void, undefined> {
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length; at += TURN_BYTES) {
      const part = piece.subarray(at, at + TURN_BYTES)
      read.bytes += part.length
      yield part
      if (read.bytes > maxBytes) return
      await nextTurn()
    }
  }
}

function payloadBytes(frame: RecordFrame): number {
  if (frame.kind === 'data') return frame.data.length
  return frame.kind === 'marker' ? Buffer.byteLength(frame.label) : 0
}

/** Makes the writer begin, when it waits for something to show. */
const marker = (writer: AsciicastWriter, atMs: number, label: string): string =>
  writer.frame({ kind: 'marker', atMs, label })
