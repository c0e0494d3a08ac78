import type { Socket } from 'node:net'
import { BufferPool } from '../../core/index.ts'

/** A TLS record holds no more (RFC 8446, 5.1), and Node gives one at a time. */
const READ_BYTES = 16 * 1024
/** 4 MB stay for what was not wanted when it came. */
const pool = new BufferPool(READ_BYTES, 256)

/**
 * Hands a socket's bytes to undici as they come, through one piece of memory as long as they are of a body. Node would make
 * new memory for every read and put several reads together in yet another, which V8 must then find and free. undici
 * listens for `readable`, then calls `read()` until it gives null, and gives back by `unshift()` what it does not want yet.
 * Bytes of a head it keeps until the head is whole, so these it gets for good. What it gets of a body is ours again at the
 * next `read()`, and nobody may look at it later than that: `UpstreamSink.data` says so.
 */
export class DirectReads {
  readonly #memory = Buffer.allocUnsafeSlow(READ_BYTES)
  /** For `connect()`. */
  readonly onread: { readonly buffer: Buffer; callback(bytes: number): boolean } = {
    buffer: this.#memory,
    callback: (bytes) => this.#arrived(bytes),
  }
  /** What comes now is of a body: whoever reads the answers says so. */
  inBody = false
  #socket: Socket | null = null
  /** Only while undici is being told of it. */
  #now: Buffer | null = null
  /** Copies, in order, of what it did not take then. */
  readonly #later: Copy[] = []
  /** The socket does not read, or its end is to be told: Node's own `read()` sees to both. */
  #waiting = false
  /** What it was given last. */
  #lent: Copy | null = null

  /** Call it before anything was read. */
  attach(socket: Socket): void {
    this.#socket = socket
    const read = socket.read.bind(socket) as (size?: number) => Buffer | null
    socket.read = (size?: number) => {
      if (size === undefined) {
        const chunk = this.#take()
        if (chunk !== null || !this.#waiting) return chunk
      } else if (this.#later.length > 0) {
        // Node asks, to tell the end of the stream: not before what came earlier was taken.
        this.#waiting = true
        return null
      }
      this.#waiting = false
      return read(size)
    }
    socket.unshift = (chunk: Buffer) => {
      this.#later.unshift(...copiesOf(chunk))
    }
    // As of any other socket: whoever asks wants to know whether something waits.
    Object.defineProperty(socket, 'readableLength', { get: () => this.#unread() })
    socket.once('close', () => this.#drop())
  }

  /** False: the socket reads no more until undici asks for more. */
  #arrived(bytes: number): boolean {
    const chunk = this.#memory.subarray(0, bytes)
    if (this.#socket !== null && this.#later.length === 0) {
      this.#now = this.inBody ? chunk : Buffer.from(chunk)
      this.#socket.emit('readable')
      if (this.#now === null) return this.#later.length === 0 || this.#wait()
      this.#now = null
    }
    this.#later.push(...copiesOf(chunk))
    return this.#wait()
  }

  #unread(): number {
    return this.#later.reduce((sum, { bytes }) => sum + bytes.length, 0)
  }

  #wait(): false {
    this.#waiting = true
    return false
  }

  #take(): Buffer | null {
    this.#giveBack(this.#lent)
    this.#lent = null
    const now = this.#now
    this.#now = null
    if (now !== null) return now
    const later = this.#later.shift() ?? null
    if (later === null || this.inBody) {
      this.#lent = later
      return later?.bytes ?? null
    }
    const forGood = Buffer.from(later.bytes)
    this.#giveBack(later)
    return forGood
  }

  #drop(): void {
    for (const copy of this.#later.splice(0)) this.#giveBack(copy)
  }

  #giveBack(copy: Copy | null): void {
    if (copy !== null) pool.give(copy.piece)
  }
}

interface Copy {
  readonly piece: Buffer
  /** The part of the piece that is filled. */
  readonly bytes: Buffer
}

function copiesOf(chunk: Buffer): Copy[] {
  const copies: Copy[] = []
  for (let from = 0; from < chunk.length; from += READ_BYTES) {
    const piece = pool.take()
    const length = chunk.copy(piece, 0, from)
    copies.push({ piece, bytes: piece.subarray(0, length) })
  }
  return copies
}
