import type { Readable, Writable } from 'node:stream'

/** The world as a command sees it; tests give buffers. Data goes to stdout, talk to stderr. */
export interface Io {
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
  readonly env: Readonly<Record<string, string | undefined>>
  readonly isTty: boolean
  /** Aborted by ctrl-c. */
  readonly signal: AbortSignal
}

export const print = (io: Io, text: string): void => void io.stdout.write(`${text}\n`)
export const say = (io: Io, text: string): void => void io.stderr.write(`${text}\n`)

/** The process's own streams. */
export function processIo(): Io {
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  // A closed pipe (`tctl … | head`) is the reader's wish, not an error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    stop.abort()
  })
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    isTty: process.stdin.isTTY === true && process.stdout.isTTY === true,
    signal: stop.signal,
  }
}

/** Everything that a stream gives, as text. */
export async function readAll(stream: Readable): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(Buffer.from(chunk as Uint8Array | string))
  return Buffer.concat(chunks).toString('utf8')
}
