import { isUtf8 } from 'node:buffer'
import { WebSocketError } from './errors.ts'
import {
  CONTROL,
  FIN,
  isCloseCode,
  LENGTH,
  LENGTH_16,
  LENGTH_64,
  MASK_BYTES,
  MASKED,
  MAX_CONTROL_BYTES,
  MAX_HEAD_BYTES,
  OPCODE,
  opcodes,
  RESERVED,
  type WebSocketRole,
} from './frame.ts'
import { mask } from './mask.ts'

export type WebSocketEvent =
  /** A piece of a message, as it came: frames are not waited for. */
  | {
      readonly kind: 'piece'
      readonly isText: boolean
      readonly isFirst: boolean
      readonly isLast: boolean
      readonly data: Buffer
    }
  | { readonly kind: 'ping' | 'pong'; readonly data: Buffer }
  /** The last event. Null: the peer gave no code. */
  | { readonly kind: 'close'; readonly code: number | null; readonly reason: string }

/** What is taken of one message. */
export interface WebSocketLimits {
  readonly maxMessageBytes: number
  readonly maxMessageFragments: number
}

const EMPTY = Buffer.alloc(0)

/**
 * Messages out of the bytes of a WebSocket, however they are cut (RFC 6455, 5). A frame is judged by its head, before any of its content.
 * What the other side does not know of is not spoken: no extensions. Throws WebSocketError; nothing that follows can be understood then.
 */
export class WebSocketDecoder {
  readonly #isMasked: boolean
  readonly #limits: WebSocketLimits
  readonly #head = Buffer.alloc(MAX_HEAD_BYTES)
  #headFilled = 0
  #headWanted = 2
  readonly #key = new Uint8Array(MASK_BYTES)
  /** Of the frame whose content comes. */
  #opcode: number = opcodes.continuation
  #isFinal = false
  /** Content that is still to come, and that came. */
  #rest = 0
  #done = 0
  /** Of the message that is not whole; null: there is none. */
  #message: {
    readonly isText: boolean
    bytes: number
    fragments: number
    isBegun: boolean
  } | null = null
  #control: Buffer = EMPTY
  #isOver = false

  /** `from`: who sends what is decoded. */
  constructor(from: WebSocketRole, limits: WebSocketLimits) {
    this.#isMasked = from === 'client'
    this.#limits = limits
  }

  /** What is whole with this chunk. Data are views of it, unmasked in place. */
  push(chunk: Buffer): WebSocketEvent[] {
    const events: WebSocketEvent[] = []
    let at = 0
    while (at < chunk.length && !this.#isOver) {
      if (this.#headFilled < this.#headWanted) {
        this.#head[this.#headFilled] = chunk[at] ?? 0
        this.#headFilled += 1
        at += 1
        if (this.#headFilled === 2) this.#headWanted = this.#judge()
        if (this.#headFilled < this.#headWanted) continue
        this.#begin()
        // A frame without content is whole with its head.
        if (this.#rest > 0) continue
      }
      const data = chunk.subarray(at, at + Math.min(this.#rest, chunk.length - at))
      at += data.length
      this.#content(data, events)
    }
    return events
  }

  /** How long the head is; by its first two bytes. */
  #judge(): number {
    const [first = 0, second = 0] = this.#head
    if ((first & RESERVED) !== 0) throw malformed('a bit that means nothing here is set')
    const opcode = first & OPCODE
    const isFinal = (first & FIN) !== 0
    const length = second & LENGTH
    if ((opcode & CONTROL) !== 0) {
      if (opcode > opcodes.pong) throw malformed(`opcode ${opcode} is none`)
      if (!isFinal) throw malformed('a control frame that is cut')
      if (length > MAX_CONTROL_BYTES) throw malformed('a control frame that is too long')
    } else if (opcode > opcodes.binary) throw malformed(`opcode ${opcode} is none`)
    else if (opcode === opcodes.continuation && this.#message === null) {
      throw malformed('a message goes on that never began')
    } else if (opcode !== opcodes.continuation && this.#message !== null) {
      throw malformed('a message begins in another one')
    }
    const isMasked = (second & MASKED) !== 0
    if (isMasked !== this.#isMasked) {
      throw malformed(isMasked ? 'a server masks nothing' : 'a client masks what it sends')
    }
    this.#opcode = opcode
    this.#isFinal = isFinal
    const longer = length === LENGTH_16 ? 2 : length === LENGTH_64 ? 8 : 0
    return 2 + longer + (isMasked ? MASK_BYTES : 0)
  }

  /** The head is whole. */
  #begin(): void {
    const head = this.#head
    const short = (head[1] ?? 0) & LENGTH
    let length = short
    if (short === LENGTH_16) length = head.readUInt16BE(2)
    else if (short === LENGTH_64) {
      // More than any limit, and more than a number holds.
      length = head.readUInt32BE(2) === 0 ? head.readUInt32BE(6) : Number.POSITIVE_INFINITY
    }
    if (this.#isMasked)
      this.#key.set(head.subarray(this.#headWanted - MASK_BYTES, this.#headWanted))
    if ((this.#opcode & CONTROL) === 0) {
      this.#message ??= {
        isText: this.#opcode === opcodes.text,
        bytes: 0,
        fragments: 0,
        isBegun: false,
      }
      this.#message.bytes += length
      this.#message.fragments += 1
      const { maxMessageBytes, maxMessageFragments } = this.#limits
      if (this.#message.bytes > maxMessageBytes) {
        const message = `a message of more than ${maxMessageBytes} bytes`
        throw new WebSocketError('WEBSOCKET_TOO_LARGE', message)
      }
      if (this.#message.fragments > maxMessageFragments) {
        const message = `a message of more than ${maxMessageFragments} fragments`
        throw new WebSocketError('WEBSOCKET_TOO_LARGE', message)
      }
    }
    this.#rest = length
    this.#done = 0
  }

  #content(data: Buffer, events: WebSocketEvent[]): void {
    if (this.#isMasked) mask(data, this.#key, this.#done)
    this.#rest -= data.length
    this.#done += data.length
    const isWhole = this.#rest === 0
    if (isWhole) {
      this.#headFilled = 0
      this.#headWanted = 2
    }
    if ((this.#opcode & CONTROL) !== 0) {
      this.#control = this.#control.length === 0 ? data : Buffer.concat([this.#control, data])
      if (isWhole) events.push(this.#controlled())
      else this.#control = Buffer.from(this.#control)
      return
    }
    const message = this.#message
    if (message === null) return
    const isLast = isWhole && this.#isFinal
    if (data.length === 0 && !isLast) return
    const isFirst = !message.isBegun
    message.isBegun = true
    if (isLast) this.#message = null
    events.push({ kind: 'piece', isText: message.isText, isFirst, isLast, data })
  }

  #controlled(): WebSocketEvent {
    const data = this.#control
    this.#control = EMPTY
    if (this.#opcode !== opcodes.close) {
      return { kind: this.#opcode === opcodes.ping ? 'ping' : 'pong', data }
    }
    this.#isOver = true
    if (data.length === 0) return { kind: 'close', code: null, reason: '' }
    if (data.length === 1) throw malformed('half a close code')
    const code = data.readUInt16BE(0)
    if (!isCloseCode(code)) throw malformed(`close code ${code} is none`)
    const reason = data.subarray(2)
    if (!isUtf8(reason)) {
      throw new WebSocketError('WEBSOCKET_NOT_TEXT', 'the reason of a close is no UTF-8')
    }
    return { kind: 'close', code, reason: reason.toString('utf8') }
  }
}

const malformed = (why: string): WebSocketError => new WebSocketError('WEBSOCKET_MALFORMED', why)
