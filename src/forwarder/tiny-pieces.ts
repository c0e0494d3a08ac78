import type { Readable } from 'node:stream'

/** Smaller pieces cost more for what we keep of each (some 150 bytes) than for what is in them. */
const TINY_BYTES = 64

/**
 * Bounds how many tiny pieces of what a client sends wait to be read. Flow control counts bytes: whoever sends them one by
 * one (DATA frames, chunks) would make us keep a hundred times as much (measured: 2.6 MB more for each body, of which 256 KiB may wait). `tooMany`
 * is called once; pieces that are read in time, or are larger, are nobody's business.
 */
export function boundTinyPieces(source: Readable, max: number, tooMany: () => void): void {
  const push = source.push.bind(source)
  /** Where the tiny pieces end that nobody has read yet, in bytes from the beginning. */
  let ends: number[] = []
  /** Those before this one have been read. */
  let first = 0
  let bytes = 0
  // Every piece comes in through here, whoever parsed it; an event would come when it is read, and begin the reading.
  source.push = (chunk: Buffer | null, encoding?: BufferEncoding): boolean => {
    if (chunk !== null) {
      bytes += chunk.length
      if (chunk.length < TINY_BYTES) {
        const read = bytes - chunk.length - source.readableLength
        while (first < ends.length && (ends[first] ?? 0) <= read) first += 1
        if (first > max) {
          ends = ends.slice(first)
          first = 0
        }
        ends.push(bytes)
        if (ends.length - first > max) {
          source.push = push
          // Later: parsers do not expect that what they feed is taken away from them meanwhile.
          process.nextTick(tooMany)
        }
      }
    }
    return push(chunk, encoding)
  }
}
