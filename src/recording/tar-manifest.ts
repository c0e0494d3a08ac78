/** A file that went by in a tar stream. */
export interface TarEntry {
  readonly path: string
  readonly size: number
  /** As in `chmod`. */
  readonly mode: number
  readonly kind: 'file' | 'directory' | 'link' | 'other'
}

const BLOCK_BYTES = 512
/** Of records that hold names (PAX, GNU): others may stand in front of the name. */
const MAX_LONG_BYTES = 64 * 1024
/** Of a name that is kept, as many as a path of Linux may have; the rest of a longer one is cut off. */
const MAX_NAME_BYTES = 4096

/** What a block is the beginning of, or a part of. */
type State =
  | { readonly kind: 'head' }
  /** The content of an entry that is passed over, padding included. */
  | { readonly kind: 'skip'; readonly rest: number }
  /** A name for the entry that follows. */
  | {
      readonly kind: 'long'
      readonly format: 'pax' | 'gnu'
      readonly size: number
      readonly rest: number
      readonly parts: readonly Buffer[]
    }
  /** The end of the archive, or no archive at all: the rest is nothing to us. */
  | { readonly kind: 'over' }

/**
 * Reads which files go by in a tar stream (POSIX ustar, PAX and GNU long names), as `kubectl cp` sends it, however its bytes are
 * cut. What is no tar gives no entries; nothing of the content is kept, and of names only those that nobody has taken yet.
 */
export class TarManifest {
  readonly #maxEntries: number
  #entries: TarEntry[] = []
  #kept = 0
  readonly #block = Buffer.alloc(BLOCK_BYTES)
  #filled = 0
  #state: State = { kind: 'head' }
  #longName: string | null = null
  #longSize: number | null = null
  #more = 0

  /** `maxEntries` bounds what is told of a large tree; the others are counted. */
  constructor(maxEntries = 1000) {
    this.#maxEntries = maxEntries
  }

  /** Those that came since the last time, which are forgotten here. */
  take(): readonly TarEntry[] {
    const taken = this.#entries
    this.#entries = []
    return taken
  }

  /** Entries beyond those that are told. */
  get more(): number {
    return this.#more
  }

  push(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length && this.#state.kind !== 'over') {
      const state = this.#state
      if (state.kind === 'skip') {
        const taken = Math.min(state.rest, chunk.length - at)
        at += taken
        this.#state =
          state.rest === taken ? { kind: 'head' } : { kind: 'skip', rest: state.rest - taken }
        continue
      }
      const taken = Math.min(BLOCK_BYTES - this.#filled, chunk.length - at)
      chunk.copy(this.#block, this.#filled, at, at + taken)
      this.#filled += taken
      at += taken
      if (this.#filled < BLOCK_BYTES) return
      this.#filled = 0
      this.#state = state.kind === 'head' ? this.#head(this.#block) : this.#long(state, this.#block)
    }
  }

  #head(block: Buffer): State {
    if (!isHead(block)) return { kind: 'over' }
    const type = String.fromCharCode(block[156] ?? 0)
    const stated = readNumber(block, 124, 12)
    if (stated === null) return { kind: 'over' }
    if (type === 'x' || type === 'L') {
      if (stated === 0) return { kind: 'head' }
      if (stated > MAX_LONG_BYTES) return skip(stated)
      return {
        kind: 'long',
        format: type === 'x' ? 'pax' : 'gnu',
        size: stated,
        rest: stated,
        parts: [],
      }
    }
    // Of the whole archive, or of the link that follows: neither is a file.
    if (type === 'g' || type === 'K') return skip(stated)
    const kind = kindOf(type)
    const size = kind === 'file' ? (this.#longSize ?? stated) : 0
    this.#add({
      path: this.#longName ?? pathOf(block),
      size,
      mode: readNumber(block, 100, 8) ?? 0,
      kind,
    })
    this.#longName = null
    this.#longSize = null
    return skip(size)
  }

  #long(state: Extract<State, { kind: 'long' }>, block: Buffer): State {
    const parts = [
      ...state.parts,
      Buffer.from(block.subarray(0, Math.min(state.rest, BLOCK_BYTES))),
    ]
    const rest = state.rest - BLOCK_BYTES
    if (rest > 0) return { ...state, rest, parts }
    const bytes = Buffer.concat(parts)
    if (state.format === 'gnu') this.#longName = nameOf(bytes)
    else {
      const { path, size } = readPax(bytes)
      this.#longName = path ?? this.#longName
      this.#longSize = size ?? this.#longSize
    }
    return { kind: 'head' }
  }

  #add(entry: TarEntry): void {
    if (this.#kept === this.#maxEntries) {
      this.#more += 1
      return
    }
    this.#kept += 1
    this.#entries.push(entry)
  }
}

const skip = (size: number): State => {
  const rest = Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES
  return rest === 0 ? { kind: 'head' } : { kind: 'skip', rest }
}

/** POSIX 1003.1, ustar: the sum of all bytes, with spaces in place of the sum. */
function isHead(block: Buffer): boolean {
  const stated = readNumber(block, 148, 8)
  let sum = 0
  for (let index = 0; index < BLOCK_BYTES; index += 1) {
    sum += index >= 148 && index < 156 ? 0x20 : (block[index] ?? 0)
  }
  return stated === sum && block[0] !== 0
}

/** Octal text, or GNU's binary form for what is larger; null for neither. */
function readNumber(block: Buffer, at: number, length: number): number | null {
  const first = block[at] ?? 0
  if ((first & 0x80) !== 0) {
    let value = first & 0x7f
    for (let index = at + 1; index < at + length; index += 1) {
      value = value * 256 + (block[index] ?? 0)
      if (value > Number.MAX_SAFE_INTEGER) return null
    }
    return value
  }
  const text = textOf(block.subarray(at, at + length)).trim()
  if (text === '') return 0
  return /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : null
}

function pathOf(block: Buffer): string {
  const name = textOf(block.subarray(0, 100))
  const isUstar = block.toString('latin1', 257, 262) === 'ustar'
  const prefix = isUstar && block[263] === 0x30 ? textOf(block.subarray(345, 500)) : ''
  return prefix === '' ? name : `${prefix}/${name}`
}

function kindOf(type: string): TarEntry['kind'] {
  if (type === '0' || type === '\0' || type === '7') return 'file'
  if (type === '5') return 'directory'
  return type === '1' || type === '2' ? 'link' : 'other'
}

/** Up to the first zero. */
function textOf(bytes: Buffer): string {
  const end = bytes.indexOf(0)
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end)
}

const nameOf = (bytes: Buffer): string => textOf(bytes.subarray(0, MAX_NAME_BYTES))

/** Longer than the keys that are known. */
const MAX_KEY_BYTES = 8

/** POSIX PAX records: `LENGTH KEY=VALUE\n`, of which LENGTH counts all. */
function readPax(bytes: Buffer): { readonly path: string | null; readonly size: number | null } {
  let path: string | null = null
  let size: number | null = null
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at)
    const length = space < 0 ? Number.NaN : Number(bytes.toString('latin1', at, space))
    if (!Number.isInteger(length) || length <= space - at + 1 || at + length > bytes.length) break
    const record = bytes.subarray(space + 1, at + length - 1)
    const equals = record.indexOf('=')
    const key = record.toString('latin1', 0, Math.max(0, Math.min(equals, MAX_KEY_BYTES)))
    const value = nameOf(record.subarray(equals + 1))
    if (key === 'path') path = value
    else if (key === 'size' && /^\d{1,15}$/.test(value)) size = Number(value)
    at += length
  }
  return { path, size }
}
