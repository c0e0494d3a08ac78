import { KeptBytes } from '../kept-bytes.ts'
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
import { defaultSpdyLimits, type SpdyLimits } from './limits.ts'

const EMPTY = Buffer.alloc(0)

/**
 * Frames out of the bytes of a connection, however they are cut. A frame's length is judged before a byte of it is kept; data is not
 * waited for, and comes as one DATA frame for each piece of it. Throws SpdyError; without a `reset` in it, nothing that follows can
 * be understood.
 */
export class FrameDecoder {
  readonly #limits: SpdyLimits
  readonly #headers: HeaderDecoder
  /** Of a frame that is not whole; never data. */
  readonly #kept = new KeptBytes()
  /** How much must be there before it is worth looking. */
  #wanted = HEAD_BYTES
  /** The DATA frame of which more is to come. */
  #data: { readonly streamId: number; readonly fin: boolean; rest: number } | null = null

  constructor(limits: SpdyLimits = defaultSpdyLimits) {
    this.#limits = limits
    this.#headers = new HeaderDecoder(limits)
  }

  /** What is whole with this chunk. The data are views of it, or of memory of their own. */
  push(chunk: Buffer): Frame[] {
    const frames: Frame[] = []
    let rest = chunk
    while (rest.length > 0) {
      if (this.#data !== null) {
        rest = this.#pour(rest, frames)
        continue
      }
      const bytes = this.#joined(rest)
      if (bytes === null) break
      const length = this.#judge(bytes)
      if (!isControl(bytes)) {
        const streamId = bytes.readUInt32BE(0)
        if (streamId === 0) throw malformed('data for no stream')
        this.#data = { streamId, fin: (bytes.readUInt8(4) & FLAG_FIN) !== 0, rest: length }
        this.#wanted = HEAD_BYTES
        rest = this.#pour(bytes.subarray(HEAD_BYTES), frames)
        continue
      }
      this.#wanted = HEAD_BYTES + length
      if (bytes.length < this.#wanted) {
        this.#keep(bytes)
        break
      }
      this.#wanted = HEAD_BYTES
      const frame = this.#read(bytes, bytes.subarray(HEAD_BYTES, HEAD_BYTES + length))
      if (frame !== null) frames.push(frame)
      rest = bytes.subarray(HEAD_BYTES + length)
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

  /** Gives what there is of a DATA frame, and takes the rest. */
  #pour(bytes: Buffer, frames: Frame[]): Buffer {
    const open = this.#data
    if (open === null) return bytes
    const data = bytes.subarray(0, open.rest)
    open.rest -= data.length
    const isWhole = open.rest === 0
    if (isWhole) this.#data = null
    if (data.length > 0 || isWhole) {
      frames.push({ type: 'data', streamId: open.streamId, fin: open.fin && isWhole, data })
    }
    return bytes.subarray(data.length)
  }

  /** What was kept, and more; null, and kept as well, while that is too little to look at. */
  #joined(more: Buffer): Buffer | null {
    if (this.#kept.length === 0 && more.length >= this.#wanted) return more
    this.#keep(more)
    if (this.#kept.length < this.#wanted) return null
    const joined = this.#kept.joined()
    this.#kept.reset(EMPTY)
    return joined
  }

  /** A copy: chunks are lent. */
  #keep(bytes: Buffer): void {
    this.#kept.push(Buffer.from(bytes))
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

  /** A control frame; null for one of an unknown type. */
  #read(head: Buffer, body: Buffer): Frame | null {
    const flags = head.readUInt8(4)
    const fin = (flags & FLAG_FIN) !== 0
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
