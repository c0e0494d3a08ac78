import {
  type DataStream,
  dataStreams,
  dataTypeOf,
  frameTypes,
  PREFACE,
  type RecordFrame,
  sealFrame,
} from './frame.ts'
import { MAX_DATA_BYTES, MAX_WORDS_BYTES } from './limits.ts'
import { type RecordPlace, RunningHash } from './running-hash.ts'
import { varint } from './varint.ts'

/**
 * Writes a record: frames in, bytes out, to be put one behind the other. Times never go back: a clock that was set gives the
 * time of the frame before.
 */
export class RecordEncoder {
  readonly #hash: RunningHash
  #lastMs: number
  #begun: boolean

  /** `from`: goes on behind a seal, in a record that another process wrote so far. */
  constructor(from: RecordPlace | null = null) {
    this.#hash = new RunningHash(from?.digest)
    this.#lastMs = from?.atMs ?? 0
    this.#begun = from !== null && !from.isBeginning
  }

  /** Throws TypeError for frames in an order that no session has, or words above their limit. */
  frame(frame: RecordFrame): Buffer {
    if ((frame.kind === 'begin') === this.#begun) {
      throw new TypeError('a record begins with its facts, once')
    }
    const parts: Buffer[] = this.#begun ? [] : [PREFACE]
    this.#begun = true
    if (frame.kind === 'data') {
      for (let at = 0; at === 0 || at < frame.data.length; at += MAX_DATA_BYTES) {
        const piece = frame.data.subarray(at, at + MAX_DATA_BYTES)
        parts.push(...this.#parts(dataTypeOf[frame.stream], frame.atMs, piece))
      }
    } else {
      const payload = payloadOf(frame)
      if (payload.length > MAX_WORDS_BYTES) {
        throw new TypeError(`a ${frame.kind} of ${payload.length} bytes`)
      }
      parts.push(...this.#parts(frameTypes[frame.kind], frame.atMs, payload))
    }
    const bytes = joined(parts)
    this.#hash.update(bytes)
    return bytes
  }

  /** Everything before it cannot be changed any more without being noticed by who knows the last seal. */
  seal(): Buffer {
    return sealFrame(this.#hash.seal())
  }

  /** The running hash of everything so far. */
  digest(): Buffer {
    return this.#hash.digest()
  }

  /** Where the record stands, for who goes on with it behind a seal. */
  place(): RecordPlace {
    return { digest: this.digest(), atMs: this.#lastMs, isBeginning: !this.#begun }
  }

  #parts(type: number, atMs: number, payload: Buffer): Buffer[] {
    const elapsed = Math.max(0, Math.trunc(atMs) - this.#lastMs)
    this.#lastMs += elapsed
    return [Buffer.from([type]), varint(elapsed), varint(payload.length), payload]
  }
}

/** Large ones in memory of their own, which whoever writes them can free. */
function joined(parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  if (length < LARGE_BYTES) return Buffer.concat(parts, length)
  const bytes = Buffer.allocUnsafeSlow(length)
  let at = 0
  for (const part of parts) at += part.copy(bytes, at)
  return bytes
}

const LARGE_BYTES = 4096

type WordFrame = Exclude<RecordFrame, { kind: 'data' }>

function payloadOf(frame: WordFrame): Buffer {
  switch (frame.kind) {
    case 'begin':
      return Buffer.from(JSON.stringify(frame.facts), 'utf8')
    case 'resize':
      return Buffer.concat([varint(frame.width), varint(frame.height)])
    case 'omitted':
      return Buffer.concat([
        Buffer.from([streamNumber(frame.stream)]),
        varint(frame.bytes),
        Buffer.from(frame.sha256, 'hex'),
      ])
    case 'marker':
      return Buffer.from(frame.label, 'utf8')
    case 'end':
      return Buffer.from(JSON.stringify({ exitCode: frame.exitCode, reason: frame.reason }), 'utf8')
  }
}

const streamNumber = (stream: DataStream): number => dataStreams.indexOf(stream)
