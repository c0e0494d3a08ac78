import type { SessionFacts } from '../../recording/index.ts'

/** What is known when a recording begins. */
export interface RecordingHead {
  readonly facts: SessionFacts
  /** Its chunks are encrypted to age recipients. */
  readonly encrypted: boolean
}

/** What is known when all of it is there. */
export interface RecordingEnd {
  readonly chunks: number
  /** Of the record, unpacked. */
  readonly bytes: number
  /** The chain over all chunks (room recording), hexadecimal. */
  readonly sha256: string
  /** Milliseconds since 1970. */
  readonly endedMs: number
  readonly exitCode: number | null
  readonly reason: string
  /** The service that recorded it stopped in the middle. */
  readonly cut: boolean
}

/** The end as a store keeps it. */
export interface KeptEnd extends RecordingEnd {
  /** Bytes of all chunks as they are kept. */
  readonly size: number
}

/** A recording of one chunk. */
export interface WholeRecording {
  readonly head: RecordingHead
  readonly chunk: Uint8Array
  readonly end: RecordingEnd
}

export interface Recording extends RecordingHead {
  /** That are here. */
  readonly chunks: number
  /** Bytes as they are kept. */
  readonly size: number
  /** When something was heard of it the last time, in milliseconds since 1970. */
  readonly heardMs: number
  /** Null while it goes on, or when nobody said how it ended. */
  readonly end: RecordingEnd | null
}

export interface RecordingQuery {
  readonly user?: string
  readonly kubeCluster?: string
  readonly namespace?: string
  readonly pod?: string
  readonly kind?: SessionFacts['kind']
  /** Began at this time or later, in milliseconds since 1970. */
  readonly fromMs?: number
  /** Began before. */
  readonly toMs?: number
  readonly limit: number
  /** `next` of the page before. */
  readonly after?: string
}

export interface RecordingPage {
  /** The newest first. */
  readonly items: readonly Recording[]
  readonly next: string | null
}

export interface OldestQuery {
  readonly beforeMs: number
  readonly limit: number
  /** `next` of the page before. */
  readonly after?: string
}

export interface OldestPage {
  readonly ids: readonly string[]
  readonly next: string | null
}

/**
 * Where recordings are kept for good. What has resolved is durable. All methods reject with RecordingError where it says so, with
 * RECORDING_UNREADABLE for a recording whose head cannot be read, with RECORDING_NO_ROOM for what it cannot take for now, and with the error of what is below else. Implementations pass test/conformance/recordings.
 */
export interface RecordingStore {
  /** Begins a recording, or notes that it goes on. RECORDING_CONFLICT when it is there with another head. */
  begin(head: RecordingHead): Promise<void>
  /**
   * Adds the next chunk; the same one again changes nothing. RECORDING_UNKNOWN before `begin`, RECORDING_CONFLICT for another content
   * of a chunk that is there, for one whose predecessor is missing, and for more than the recording has.
   */
  putChunk(id: string, index: number, chunk: Uint8Array): Promise<void>
  /**
   * Says that all is there. Resolves to whether it was not said before. RECORDING_CONFLICT when chunks are missing, are others than
   * were meant, or when it ended otherwise.
   */
  complete(id: string, end: RecordingEnd): Promise<boolean>
  /**
   * `begin`, `putChunk` and `complete` in one, for a recording of one chunk: all of it is there, or nothing. Resolves to how it is kept: it
   * may be there by an earlier call, with a chunk of other bytes that says the same, since who brings it again after his process died
   * has packed and encrypted it anew. RECORDING_CONFLICT as those say it.
   */
  putWhole(recording: WholeRecording): Promise<KeptEnd>
  /** A recording that cannot be read is passed over. RECORDING_CURSOR for an `after` that is none. */
  list(query: RecordingQuery): Promise<RecordingPage>
  /** Null when there is none. RECORDING_UNREADABLE when it is there, and cannot be read, for now or for good. */
  get(id: string): Promise<Recording | null>
  /** RECORDING_UNKNOWN when it is not there, RECORDING_CORRUPT when it is not what was put. */
  readChunk(id: string, index: number): Promise<Buffer>
  /** Those that began before a time, the oldest first, whether they can be read or not. RECORDING_CURSOR for an `after` that is none. */
  oldest(query: OldestQuery): OldestPage
  /** For good, also one that cannot be read. Nothing happens when there is none. */
  remove(id: string): Promise<void>
}
