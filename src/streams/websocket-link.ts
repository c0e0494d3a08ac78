import { isUtf8 } from 'node:buffer'
import { randomFillSync } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { errorMessage, freeBytes } from '../core/index.ts'
import {
  closeContent,
  encodeFrame,
  frameHeadBytes,
  sealFrame,
  WebSocketDecoder,
  WebSocketError,
  type WebSocketEvent,
  type WebSocketRole,
} from '../protocol/index.ts'
import { closeLater, closeSoon } from './close-later.ts'
import { broken, StreamError } from './errors.ts'
import { gatherTinyPieces } from './gather-tiny.ts'
import { GrowingBytes } from './growing-bytes.ts'
import { hearOut } from './hear-out.ts'
import { lastBytes } from './last-bytes.ts'
import type { StreamLimits } from './limits.ts'
import { MOST_AT_ONCE, Outbox } from './outbox.ts'
import { Reading } from './reading.ts'

const EMPTY = Buffer.alloc(0)

/** RFC 6455, 7.4.1. */
export const CLOSE_NORMAL = 1000
export const CLOSE_UNACCEPTABLE = 1003
/** Nobody sends it: the peer gave no code. */
const CLOSE_WITHOUT_CODE = 1005
/** Nobody sends it: the connection ended without a close. */
export const CLOSE_LOST = 1006
const CLOSE_INTERNAL = 1011

/** Who hears what comes. */
export interface WebSocketEars {
  /** A piece of a binary message, in order. The bytes are lent for as long as the call takes. */
  piece(data: Buffer, isFirst: boolean, isLast: boolean): void
  /** A message of text, whole. Null: its pieces are taken as those of any other, whatever they are. */
  readonly text: ((message: Buffer) => void) | null
  /** There is room again after a `send` that said false. */
  drain(): void
  /** The connection is over, or its server has said its last; the last call. The code is the peer's, 1006 for none. */
  closed(code: number, error: Error | null): void
}

/**
 * A WebSocket over a connection that has switched to it: moves its bytes, answers its control frames, keeps back-pressure in both
 * directions, and ends once. Nothing is read before `start`.
 */
export class WebSocketLink {
  readonly #role: WebSocketRole
  readonly #socket: Duplex
  readonly #limits: StreamLimits
  readonly #decoder: WebSocketDecoder
  readonly #out: Outbox
  readonly #reading: Reading
  #ears: WebSocketEars | null = null
  /** Of a message that is not whole. */
  readonly #text = new GrowingBytes()
  #closeCode: number | null = null
  #error: Error | null = null
  #isClosing = false
  #isDropped = false

  constructor(role: WebSocketRole, socket: Duplex, limits: StreamLimits) {
    this.#role = role
    this.#socket = socket
    this.#limits = limits
    this.#decoder = new WebSocketDecoder(role === 'client' ? 'server' : 'client', limits)
    if (role === 'client') hearOut(socket)
    this.#out = new Outbox(socket)
    this.#reading = new Reading(socket, () => this.#ping(), limits.probeMs)
  }

  /** `head` came with the handshake. */
  start(head: Buffer, ears: WebSocketEars): void {
    const socket = this.#socket
    this.#ears = ears
    socket.on('drain', () => {
      this.#reading.drained()
      this.#ears?.drain()
    })
    socket.once('error', (error) => {
      this.#error ??= broken(error)
    })
    socket.once('end', () => this.#out.end())
    const gathered = gatherTinyPieces(socket)
    const over = (): void => this.#over(gathered)
    socket.once('close', over)
    if (this.#reading.isPaused) socket.pause()
    // It may have gone while its user was not ready yet, and takes nothing back then.
    const isOver = socket.destroyed || socket.readableEnded
    if (isOver) {
      setImmediate(() => {
        this.#receive(head)
        if (socket.destroyed) over()
        else this.#out.end()
      })
    } else if (head.length > 0) socket.unshift(head)
    socket.on('data', (chunk: Buffer) => {
      this.#receive(chunk)
      freeBytes(chunk)
    })
  }

  get isOpen(): boolean {
    return !this.#isClosing && !this.#socket.writableEnded && !this.#socket.destroyed
  }

  /**
   * Sends bytes as binary messages that begin with `prefix`, one where they are not too many. They may be changed afterwards. False: wait
   * for `drain`.
   */
  send(prefix: Buffer, data: Buffer): boolean {
    if (!this.isOpen) return true
    let hasRoom = true
    for (let at = 0; at === 0 || at < data.length; at += MOST_AT_ONCE) {
      hasRoom = this.#sendOne(prefix, data.subarray(at, at + MOST_AT_ONCE))
    }
    return hasRoom
  }

  /** The same as one message of text. */
  sendText(message: string): boolean {
    if (!this.isOpen) return true
    return this.#out.write(encodeFrame('text', Buffer.from(message, 'utf8'), this.#key()))
  }

  pause(): void {
    this.#reading.pause()
  }

  resume(): void {
    this.#reading.resume()
  }

  /**
   * Says goodbye, and closes when the peer did, or is not there any more; one that is sent away gets no time to read. `sent` is called once: nothing
   * of ours waits any more.
   */
  close(code: number, reason = '', sent: () => void = () => {}): void {
    if (!this.isOpen) {
      sent()
      return
    }
    this.#out.write(encodeFrame('close', closeContent(code, reason), this.#key()), sent)
    this.#isClosing = true
    this.resume()
    const waits = code === CLOSE_NORMAL ? closeLater : closeSoon
    waits(this.#socket, this.#limits, () => this.#socket.destroy())
    if (this.#closeCode !== null) this.#out.end()
  }

  /** Ends it without a word. */
  destroy(): void {
    this.#isDropped = true
    this.#socket.destroy()
  }

  #sendOne(prefix: Buffer, data: Buffer): boolean {
    const key = this.#key()
    const length = prefix.length + data.length
    const head = frameHeadBytes(length, key !== null)
    return this.#out.add(head + length, (frame) => {
      prefix.copy(frame, head)
      data.copy(frame, head + prefix.length)
      sealFrame(frame, 'binary', key)
    })
  }

  #key(): Uint8Array | null {
    return this.#role === 'client' ? nextKey() : null
  }

  #receive(chunk: Buffer): void {
    if (this.#ears === null || this.#closeCode !== null) return
    try {
      let ping: Buffer | null = null
      for (const event of this.#decoder.push(chunk)) {
        // Of several that came together the last one is answered (RFC 6455, 5.5.3).
        if (event.kind === 'ping') ping = event.data
        else this.#react(event)
      }
      if (ping !== null && this.isOpen) this.#answer(encodeFrame('pong', ping, this.#key()))
    } catch (error) {
      this.#error = new StreamError(
        'STREAM_MALFORMED',
        `not a WebSocket as it should be: ${errorMessage(error)}`,
        { cause: error },
      )
      this.close(error instanceof WebSocketError ? error.closeCode : CLOSE_INTERNAL)
      this.#out.end()
      this.#tell(CLOSE_LOST)
    }
  }

  #react(event: WebSocketEvent): void {
    switch (event.kind) {
      case 'piece':
        if (event.isText && this.#ears?.text != null) this.#gather(event.data, event.isLast)
        else this.#ears?.piece(event.data, event.isFirst, event.isLast)
        return
      case 'ping':
      case 'pong':
        return
      case 'close':
        this.#closeCode = event.code ?? CLOSE_WITHOUT_CODE
        if (this.#isClosing) this.#out.end()
        else this.close(event.code ?? CLOSE_NORMAL)
        // A server says nothing behind it (RFC 6455, 5.5.1), and may not read what our answer stands behind.
        if (this.#role === 'client') this.#tell(this.#closeCode)
    }
  }

  #gather(data: Buffer, isLast: boolean): void {
    this.#text.push(data)
    if (this.#text.length > this.#limits.maxTextBytes) {
      throw new WebSocketError('WEBSOCKET_TOO_LARGE', 'a text that is too long')
    }
    if (!isLast) return
    const message = this.#text.take()
    if (!isUtf8(message)) throw new WebSocketError('WEBSOCKET_NOT_TEXT', 'text that is no UTF-8')
    this.#ears?.text?.(message)
  }

  /** What the peer makes us say: who does not read it, and asks for more, is heard no more before he has. */
  #answer(bytes: Buffer): void {
    if (this.#out.write(bytes)) return
    this.#reading.choke()
  }

  #ping(): void {
    if (this.isOpen && !this.#out.isFull) this.#out.write(encodeFrame('ping', EMPTY, this.#key()))
  }

  #over(gathered: () => Buffer | null): void {
    this.#reading.over()
    if (!this.#isDropped) {
      for (const piece of lastBytes(this.#socket, gathered)) this.#receive(piece)
    }
    this.#tell(this.#closeCode ?? CLOSE_LOST)
  }

  #tell(code: number): void {
    const ears = this.#ears
    this.#ears = null
    ears?.closed(code, this.#error)
  }
}

const KEYS = Buffer.alloc(8 * 1024)
let keysUsed = KEYS.length

/** Of four bytes that nobody can foresee; valid until the next one is asked for. */
function nextKey(): Uint8Array {
  if (keysUsed === KEYS.length) {
    randomFillSync(KEYS)
    keysUsed = 0
  }
  keysUsed += 4
  return KEYS.subarray(keysUsed - 4, keysUsed)
}
