import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { Readable } from 'node:stream'

/** A program that is told to stop gets this long before it is killed. */
const GRACE_MS = 5000

export interface ProgramRun {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** What the program reads; null: nothing. */
  readonly input: Buffer | null
  readonly signal: AbortSignal
  /** Takes bytes, and resolves when it wants more. */
  readonly onStdout: (chunk: Buffer) => Promise<void>
  readonly onStderr: (chunk: Buffer) => Promise<void>
}

/**
 * Runs a program to its end and resolves to its exit code (128 and the number of the signal that ended it), once all that it
 * wrote was taken. Rejects when it cannot be started.
 */
export async function runProgram(run: ProgramRun): Promise<number> {
  const child = spawn(run.command, [...run.args], {
    env: { ...run.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    windowsHide: true,
  })
  let killer: NodeJS.Timeout | undefined
  const stop = (): void => {
    child.kill('SIGTERM')
    killer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS)
  }
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) =>
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    )
  })
  if (run.signal.aborted) stop()
  else run.signal.addEventListener('abort', stop, { once: true })
  // A program that does not read its input closes it.
  child.stdin.on('error', () => {})
  child.stdin.end(run.input ?? undefined)
  try {
    const [code] = await Promise.all([
      ended,
      pour(child.stdout, run.onStdout),
      pour(child.stderr, run.onStderr),
    ])
    return code
  } finally {
    clearTimeout(killer)
    run.signal.removeEventListener('abort', stop)
  }
}

async function pour(from: Readable, to: (chunk: Buffer) => Promise<void>): Promise<void> {
  for await (const chunk of from) await to(chunk as Buffer)
}
