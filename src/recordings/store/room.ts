import { statfs } from 'node:fs/promises'
import type { Clock, Logger } from '../../core/index.ts'
import { RecordingError } from '../errors.ts'
import { RESERVE_BYTES, RESERVE_SHARE } from '../limits.ts'

const DAY_MS = 24 * 60 * 60 * 1000
/** Of services whose share is whole again: nothing has to be known of them. */
const FORGET_BEYOND = 256

/** What the file system of a directory has, in bytes. */
export interface DiskSpace {
  readonly freeBytes: number
  readonly totalBytes: number
}

export async function spaceOf(path: string): Promise<DiskSpace> {
  const { bavail, blocks, bsize } = await statfs(path)
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
}

/**
 * Whether a store has room for what a service brings. Of the disk a reserve is left to others who live there, the audit log and the
 * database; and of a service so many bytes are taken a day, so that one that was taken over does not fill what all share. Its
 * share comes back over the day, bit by bit. What is refused is for now: services keep it and bring it again.
 */
export class StoreRoom {
  readonly #space: () => Promise<DiskSpace>
  readonly #hostBytesPerDay: number
  readonly #clock: Clock
  readonly #log: Logger
  /** What was taken of each service lately, as of a moment. */
  readonly #taken = new Map<string, { bytes: number; atMs: number; isSaid: boolean }>()
  #isFullSaid = false

  constructor(options: {
    readonly space: () => Promise<DiskSpace>
    /** 0: as much as the disk has. */
    readonly hostBytesPerDay: number
    readonly clock: Clock
    readonly log: Logger
  }) {
    this.#space = options.space
    this.#hostBytesPerDay = options.hostBytesPerDay
    this.#clock = options.clock
    this.#log = options.log
  }

  /** Does a work that stores so many bytes of a service. Rejects with RecordingError RECORDING_NO_ROOM before it, or as the work does. */
  async use<T>(hostId: string, bytes: number, work: () => Promise<T>): Promise<T> {
    await this.#assertReserve(bytes)
    this.#take(hostId, bytes)
    try {
      return await work()
    } catch (error) {
      this.#giveBack(hostId, bytes)
      throw error
    }
  }

  async #assertReserve(bytes: number): Promise<void> {
    const { freeBytes, totalBytes } = await this.#space()
    const reserve = Math.min(RESERVE_BYTES, totalBytes * RESERVE_SHARE)
    if (freeBytes - bytes >= reserve) {
      this.#isFullSaid = false
      return
    }
    const words = `the disk of the recordings has ${freeBytes} bytes left, of which ${Math.ceil(reserve)} are for others`
    if (!this.#isFullSaid) this.#log.error({ freeBytes }, `recordings are not taken: ${words}`)
    this.#isFullSaid = true
    throw new RecordingError('RECORDING_NO_ROOM', words)
  }

  #take(hostId: string, bytes: number): void {
    if (this.#hostBytesPerDay === 0) return
    const taken = this.#takenOf(hostId)
    if (taken.bytes + bytes <= this.#hostBytesPerDay) {
      this.#set(hostId, { ...taken, bytes: taken.bytes + bytes, isSaid: false })
      return
    }
    const words = `this service has brought as much as one may in a day (${this.#hostBytesPerDay} bytes)`
    if (!taken.isSaid)
      this.#log.error({ hostId }, `recordings of a service are not taken: ${words}`)
    this.#set(hostId, { ...taken, isSaid: true })
    throw new RecordingError('RECORDING_NO_ROOM', words)
  }

  #giveBack(hostId: string, bytes: number): void {
    if (this.#hostBytesPerDay === 0) return
    const taken = this.#takenOf(hostId)
    this.#set(hostId, { ...taken, bytes: Math.max(0, taken.bytes - bytes) })
  }

  /** As of now. */
  #takenOf(hostId: string): { bytes: number; atMs: number; isSaid: boolean } {
    const atMs = this.#clock.now()
    const { bytes, atMs: thenMs, isSaid } = this.#taken.get(hostId) ?? noneAt(atMs)
    // A clock that was set back gives nothing, and takes nothing.
    const back = (Math.max(0, atMs - thenMs) / DAY_MS) * this.#hostBytesPerDay
    return { bytes: Math.max(0, bytes - back), atMs, isSaid }
  }

  #set(hostId: string, taken: { bytes: number; atMs: number; isSaid: boolean }): void {
    this.#taken.set(hostId, taken)
    if (this.#taken.size <= FORGET_BEYOND) return
    for (const known of this.#taken.keys()) {
      if (known !== hostId && this.#takenOf(known).bytes === 0) this.#taken.delete(known)
    }
  }
}

const noneAt = (atMs: number) => ({ bytes: 0, atMs, isSaid: false })
