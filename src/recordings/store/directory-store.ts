import { createHash } from 'node:crypto'
import {
  appendFile,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
  unlink,
  utimes,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  type Clock,
  errorCode,
  errorMessage,
  fewAtOnce,
  type Logger,
  printable,
} from '../../core/index.ts'
import {
  makePrivateDirectory,
  syncDirectory,
  writeNewFile,
  writePrivateFile,
} from '../../files/index.ts'
import { parseSessionFacts, type SessionFacts } from '../../recording/index.ts'
import { RecordingError } from '../errors.ts'
import { BLOCK_BYTES, DIRECTORIES_REMEMBERED, FILES_AT_ONCE, MAX_CHUNKS } from '../limits.ts'
import { type ChunkFile, chainOf, chunkFileOf, chunksAmong, sizeOf } from './chunk-files.ts'
import { encodeHead, type HeadFile, parseHead } from './head-file.ts'
import type { StoreRoom } from './room.ts'
import { cursorAfter, encodeRow, parseRow, type Row, Rows } from './rows.ts'
import { SharedSyncs } from './shared-syncs.ts'
import { Turns } from './turns.ts'
import type {
  KeptEnd,
  OldestPage,
  OldestQuery,
  Recording,
  RecordingEnd,
  RecordingHead,
  RecordingPage,
  RecordingQuery,
  RecordingStore,
  WholeRecording,
} from './types.ts'

const HEAD_FILE = 'recording.json'
/** Rows of a day's recordings, one a line: a help to begin sooner, and never more right than the recordings themselves. */
const INDEX_FILE = 'index.jsonl'
const DAY = /^\d{4}-\d{2}-\d{2}$/
const SESSION_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const LEFT_OVER = /^\.[0-9a-f]{16}\.tmp$/
/** Directories of recordings that a process did not bring to their place, or not all the way out. */
const HALF = /^\.(new|removed)-/
const DAY_MS = 86_400_000
/** The last moment that has a year of four digits. */
const LAST_MS = Date.UTC(9999, 11, 31)

/**
 * Opens a directory of recordings (0700, files 0600): a directory a day, in it one a recording, in it what is known of it and
 * its chunks. What cannot be read, or is none of ours, is passed over with a line in the log.
 */
export async function openDirectoryStore(options: {
  readonly path: string
  readonly clock: Clock
  readonly log: Logger
  /** Without it, as much is taken as the disk takes. */
  readonly room?: Pick<StoreRoom, 'use'>
}): Promise<RecordingStore> {
  const { path, log } = options
  await makePrivateDirectory(path)
  const names = await readdir(path)
  for (const name of names.filter((name) => HALF.test(name))) {
    await rm(join(path, name), { recursive: true, force: true })
  }
  const rows: Row[] = []
  for (const day of names.filter((name) => DAY.test(name))) {
    try {
      rows.push(...(await rowsOfDay(join(path, day), log)))
    } catch (error) {
      log.warn(
        { day, error: errorMessage(error) },
        'the recordings of a day cannot be read, and are passed over',
      )
    }
  }
  return new DirectoryStore({ ...options, rows: new Rows(rows) })
}

async function rowsOfDay(directory: string, log: Logger): Promise<Row[]> {
  const ids = new Set((await readdir(directory)).filter((name) => SESSION_ID.test(name)))
  const text = await readFile(join(directory, INDEX_FILE), 'utf8').catch(() => '')
  const rows = new Map<string, Row>()
  for (const line of text.split('\n')) {
    const row = line === '' ? null : parseRow(line)
    if (row !== null && ids.has(row.sessionId)) rows.set(row.sessionId, row)
  }
  const missing = [...ids].filter((id) => !rows.has(id))
  await fewAtOnce(
    missing.map((id) => async () => {
      const head = await readHead(join(directory, id))
      if (head?.facts.sessionId === id) rows.set(id, head.facts)
      else log.warn({ recording: id }, 'a recording cannot be read, and is passed over')
    }),
    FILES_AT_ONCE,
  )
  return [...rows.values()]
}

class DirectoryStore implements RecordingStore {
  readonly #path: string
  readonly #clock: Clock
  readonly #log: Logger
  readonly #room: Pick<StoreRoom, 'use'>
  readonly #rows: Rows
  readonly #turns = new Turns()
  /** Chunks of the recordings that were touched last. */
  readonly #chunks = new Map<string, ChunkFile[]>()
  readonly #syncs = new SharedSyncs(syncDirectory)
  /** Days whose directories are there, and stay there should the power fail. */
  readonly #days = new Set<string>()

  constructor(options: {
    readonly path: string
    readonly clock: Clock
    readonly log: Logger
    readonly room?: Pick<StoreRoom, 'use'>
    readonly rows: Rows
  }) {
    this.#path = options.path
    this.#clock = options.clock
    this.#log = options.log
    this.#room = options.room ?? { use: (_host, _bytes, work) => work() }
    this.#rows = options.rows
  }

  async begin(told: RecordingHead): Promise<void> {
    const head = checkedHead(told)
    return this.#turns.take(head.facts.sessionId, () => this.#begin(head))
  }

  async #begin(head: RecordingHead): Promise<void> {
    const { sessionId } = head.facts
    const row = this.#rows.get(sessionId)
    const known = row === null ? null : await readHead(this.#directoryOf(row))
    if (known === null) return this.#create(head, row)
    if (encodeHead({ ...known, end: null }) !== encodeHead({ ...head, end: null })) {
      throw conflict(`recording ${sessionId} is there already, and is another one`)
    }
    if (known.end === null) await this.#heard(head.facts)
  }

  putChunk(id: string, index: number, chunk: Uint8Array): Promise<void> {
    return this.#turns.take(id, () => this.#putChunk(id, index, chunk))
  }

  async #putChunk(id: string, index: number, chunk: Uint8Array): Promise<void> {
    const row = this.#rowOf(id)
    const directory = this.#directoryOf(row)
    const chunks = await this.#chunksOf(row)
    const file = chunkFileOf(index, chunk)
    const there = chunks[index]
    if (there !== undefined) {
      if (there.name === file.name) return
      throw conflict(`chunk ${index} of recording ${id} is there already, with another content`)
    }
    if (index !== chunks.length || index >= MAX_CHUNKS) {
      throw conflict(`chunk ${index} of recording ${id} does not follow the one before it`)
    }
    const { facts, end } = await this.#headOf(row)
    if (end !== null) throw conflict(`recording ${id} has ended: no chunk comes after that`)
    await this.#room.use(facts.serverId, onDisk(chunk), async () => {
      await writePrivateFile(join(directory, file.name), chunk)
      await syncDirectory(directory)
    })
    chunks.push(file)
    await this.#heard(row)
  }

  complete(id: string, end: RecordingEnd): Promise<boolean> {
    return this.#turns.take(id, () => this.#complete(id, end))
  }

  async #complete(id: string, end: RecordingEnd): Promise<boolean> {
    const row = this.#rowOf(id)
    const directory = this.#directoryOf(row)
    const head = await this.#headOf(row)
    const chunks = await this.#chunksOf(row)
    const whole: HeadFile = { ...head, end: { ...end, size: sizeOf(chunks) } }
    if (head.end !== null) {
      if (encodeHead(head) === encodeHead(whole)) return false
      throw conflict(`recording ${id} has ended already, and otherwise`)
    }
    if (chunks.length !== end.chunks || chainOf(chunks) !== end.sha256) {
      throw conflict(
        `recording ${id} has ${chunks.length} chunks here, and was to have ${end.chunks}`,
      )
    }
    await writePrivateFile(join(directory, HEAD_FILE), encodeHead(whole))
    await syncDirectory(directory)
    await this.#tidy(directory)
    return true
  }

  async putWhole({ head: told, chunk, end }: WholeRecording): Promise<KeptEnd> {
    const head = checkedHead(told)
    const { sessionId } = head.facts
    const file = chunkFileOf(0, chunk)
    if (end.chunks !== 1 || chainOf([file]) !== end.sha256) {
      throw conflict(`the chunk of recording ${sessionId} is not what it was to be`)
    }
    const kept: KeptEnd = { ...end, size: file.size }
    return this.#turns.take(sessionId, async () => {
      const row = this.#rows.get(sessionId)
      const whole = { ...head, end: kept }
      const create = (): Promise<boolean> => this.#createWhole(whole, file, chunk)
      const bytes = onDisk(encodeHead(whole)) + onDisk(chunk)
      if (row === null && (await this.#room.use(head.facts.serverId, bytes, create))) return kept
      await this.#begin(head)
      const there = row === null ? null : (await this.#headOf(row)).end
      if (there !== null && isSameEnd(there, kept)) return there
      await this.#putChunk(sessionId, 0, chunk)
      await this.#complete(sessionId, end)
      return kept
    })
  }

  /** Makes it beside its place, and puts it there when all of it is on the disk. False: something has its place that is none of ours. */
  async #createWhole(
    head: HeadFile & { readonly end: KeptEnd },
    file: ChunkFile,
    chunk: Uint8Array,
  ): Promise<boolean> {
    const beside = join(this.#path, `.new-${head.facts.sessionId}`)
    let isThere = false
    try {
      await this.#writeBeside(beside, head, file, chunk)
      isThere = await this.#putInPlace(beside, this.#directoryOf(head.facts))
    } finally {
      // A disk that is full is not to be fuller for it.
      if (!isThere) await rm(beside, { recursive: true, force: true }).catch(() => {})
    }
    if (isThere) await this.#entered(head.facts)
    return isThere
  }

  async #writeBeside(
    beside: string,
    head: HeadFile,
    file: ChunkFile,
    chunk: Uint8Array,
  ): Promise<void> {
    try {
      await mkdir(beside, { mode: 0o700 })
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error
      await rm(beside, { recursive: true, force: true })
      await mkdir(beside, { mode: 0o700 })
    }
    await Promise.all([
      writeNewFile(join(beside, file.name), chunk),
      writeNewFile(join(beside, HEAD_FILE), encodeHead(head)),
    ])
    await this.#syncs.sync(beside)
  }

  /** False: something has its place. */
  async #putInPlace(beside: string, directory: string): Promise<boolean> {
    await this.#makeDay(dirname(directory))
    try {
      await rename(beside, directory)
    } catch (error) {
      const code = errorCode(error)
      if (code === 'ENOENT') this.#days.delete(dirname(directory))
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'ENOTDIR') throw error
      return false
    }
    await this.#syncs.sync(dirname(directory))
    return true
  }

  async #makeDay(day: string): Promise<void> {
    if (this.#days.has(day)) return
    await makePrivateDirectory(day)
    await this.#syncs.sync(this.#path)
    this.#days.add(day)
  }

  /** It is on the disk: from now on it is found. */
  async #entered(facts: SessionFacts): Promise<void> {
    this.#rows.add(facts)
    const index = join(dirname(this.#directoryOf(facts)), INDEX_FILE)
    await appendFile(index, encodeRow(facts), { mode: 0o600 }).catch((error: unknown) =>
      this.#log.warn({ error: errorMessage(error) }, 'cannot write the index of the recordings'),
    )
  }

  async list(query: RecordingQuery): Promise<RecordingPage> {
    const items: Recording[] = []
    const matching = this.#rows.matching(query)
    for (;;) {
      const rows = take(matching, query.limit - items.length)
      const last = rows.at(-1)
      if (last === undefined) return { items, next: null }
      const read = new Map<Row, Recording>()
      await fewAtOnce(
        rows.map((row) => async () => {
          try {
            read.set(row, await this.#read(row))
          } catch (error) {
            if (await this.#isGone(row)) return
            this.#log.warn(
              { recording: row.sessionId, error: errorMessage(error) },
              'a recording cannot be read, and is passed over',
            )
          }
        }),
        FILES_AT_ONCE,
      )
      items.push(...rows.flatMap((row) => read.get(row) ?? []))
      if (items.length >= query.limit) {
        return { items, next: matching.next().done === true ? null : cursorAfter(last) }
      }
    }
  }

  async get(id: string): Promise<Recording | null> {
    const row = this.#rows.get(id)
    if (row === null) return null
    try {
      return await this.#read(row)
    } catch (error) {
      if (await this.#isGone(row)) return null
      this.#log.warn({ recording: id, error: errorMessage(error) }, 'a recording cannot be read')
      throw unreadable(id, error)
    }
  }

  async readChunk(id: string, index: number): Promise<Buffer> {
    const row = this.#rowOf(id)
    try {
      return await this.#readChunk(row, index)
    } catch (error) {
      throw (await this.#isGone(row)) ? unknown(id) : error
    }
  }

  /** Whether it was removed meanwhile; whoever is at it now is waited for. */
  async #isGone(row: Row): Promise<boolean> {
    await this.#turns.take(row.sessionId, async () => {})
    return this.#rows.get(row.sessionId) !== row
  }

  async #readChunk(row: Row, index: number): Promise<Buffer> {
    const id = row.sessionId
    const file = (await this.#chunksOf(row))[index]
    if (file === undefined) {
      throw new RecordingError('RECORDING_UNKNOWN', `recording ${id} has no chunk ${index}`)
    }
    let bytes: Buffer
    try {
      bytes = await readFile(join(this.#directoryOf(row), file.name))
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error
      this.#chunks.delete(id)
      throw corrupt(id, index, error)
    }
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    if (sha256 !== file.sha256 || bytes.length !== file.size) throw corrupt(id, index)
    return bytes
  }

  oldest(query: OldestQuery): OldestPage {
    const rows = this.#rows.oldest(query)
    const last = rows.at(-1)
    const isAll = last === undefined || rows.length < query.limit
    return { ids: rows.map(({ sessionId }) => sessionId), next: isAll ? null : cursorAfter(last) }
  }

  remove(id: string): Promise<void> {
    return this.#turns.take(id, async () => {
      const row = this.#rows.get(id)
      if (row === null) return
      const directory = this.#directoryOf(row)
      // At once, so that a process that dies amid it leaves no half of a recording.
      const aside = join(this.#path, `.removed-${id}`)
      await rename(directory, aside).catch((error: unknown) => {
        // Somebody removed it by hand.
        if (errorCode(error) !== 'ENOENT') throw error
      })
      this.#rows.remove(id)
      this.#chunks.delete(id)
      const day = dirname(directory)
      if (this.#isEmpty(row.startedMs)) await this.#removeDay(day)
      else await this.#syncs.sync(day)
      await rm(aside, { recursive: true, force: true })
    })
  }

  #isEmpty(atMs: number): boolean {
    const fromMs = Math.floor(atMs / DAY_MS) * DAY_MS
    return !this.#rows.hasBetween(fromMs, fromMs + DAY_MS)
  }

  /** The directory of a day without recordings, and its index with it, unless something else lies there. */
  async #removeDay(day: string): Promise<void> {
    this.#days.delete(day)
    await rm(join(day, INDEX_FILE), { force: true })
    await rmdir(day).catch((error: unknown) => {
      this.#log.info(
        { error: errorMessage(error) },
        'the directory of a day stays, without an index',
      )
    })
    await this.#syncs.sync(this.#path)
  }

  async #create(head: RecordingHead, known: Row | null): Promise<void> {
    const directory = this.#directoryOf(head.facts)
    if (known !== null) {
      throw unreadable(known.sessionId)
    }
    await this.#makeDay(dirname(directory))
    const text = encodeHead({ ...head, end: null })
    await this.#room.use(head.facts.serverId, onDisk(text), async () => {
      await makePrivateDirectory(directory)
      await writePrivateFile(join(directory, HEAD_FILE), text)
      for (const path of [directory, dirname(directory)]) await this.#syncs.sync(path)
    })
    await this.#entered(head.facts)
  }

  async #read(row: Row): Promise<Recording> {
    const { facts, encrypted, end } = await this.#headOf(row)
    if (end !== null) {
      const { size, ...told } = end
      return { facts, encrypted, chunks: end.chunks, size, heardMs: end.endedMs, end: told }
    }
    const chunks = await this.#chunksOf(row)
    const { mtimeMs } = await stat(join(this.#directoryOf(row), HEAD_FILE))
    return {
      facts,
      encrypted,
      chunks: chunks.length,
      size: sizeOf(chunks),
      heardMs: Math.trunc(mtimeMs),
      end: null,
    }
  }

  /** Of a recording that is there. */
  async #headOf(row: Row): Promise<HeadFile> {
    const head = await readHead(this.#directoryOf(row))
    if (head?.facts.sessionId !== row.sessionId) throw unreadable(row.sessionId)
    return head
  }

  /** Something came of a recording just now. */
  async #heard(row: Pick<Row, 'sessionId' | 'startedMs'>): Promise<void> {
    const now = this.#clock.now() / 1000
    await utimes(join(this.#directoryOf(row), HEAD_FILE), now, now)
  }

  /** Files that a process which died amid writing left. */
  async #tidy(directory: string): Promise<void> {
    for (const name of await readdir(directory)) {
      if (LEFT_OVER.test(name)) await unlink(join(directory, name)).catch(() => {})
    }
  }

  async #chunksOf(row: Row): Promise<ChunkFile[]> {
    const id = row.sessionId
    const known = this.#chunks.get(id) ?? chunksAmong(await readdir(this.#directoryOf(row)))
    // Of one that was removed meanwhile nothing is remembered: its id may come again.
    if (this.#rows.get(id) !== row) throw unknown(id)
    // Who read at the same time may have been first.
    const chunks = this.#chunks.get(id) ?? known
    this.#chunks.delete(id)
    this.#chunks.set(id, chunks)
    if (this.#chunks.size > DIRECTORIES_REMEMBERED) {
      for (const oldest of this.#chunks.keys()) {
        this.#chunks.delete(oldest)
        break
      }
    }
    return chunks
  }

  #rowOf(id: string): Row {
    const row = this.#rows.get(id)
    if (row === null) throw unknown(id)
    return row
  }

  #directoryOf({ sessionId, startedMs }: Pick<Row, 'sessionId' | 'startedMs'>): string {
    return join(this.#path, new Date(startedMs).toISOString().slice(0, 10), sessionId)
  }
}

/** As it will be read again, in an order of its own. Throws RecordingError RECORDING_CONFLICT. */
function checkedHead({ facts: told, encrypted }: RecordingHead): RecordingHead {
  const facts = parseSessionFacts(JSON.stringify(told))
  if (facts === null || !SESSION_ID.test(facts.sessionId) || facts.startedMs > LAST_MS) {
    throw conflict('the id or the time of a recording is none')
  }
  return { facts, encrypted }
}

/** The bytes of the chunk aside: packed and encrypted again, they are others. */
const isSameEnd = (a: KeptEnd, b: KeptEnd): boolean =>
  (['chunks', 'bytes', 'endedMs', 'exitCode', 'reason', 'cut'] as const).every(
    (name) => a[name] === b[name],
  )

const onDisk = (file: Uint8Array | string): number =>
  Math.ceil(Buffer.byteLength(file) / BLOCK_BYTES) * BLOCK_BYTES

/** Null for a head that is none; rejects when it cannot be read at all, unless it is not there. */
async function readHead(directory: string): Promise<HeadFile | null> {
  try {
    return parseHead(await readFile(join(directory, HEAD_FILE), 'utf8'))
  } catch (error) {
    const code = errorCode(error)
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return null
    throw error
  }
}

function take<T>(from: Generator<T, void, undefined>, most: number): T[] {
  const taken: T[] = []
  while (taken.length < most) {
    const next = from.next()
    if (next.done === true) break
    taken.push(next.value)
  }
  return taken
}

const conflict = (words: string): RecordingError => new RecordingError('RECORDING_CONFLICT', words)
const unknown = (id: string): RecordingError =>
  new RecordingError('RECORDING_UNKNOWN', `there is no recording ${printable(id)}`)
const unreadable = (id: string, cause?: unknown): RecordingError =>
  new RecordingError(
    'RECORDING_UNREADABLE',
    `recording ${id} is there, and cannot be read now`,
    cause === undefined ? {} : { cause },
  )
const corrupt = (id: string, index: number, cause?: unknown): RecordingError =>
  new RecordingError(
    'RECORDING_CORRUPT',
    `chunk ${index} of recording ${id} is not what was kept: its file was changed or is damaged`,
    cause === undefined ? {} : { cause },
  )
