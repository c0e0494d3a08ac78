import { SpdyError } from './errors.ts'
import {
  controlTypes,
  FLAG_CLEAR_SETTINGS,
  FLAG_FIN,
  FLAG_UNIDIRECTIONAL,
  type Frame,
  type GoAwayStatus,
  goAwayStatuses,
  HEAD_BYTES,
  MAX_STREAM_ID,
  type ResetStatus,
  resetStatuses,
  SPDY_VERSION,
} from './frame.ts'
import { HeaderDecoder } from './headers.ts'
import { KeptBytes } from './kept-bytes.ts'
import { defaultSpdyLimits, type SpdyLimits } from './limits.ts'

/**
 * Frames out of the bytes of a connection, however they are cut. A frame's length is judged before a byte of it is kept.
 * Throws SpdyError; without a `reset` in it, nothing that follows can be understood.
 */
export class FrameDecoder {
  readonly #limits: SpdyLimits
  readonly #headers: HeaderDecoder
  readonly #kept = new KeptBytes()
  /** How much must be there before it is worth looking. */
  #wanted = HEAD_BYTES

  constructor(limits: SpdyLimits = defaultSpdyLimits) {
    this.#limits = limits
    this.#headers = new HeaderDecoder(limits)
  }

  /** The frames that are whole with this chunk. Their data are views of what was pushed. */
  push(chunk: Buffer): Frame[] {
    this.#kept.push(chunk)
    const frames: Frame[] = []
    while (this.#kept.length >= this.#wanted) {
      const bytes = this.#kept.joined()
      const length = this.#judge(bytes)
      if (bytes.length < HEAD_BYTES + length) {
        this.#wanted = HEAD_BYTES + length
        break
      }
      this.#wanted = HEAD_BYTES
      this.#kept.reset(bytes.subarray(HEAD_BYTES + length))
      const frame = this.#read(bytes, bytes.subarray(HEAD_BYTES, HEAD_BYTES + length))
      if (frame !== null) frames.push(frame)
    }
    return frames
  }

  /** A stream of ours, whose answer has headers. */
  streamOpened(): void {
    this.#headers.streamOpened()
  }

  /** Bytes of a frame that is not whole yet. */
  get pending(): number {
    return this.#kept.length
  }

  #judge(bytes: Buffer): number {
    const length = bytes.readUIntBE(5, 3)
    const control = isControl(bytes)
    const most = control ? this.#limits.maxControlBytes : this.#limits.maxDataBytes
    if (length > most) {
      const message = `a frame of ${length} bytes, of which ${most} are taken`
      throw new SpdyError('SPDY_FRAME_TOO_LARGE', message, { facts: { length } })
    }
    const version = bytes.readUInt16BE(0) & 0x7fff
    if (control && version !== SPDY_VERSION) {
      throw new SpdyError('SPDY_VERSION_UNSUPPORTED', `SPDY/${version} is not spoken here`)
    }
    return length
  }

  /** Null for a control frame of an unknown type. */
  #read(head: Buffer, body: Buffer): Frame | null {
    const flags = head.readUInt8(4)
    const fin = (flags & FLAG_FIN) !== 0
    if (!isControl(head)) {
      const streamId = head.readUInt32BE(0)
      if (streamId === 0) throw malformed('data for no stream')
      return { type: 'data', streamId, fin, data: body }
    }
    switch (head.readUInt16BE(2)) {
      case controlTypes.synStream: {
        atLeast(body, 10)
        this.#headers.streamOpened()
        return {
          type: 'synStream',
          streamId: streamIdAt(body, 0),
          associatedStreamId: body.readUInt32BE(4) & MAX_STREAM_ID,
          priority: body.readUInt8(8) >> 5,
          fin,
          unidirectional: (flags & FLAG_UNIDIRECTIONAL) !== 0,
          headers: this.#headers.decode(body.subarray(10)),
        }
      }
      case controlTypes.synReply:
      case controlTypes.headers: {
        atLeast(body, 4)
        const type = head.readUInt16BE(2) === controlTypes.headers ? 'headers' : 'synReply'
        const headers = this.#headers.decode(body.subarray(4))
        return { type, streamId: streamIdAt(body, 0), fin, headers }
      }
      case controlTypes.rstStream:
        exactly(body, 8)
        return {
          type: 'rstStream',
          streamId: streamIdAt(body, 0),
          status: nameOf(resetStatuses, body.readUInt32BE(4)),
        }
      case controlTypes.settings:
        return {
          type: 'settings',
          clear: (flags & FLAG_CLEAR_SETTINGS) !== 0,
          entries: readSettings(body),
        }
      case controlTypes.ping:
        exactly(body, 4)
        return { type: 'ping', id: body.readUInt32BE(0) }
      case controlTypes.goAway:
        exactly(body, 8)
        return {
          type: 'goAway',
          lastStreamId: body.readUInt32BE(0) & MAX_STREAM_ID,
          status: nameOf(goAwayStatuses, body.readUInt32BE(4)),
        }
      case controlTypes.windowUpdate:
        exactly(body, 8)
        return {
          type: 'windowUpdate',
          streamId: body.readUInt32BE(0) & MAX_STREAM_ID,
          delta: body.readUInt32BE(4) & 0x7fffffff,
        }
      default:
        return null
    }
  }
}

const isControl = (bytes: Buffer): boolean => (bytes.readUInt8(0) & 0x80) !== 0

function streamIdAt(body: Buffer, at: number): number {
  const streamId = body.readUInt32BE(at) & MAX_STREAM_ID
  if (streamId === 0) throw malformed('a frame for no stream')
  return streamId
}

function readSettings(body: Buffer): { flags: number; id: number; value: number }[] {
  atLeast(body, 4)
  const count = body.readUInt32BE(0)
  exactly(body, 4 + count * 8)
  return Array.from({ length: count }, (_entry, index) => {
    const at = 4 + index * 8
    return {
      flags: body.readUInt8(at),
      id: body.readUIntBE(at + 1, 3),
      value: body.readUInt32BE(at + 4),
    }
  })
}

function nameOf<Name extends ResetStatus | GoAwayStatus>(
  table: Readonly<Record<Name, number>>,
  value: number,
): Name | number {
  for (const name of Object.keys(table) as Name[]) if (table[name] === value) return name
  return value
}

function atLeast(body: Buffer, bytes: number): void {
  if (body.length < bytes) throw malformed(`a frame of ${body.length} bytes is too short`)
}

function exactly(body: Buffer, bytes: number): void {
  if (body.length !== bytes) throw malformed(`a frame of ${body.length} bytes has a wrong length`)
}

const malformed = (why: string): SpdyError => new SpdyError('SPDY_FRAME_MALFORMED', why)
