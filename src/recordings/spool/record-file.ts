import { freeBytes } from '../../core/index.ts'
import {
  NO_CHUNKS,
  NO_RECORD,
  RecordEncoder,
  type RecordFrame,
  type RecordPlace,
} from '../../recording/index.ts'
import { GROUP_BYTES, HELD_PART_BYTES, WHOLE_CHUNK_BYTES } from '../limits.ts'
import type { RecordedSession } from '../recorder-types.ts'
import type { RecordingEnd } from '../store/types.ts'
import type { SpoolAccount } from './account.ts'
import type { GrowingFile, SpoolDisk } from './disk.ts'
import { encodeEnd } from './end-file.ts'
import { encodeOpenHead, parseOpenFile } from './open-file.ts'
import { packPart } from './pack-part.ts'
import { chunkName, END_NAME, openName, pathIn, type SpooledSession } from './session-directory.ts'

/** Frames that are written together, with a seal behind them. */
interface Group {
  readonly bytes: Buffer
  readonly after: RecordPlace
}

/**
 * The record of one session on its way to the disk: frames gather in memory, are written in groups to the open part, and that is
 * cut into chunks. Its asynchronous methods are called one after the other; after one has failed, none is.
 */
export class RecordFile {
  readonly #session: SpooledSession
  readonly #disk: SpoolDisk
  readonly #account: SpoolAccount
  readonly #encoder = new RecordEncoder()
  #frames: Buffer[] = []
  #framesBytes = 0
  #groups: Group[] = []
  #groupsBytes = 0
  #file: GrowingFile | null = null
  #index = 0
  /** Where the open part begins. */
  #from: RecordPlace = { digest: NO_RECORD, atMs: 0, isBeginning: true }
  /** Where what is on the disk ends. */
  #to: RecordPlace = this.#from
  #chain: Buffer = NO_CHUNKS
  /** Of the record before the open part. */
  #bytesBefore = 0
  #openBytes = 0
  /** What the open part takes of the spool, with its head. */
  #openTaken = 0
  /** The head of the first part, until it is written together with what follows. */
  #head: Buffer | null = null
  /** The first part, as long as it is small and has not become a chunk. */
  #part: Buffer[] | null = []
  /** Aborted: room in the spool is not waited for any more. */
  readonly #impatient = new AbortController()

  constructor(session: SpooledSession, disk: SpoolDisk, account: SpoolAccount) {
    this.#session = session
    this.#disk = disk
    this.#account = account
  }

  /** What waits in memory. */
  get pendingBytes(): number {
    return this.#framesBytes + this.#groupsBytes
  }

  /** What lies in the open part. */
  get openBytes(): number {
    return this.#openBytes
  }

  /** A part of it has become a chunk, which may be on its way. */
  get isCut(): boolean {
    return this.#index > 0
  }

  /** Makes the place for the first part. */
  async open(): Promise<void> {
    await this.#disk.makeNewDirectory(this.#session.directory)
    this.#account.belongs(this.#session.id, this.#session.head.facts.user)
    this.#head = await this.#begin()
  }

  add(frame: RecordFrame): void {
    const bytes = this.#encoder.frame(frame)
    this.#frames.push(bytes)
    this.#framesBytes += bytes.length
    if (this.#framesBytes >= GROUP_BYTES) this.#seal()
  }

  /**
   * Writes all that waits, and waits itself where the spool has no room. Resolves to whether the open part is to become a chunk: it is as large
   * as one, or room has to be made by delivering it.
   */
  async write(chunkBytes: number): Promise<boolean> {
    if (this.#framesBytes > 0) this.#seal()
    for (;;) {
      const [group] = this.#groups
      if (group === undefined || this.#openBytes >= chunkBytes) break
      const { id } = this.#session
      const { length } = group.bytes
      const { aborted: takesAnyway } = this.#impatient.signal
      if (this.#openBytes > 0 && !takesAnyway && !this.#account.hasRoom(id, length)) return true
      // Nothing of it is there yet: it does not begin, and nobody waits for it.
      if (this.#head !== null) this.#account.take(id, length)
      else if (!(await this.#account.takeWhenRoom(id, length, this.#impatient.signal))) {
        // It was abandoned meanwhile; or the process ends, and what is in memory is to be kept.
        if (this.#groups[0] !== group) break
        this.#account.add(id, length)
      }
      this.#openTaken += group.bytes.length
      const head = this.#head
      await this.#file?.append(head === null ? group.bytes : Buffer.concat([head, group.bytes]))
      this.#head = null
      this.#groups.shift()
      this.#groupsBytes -= group.bytes.length
      this.#openBytes += group.bytes.length
      this.#to = group.after
      if (!this.#hold(group.bytes)) freeBytes(group.bytes)
    }
    return this.#openBytes >= chunkBytes
  }

  /** Makes a chunk of the open part, and begins the next one. */
  async cut(): Promise<void> {
    const index = this.#index
    const taken = this.#openTaken
    const chunk = await this.#pack()
    this.#account.add(this.#session.id, chunk.length)
    await this.#disk.write(this.#path(chunkName(index)), chunk)
    this.#index += 1
    this.#from = this.#to
    this.#bytesBefore += this.#openBytes
    const head = await this.#begin()
    await this.#file?.append(head)
    // From here on the chunk counts, and the part that it was made of does not.
    await this.#disk.unlink(this.#path(openName(index)))
    this.#account.add(this.#session.id, -taken)
    this.#session.chunks.push({ index, size: chunk.length })
  }

  /** Makes a chunk of the rest, and says how the session ended: in files, or for now in memory, where that may be. */
  async finish(
    facts: {
      readonly endedMs: number
      readonly exitCode: number | null
      readonly reason: string
    },
    atOnce: boolean,
  ): Promise<void> {
    const mayHold = atOnce && this.#index === 0 && this.#part !== null
    const chunk = await this.#pack()
    const end: RecordingEnd = {
      chunks: this.#index + 1,
      bytes: this.#bytesBefore + this.#openBytes,
      sha256: this.#chain.toString('hex'),
      ...facts,
      cut: false,
    }
    if (mayHold && chunk.length <= WHOLE_CHUNK_BYTES) {
      this.#session.held = {
        chunk,
        drop: async () => {
          await this.#disk.unlink(this.#path(openName(0)))
          await this.#disk.removeEmpty(this.#session.directory)
        },
        keep: () => this.#keep(chunk, end),
      }
    } else await this.#keep(chunk, end)
    this.#session.end = end
  }

  async #keep(chunk: Buffer, end: RecordingEnd): Promise<void> {
    await this.#disk.write(this.#path(chunkName(this.#index)), chunk)
    const { head } = this.#session
    await this.#disk.write(this.#path(END_NAME), encodeEnd({ ...head, end }))
    await this.#disk.unlink(this.#path(openName(this.#index)))
    this.#account.add(this.#session.id, chunk.length - this.#openTaken)
    this.#session.held = null
    this.#session.chunks.push({ index: this.#index, size: chunk.length })
  }

  /** Takes the room that is needed, whether it is there or not: the process ends. */
  hurry(): void {
    this.#impatient.abort()
  }

  /** Lets go of the open part, as it lies there. */
  async abandon(): Promise<void> {
    this.#impatient.abort()
    this.#frames = []
    this.#framesBytes = 0
    this.#groups = []
    this.#groupsBytes = 0
    const file = this.#file
    this.#file = null
    this.#part = null
    await file?.close()
  }

  /** Whether it is held. It is already counted as a part of what lies open. */
  #hold(bytes: Buffer): boolean {
    if (this.#openBytes > HELD_PART_BYTES) this.#part = null
    this.#part?.push(bytes)
    return this.#part !== null
  }

  #seal(): void {
    this.#frames.push(this.#encoder.seal())
    const bytes = Buffer.concat(this.#frames)
    for (const frame of this.#frames) freeBytes(frame)
    this.#frames = []
    this.#framesBytes = 0
    this.#groups.push({ bytes, after: this.#encoder.place() })
    this.#groupsBytes += bytes.length
  }

  /** Begins an open part where the last one ended; resolves to its head, which is to be written. */
  async #begin(): Promise<Buffer> {
    const session: RecordedSession = this.#session.head
    const head = encodeOpenHead({
      ...session,
      index: this.#index,
      place: this.#from,
      bytes: this.#bytesBefore,
      chain: this.#chain,
    })
    // What follows a part that is made into a chunk is in its place.
    if (this.#index === 0) this.#account.take(this.#session.id, head.length)
    else this.#account.add(this.#session.id, head.length)
    this.#openTaken = head.length
    this.#openBytes = 0
    this.#file = await this.#disk.create(this.#path(openName(this.#index)))
    return head
  }

  /** The chunk of the open part, which is closed. */
  async #pack(): Promise<Buffer> {
    const file = this.#file
    this.#file = null
    await file?.close()
    const held = this.#part
    this.#part = null
    if (held !== null) return this.#packed(Buffer.concat(held))
    const part = await this.#disk.read(this.#path(openName(this.#index)))
    const open = parseOpenFile(part)
    if (open === null || open.record.length !== this.#openBytes) {
      throw new Error('the open part of a recording is not what was written')
    }
    const chunk = await this.#packed(open.record)
    freeBytes(part)
    return chunk
  }

  async #packed(record: Buffer): Promise<Buffer> {
    const { chunk, chain } = await packPart({
      index: this.#index,
      place: this.#from,
      record,
      chain: this.#chain,
      recipients: this.#session.head.recipients,
    })
    this.#chain = chain
    return chunk
  }

  #path(name: string): string {
    return pathIn(this.#session, name)
  }
}
