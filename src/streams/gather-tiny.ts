import type { Readable } from 'node:stream'

/** Smaller pieces cost more for what is kept of each (some 600 bytes of a socket) than for what is in them. */
const TINY_BYTES = 64
const BLOCK_BYTES = 4 * 1024

/**
 * Puts tiny pieces together that wait to be read. A stream that is paused takes in as many bytes as its high-water mark says; whoever
 * sends them one by one (TLS records, messages) would make us keep hundreds of times as much: 40 MB for each connection whose other end
 * does not read. Nothing changes for a stream that flows. The returned function takes what waits still: of a stream that broke, nobody
 * reads it any more.
 */
export function gatherTinyPieces(source: Readable): () => Buffer | null {
  const push = source.push.bind(source)
  let block: Buffer | null = null
  let filled = 0
  const take = (): Buffer | null => {
    const piece = block?.subarray(0, filled) ?? null
    block = null
    filled = 0
    return piece
  }
  const give = (): boolean => {
    const piece = take()
    return piece === null || push(piece)
  }
  // Every piece comes in through here; an event would come when it is read, and begin the reading.
  source.push = (chunk: Buffer | null, encoding?: BufferEncoding): boolean => {
    const waits = source.readableFlowing === false && !source.destroyed
    if (chunk === null || chunk.length >= TINY_BYTES || !waits) {
      give()
      return push(chunk, encoding)
    }
    const hasRoom = block === null || filled + chunk.length <= BLOCK_BYTES || give()
    block ??= Buffer.allocUnsafeSlow(BLOCK_BYTES)
    filled += chunk.copy(block, filled)
    return hasRoom
  }
  source.on('resume', give)
  return take
}
