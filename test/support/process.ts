import { type ChildProcess, execFile, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'

export interface Finished {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end; a non-zero exit is a result, not an exception. */
export function runProgram(
  program: string,
  args: readonly string[],
  options: {
    readonly env?: Readonly<Record<string, string | undefined>>
    readonly cwd?: string
    readonly input?: string
    readonly timeoutMs?: number
  } = {},
): Promise<Finished> {
  return new Promise((resolve) => {
    const child = execFile(
      program,
      [...args],
      {
        cwd: options.cwd,
        env: { ...process.env, ...options.env },
        timeout: options.timeoutMs ?? 60_000,
        killSignal: 'SIGKILL',
        maxBuffer: 512 * 1024 * 1024,
      },
      (error, stdout, stderr) =>
        resolve({
          code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1,
          stdout,
          stderr: child.killed ? `${stderr}\n(killed after its time limit)` : stderr,
        }),
    )
    child.stdin?.on('error', () => {})
    child.stdin?.end(options.input ?? '')
  })
}

/** Runs a program and throws, with what it printed, unless it ends with 0. */
export async function mustRun(...args: Parameters<typeof runProgram>): Promise<string> {
  const { code, stdout, stderr } = await runProgram(...args)
  if (code !== 0) {
    throw new Error(`${args[0]} ${args[1].join(' ')} ended with ${code}\n${stdout}\n${stderr}`)
  }
  return stdout
}

/** A program that goes on; killed when disposed. */
export class Running implements AsyncDisposable {
  readonly child: ChildProcess
  stdout = ''
  stderr = ''

  constructor(program: string, args: readonly string[], options: SpawnOptions = {}) {
    this.child = spawn(program, [...args], { stdio: ['pipe', 'pipe', 'pipe'], ...options })
    this.child.stdout?.on('data', (chunk: Buffer) => {
      this.stdout += chunk.toString('utf8')
    })
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString('utf8')
    })
    this.child.stdin?.on('error', () => {})
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error('the program did not start')
    return this.child.pid
  }

  /** Resolves once `holds` is true of what was printed; throws with the output when the program ends first. */
  async until(holds: (running: this) => boolean, timeoutMs = 30_000): Promise<void> {
    const deadline = Date.now() + timeoutMs
    while (!holds(this)) {
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        throw new Error(`the program ended early\n${this.stdout}\n${this.stderr}`)
      }
      if (Date.now() > deadline) throw new Error(`timed out\n${this.stdout}\n${this.stderr}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  /** Resolves when it has ended by itself. */
  async ended(): Promise<void> {
    const { child } = this
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }

  /** Sends a signal and resolves to the exit code, or to the signal's name when it died of one. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | NodeJS.Signals> {
    const { child } = this
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit')
      child.kill(signal)
      await ended
    }
    return child.exitCode ?? child.signalCode ?? 'SIGKILL'
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGKILL')
  }
}
