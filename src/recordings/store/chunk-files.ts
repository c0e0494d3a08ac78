import { createHash } from 'node:crypto'
import { NO_CHUNKS, nextChain } from '../../recording/index.ts'

/**
 * A chunk's file is called by what is in it: `000042-1048576-<sha256>.chunk`. So it says itself whether it is whole, and what is in
 * it is what was brought and nothing else: `age -d` opens an encrypted one.
 */
export interface ChunkFile {
  readonly name: string
  readonly size: number
  /** Hexadecimal. */
  readonly sha256: string
}

const NAME = /^(\d{6})-(\d{1,9})-([0-9a-f]{64})\.chunk$/

export function chunkFileOf(index: number, chunk: Uint8Array): ChunkFile {
  const sha256 = createHash('sha256').update(chunk).digest('hex')
  const name = `${String(index).padStart(6, '0')}-${chunk.length}-${sha256}.chunk`
  return { name, size: chunk.length, sha256 }
}

/** The chunks among the files of a recording, from the first one on as far as none is missing. */
export function chunksAmong(names: readonly string[]): ChunkFile[] {
  const chunks: ChunkFile[] = []
  for (const name of [...names].sort()) {
    const [, index, size, sha256] = NAME.exec(name) ?? []
    if (sha256 === undefined || Number(index) !== chunks.length) continue
    chunks.push({ name, size: Number(size), sha256 })
  }
  return chunks
}

export const sizeOf = (chunks: readonly ChunkFile[]): number =>
  chunks.reduce((sum, { size }) => sum + size, 0)

/** Hexadecimal. */
export function chainOf(chunks: readonly ChunkFile[]): string {
  let chain: Buffer = NO_CHUNKS
  for (const { sha256 } of chunks) chain = nextChain(chain, Buffer.from(sha256, 'hex'))
  return chain.toString('hex')
}
