import { RecordError } from './errors.ts'
import {
  type DataStream,
  dataStreams,
  dataTypeOf,
  frameTypes,
  HASH_BYTES,
  PREFACE,
  type RecordFrame,
  sealFrame,
} from './frame.ts'
import { MAX_DATA_BYTES, MAX_WORDS_BYTES } from './limits.ts'
import { type RecordPlace, RunningHash } from './running-hash.ts'
import { parseSessionFacts } from './session-facts.ts'
import { readVarint } from './varint.ts'

/**
 * Reads a record, however its bytes are cut. Throws RecordError at the first byte that is not as it was written; all frames
 * before it have been given.
 */
export class RecordDecoder {
  readonly #hash: RunningHash
  #kept: Buffer[] = []
  #bytes = 0
  /** How much must be there before it is worth looking. */
  #wanted = PREFACE.length
  #atMs = 0
  #state: 'preface' | 'begin' | 'frames' | 'ended' = 'preface'
  #unsealed = 0
  #goodBytes = 0
  #failed: RecordError | null = null

  /** `from`: the bytes begin behind that place, not with the record. */
  constructor(from: RecordPlace | null = null) {
    this.#hash = new RunningHash(from?.digest)
    if (from === null || from.isBeginning) return
    this.#atMs = from.atMs
    this.#state = 'frames'
    this.#wanted = 1
  }

  /** The frames that are whole with these bytes. Their data are copies. */
  push(chunk: Buffer): RecordFrame[] {
    return [...this.frames(chunk)]
  }

  /** The same, one by one: those before a mistake are not lost to it. */
  *frames(chunk: Buffer): Generator<RecordFrame, void, undefined> {
    if (this.#failed !== null) throw this.#failed
    // What was pushed is the caller's again.
    this.#kept.push(Buffer.from(chunk))
    this.#bytes += chunk.length
    if (this.#bytes < this.#wanted) return
    let rest = this.#kept.length === 1 ? (this.#kept[0] as Buffer) : Buffer.concat(this.#kept)
    try {
      if (this.#state === 'preface') rest = this.#readPreface(rest)
      for (;;) {
        const head = readHead(rest)
        this.#wanted = head?.end ?? rest.length + 1
        if (head === null || rest.length < head.end) return
        const bytes = rest.subarray(0, head.end)
        rest = rest.subarray(head.end)
        const frame = this.#read(head, bytes.subarray(head.start))
        if (head.type === frameTypes.seal) this.#hash.seal()
        else this.#hash.update(bytes)
        this.#goodBytes += bytes.length
        if (frame !== null) yield frame
      }
    } catch (error) {
      if (error instanceof RecordError) this.#failed = error
      throw error
    } finally {
      this.#kept = rest.length === 0 ? [] : [rest]
      this.#bytes = rest.length
    }
  }

  /** How much of a frame is there that is not whole. */
  get pending(): number {
    return this.#bytes
  }

  /** Bytes of what was read, up to the end of the last frame that was as it was written. */
  get goodBytes(): number {
    return this.#goodBytes
  }

  /** A seal over what was read, for a record whose end lacks one. */
  sealNow(): Buffer {
    return sealFrame(this.digest())
  }

  /**
   * Where who goes on with the record may do so, with the bytes that have to come first: a seal, unless it ends with one. Null when
   * its end was read, or nothing of it.
   */
  place(): { readonly seal: Buffer; readonly place: RecordPlace } | null {
    if (this.#state !== 'frames') return null
    const digest = this.digest()
    return {
      seal: this.#unsealed === 0 ? Buffer.alloc(0) : this.sealNow(),
      place: { digest, atMs: this.#atMs, isBeginning: false },
    }
  }

  /** True when the session's end was read, and a seal behind it. */
  get isWhole(): boolean {
    return this.#state === 'ended' && this.#unsealed === 0 && this.#bytes === 0
  }

  /** The running hash of everything that was read in whole frames. */
  digest(): Buffer {
    return this.#hash.digest()
  }

  #readPreface(bytes: Buffer): Buffer {
    if (!bytes.subarray(0, PREFACE.length).equals(PREFACE)) {
      throw new RecordError(
        'RECORD_UNKNOWN',
        'this is not the record of a session, or one of a later version: use a newer program',
      )
    }
    this.#hash.update(PREFACE)
    this.#goodBytes += PREFACE.length
    this.#state = 'begin'
    return bytes.subarray(PREFACE.length)
  }

  #read({ type, elapsed }: FrameHead, payload: Buffer): RecordFrame | null {
    if (type === frameTypes.seal) {
      // Its hash covers what is before it, and not when it was written.
      if (elapsed !== 0) throw malformed('a seal that has a time')
      if (!payload.equals(this.digest())) {
        throw new RecordError(
          'RECORD_CHANGED',
          'the record is not what was written: its seal is another one',
        )
      }
      this.#unsealed = 0
      return null
    }
    if (this.#state === 'ended') throw malformed('something comes after its end')
    if ((type === frameTypes.begin) !== (this.#state === 'begin')) {
      throw malformed('it does not begin with its facts, or has them twice')
    }
    this.#atMs += elapsed
    if (!Number.isSafeInteger(this.#atMs)) throw malformed('a time beyond all times')
    const frame = frameOf(type, this.#atMs, payload)
    if (frame === null) throw malformed(`a frame of type ${type} cannot be read`)
    this.#unsealed += 1
    this.#state = type === frameTypes.end ? 'ended' : 'frames'
    return frame
  }
}

interface FrameHead {
  readonly type: number
  readonly elapsed: number
  /** Where the payload lies. */
  readonly start: number
  readonly end: number
}

/** Null: more bytes are needed. A length is judged before its bytes are awaited. */
function readHead(bytes: Buffer): FrameHead | null {
  const type = bytes[0]
  if (type === undefined) return null
  const most = mostBytes(type)
  if (most === null) throw malformed(`there are no frames of type ${type}`)
  const elapsed = readVarint(bytes, 1)
  if (elapsed === 'short') return null
  if (elapsed === 'malformed') throw malformed('a time that is no number')
  const length = readVarint(bytes, elapsed.next)
  if (length === 'short') return null
  if (length === 'malformed' || length.value > most) {
    throw malformed(`a frame that is longer than ${most} bytes`)
  }
  return {
    type,
    elapsed: elapsed.value,
    start: length.next,
    end: length.next + length.value,
  }
}

function mostBytes(type: number): number | null {
  if (dataStreamOf(type) !== null) return MAX_DATA_BYTES
  if (type === frameTypes.seal) return HASH_BYTES
  return type >= frameTypes.begin && type <= frameTypes.seal ? MAX_WORDS_BYTES : null
}

const dataStreamOf = (type: number): DataStream | null =>
  dataStreams.find((stream) => dataTypeOf[stream] === type) ?? null

/** Null for a payload that is none of its type. */
function frameOf(type: number, atMs: number, payload: Buffer): RecordFrame | null {
  const stream = dataStreamOf(type)
  if (stream !== null) return { kind: 'data', atMs, stream, data: payload }
  switch (type) {
    case frameTypes.begin: {
      const facts = parseSessionFacts(payload.toString('utf8'))
      return facts === null ? null : { kind: 'begin', atMs, facts }
    }
    case frameTypes.resize:
      return readResize(atMs, payload)
    case frameTypes.omitted:
      return readOmitted(atMs, payload)
    case frameTypes.marker:
      return { kind: 'marker', atMs, label: payload.toString('utf8') }
    case frameTypes.end:
      return readEnd(atMs, payload.toString('utf8'))
    default:
      return null
  }
}

function readResize(atMs: number, payload: Buffer): RecordFrame | null {
  const width = readVarint(payload, 0)
  if (typeof width === 'string') return null
  const height = readVarint(payload, width.next)
  if (typeof height === 'string' || height.next !== payload.length) return null
  return { kind: 'resize', atMs, width: width.value, height: height.value }
}

function readOmitted(atMs: number, payload: Buffer): RecordFrame | null {
  const stream = dataStreams[payload[0] ?? -1]
  const bytes = readVarint(payload, 1)
  if (stream === undefined || typeof bytes === 'string') return null
  const hash = payload.subarray(bytes.next)
  if (hash.length !== HASH_BYTES) return null
  return { kind: 'omitted', atMs, stream, bytes: bytes.value, sha256: hash.toString('hex') }
}

function readEnd(atMs: number, text: string): RecordFrame | null {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) return null
    const { exitCode, reason } = value as { exitCode?: unknown; reason?: unknown }
    if (typeof reason !== 'string') return null
    if (exitCode !== null && !Number.isSafeInteger(exitCode)) return null
    return { kind: 'end', atMs, exitCode: exitCode as number | null, reason }
  } catch {
    return null
  }
}

const malformed = (why: string): RecordError =>
  new RecordError('RECORD_MALFORMED', `the record is broken: ${why}`)
