import type { SessionFacts } from './session-facts.ts'

/** stdin is kept only where a role says so. */
export const dataStreams = ['stdin', 'stdout', 'stderr'] as const
export type DataStream = (typeof dataStreams)[number]

/** One thing that happened; `atMs` counts from the beginning of the session. */
export type RecordFrame =
  /** The first frame of every record, and only that. */
  | { readonly kind: 'begin'; readonly atMs: number; readonly facts: SessionFacts }
  /** Raw bytes, as they went. */
  | {
      readonly kind: 'data'
      readonly atMs: number
      readonly stream: DataStream
      readonly data: Buffer
    }
  | {
      readonly kind: 'resize'
      readonly atMs: number
      readonly width: number
      readonly height: number
    }
  /** Bytes that went and are not kept: how many they were, and what they were (SHA-256, hex). */
  | {
      readonly kind: 'omitted'
      readonly atMs: number
      readonly stream: DataStream
      readonly bytes: number
      readonly sha256: string
    }
  /** Somebody joined, the recording was interrupted, a file went by: words for whoever plays it. */
  | { readonly kind: 'marker'; readonly atMs: number; readonly label: string }
  /** The last frame of a record that is whole. `exitCode` is null when nobody learnt it. */
  | {
      readonly kind: 'end'
      readonly atMs: number
      readonly exitCode: number | null
      /** Why it ended: `exited`, `client`, `expired`, `idle`, `terminated`, `lost`, `cut`. */
      readonly reason: string
    }

/**
 * How a frame lies in a record:
 *
 *      +----------+---------------------+-----------------+-------------+
 *      | type (8) | time since the last | length (varint) | payload ... |
 *      |          | frame, ms (varint)  |                 |             |
 *      +----------+---------------------+-----------------+-------------+
 *
 * Varints are LEB128, unsigned, of 53 bits at most. A seal's payload is the running hash (running-hash.ts): the SHA-256 of the last
 * seal's payload, for the first that of nothing, and of all bytes between the two, the preface included.
 */
export const frameTypes = {
  begin: 1,
  stdin: 2,
  stdout: 3,
  stderr: 4,
  resize: 5,
  omitted: 6,
  marker: 7,
  end: 8,
  seal: 9,
} as const

export const dataTypeOf: Readonly<Record<DataStream, number>> = {
  stdin: frameTypes.stdin,
  stdout: frameTypes.stdout,
  stderr: frameTypes.stderr,
}

/** Before the first frame: what this is, and in which version. */
export const PREFACE = Buffer.from('TKREC\x00\x00\x01', 'latin1')
export const HASH_BYTES = 32

/** Type, no time, and the length of a hash. */
export const SEAL_HEAD = Buffer.from([frameTypes.seal, 0, HASH_BYTES])

export const sealFrame = (digest: Buffer): Buffer => Buffer.concat([SEAL_HEAD, digest])
