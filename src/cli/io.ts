import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { Readable, Writable } from 'node:stream'
import { printableLines } from '../core/index.ts'

/** A closed terminal, and who asks politely: both leave time to clean up. */
const ENDING = ['SIGHUP', 'SIGTERM'] as const
/** What a command cleans up takes a moment; one that does not hear of the signal ends by it after this time. */
const ENDING_MS = 1000

/** The world as a command sees it; tests give buffers. Data goes to stdout, talk to stderr. */
export interface Io {
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
  readonly env: Readonly<Record<string, string | undefined>>
  readonly isTty: boolean
  /** Aborted by ctrl-c, by a terminal that is closed, and by SIGTERM; with an EPIPE for its reason when nobody reads stdout any more. */
  readonly signal: AbortSignal
  /**
   * Runs a program that takes over the terminal, ctrl-c included, and resolves to its exit code. `command` may have flags of
   * its own (`code --wait`): a shell reads it, but never `args`.
   */
  foreground(command: string, args: readonly string[]): Promise<number>
}

/** Both show text of several lines without control characters, whoever it is from. */
export const print = (io: Io, text: string): void =>
  void io.stdout.write(`${printableLines(text)}\n`)
export const say = (io: Io, text: string): void => void io.stderr.write(`${printableLines(text)}\n`)

/** The process's own streams. */
export function processIo(): Io {
  const stop = new AbortController()
  let foreground = 0
  const onInterrupt = (): void => {
    // The terminal sends it to the program in front and to us.
    if (foreground > 0) return
    // Whoever asks twice does not want to wait.
    process.off('SIGINT', onInterrupt)
    stop.abort()
  }
  process.on('SIGINT', onInterrupt)
  const onEnding = (signal: NodeJS.Signals): void => {
    for (const each of ENDING) process.off(each, onEnding)
    stop.abort()
    setTimeout(() => process.kill(process.pid, signal), ENDING_MS).unref()
  }
  for (const each of ENDING) process.on(each, onEnding)
  // A closed pipe (`tctl … | head`) is the reader's wish, not an error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    stop.abort(error)
  })
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    isTty: process.stdin.isTTY === true && process.stdout.isTTY === true,
    signal: stop.signal,
    async foreground(command, args) {
      foreground += 1
      try {
        return await runInForeground(command, args)
      } finally {
        foreground -= 1
      }
    },
  }
}

function runInForeground(command: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child =
      process.platform === 'win32'
        ? spawn(
            command,
            args.map((arg) => `"${arg}"`),
            { stdio: 'inherit', shell: true },
          )
        : spawn('/bin/sh', ['-c', `${command} "$@"`, command, ...args], { stdio: 'inherit' })
    child.once('error', reject)
    child.once('close', (code, signal) =>
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    )
  })
}

/** Everything that a stream gives, as text. */
export async function readAll(stream: Readable): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(Buffer.from(chunk as Uint8Array | string))
  return Buffer.concat(chunks).toString('utf8')
}
