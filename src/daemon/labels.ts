import { isUtf8 } from 'node:buffer'
import { spawn } from 'node:child_process'
import { errorMessage, hasUnsafe, type Logger } from '../core/index.ts'
import { pause } from '../waits/index.ts'

export interface LabelCommand {
  readonly name: string
  readonly command: readonly string[]
  readonly periodMs: number
}

/** A label's value that is longer is cut: labels go into events and lists. */
const MAX_VALUE_CHARS = 1024
/** A command that takes longer than its period would overlap itself; this bounds it besides. */
const MAX_COMMAND_MS = 60_000
/** Node's timers last no longer than 24.8 days, and one that is to last longer goes off a thousand times a second. */
const MAX_PERIOD_MS = 24 * 24 * 60 * 60_000
/** A label is a word or two. */
const MAX_OUTPUT_BYTES = 64 * 1024
/** How long a start waits for first values: until one is there its label is unknown, and nobody is let in by it. */
const FIRST_VALUES_MS = 5000

/**
 * Static labels and those that commands give, as one object, replaced when a value changes. A command that fails
 * leaves the last good value. Until it has given one the label is unknown, and what a configuration says for the same
 * name does not count: roles must take an unknown label for any, or a failed command would open what they forbid.
 */
export class ClusterLabels implements Disposable {
  readonly #timers: NodeJS.Timeout[] = []
  readonly #stop = new AbortController()
  readonly #log: Logger
  readonly #onChange: () => void
  #labels: Readonly<Record<string, string>>
  #unknown: readonly string[]

  private constructor(
    labels: Readonly<Record<string, string>>,
    unknown: readonly string[],
    log: Logger,
    onChange: () => void,
  ) {
    this.#labels = labels
    this.#unknown = unknown
    this.#log = log
    this.#onChange = onChange
  }

  /** Runs each command once, and resolves when all have ended, or after FIRST_VALUES_MS: one that hangs keeps nobody from being served. */
  static async open(options: {
    readonly labels: Readonly<Record<string, string>>
    readonly commands: readonly LabelCommand[]
    readonly log: Logger
    readonly onChange: () => void
  }): Promise<ClusterLabels> {
    const unknown = options.commands.map(({ name }) => name)
    const fixed = Object.entries(options.labels).filter(([name]) => !unknown.includes(name))
    const labels = new ClusterLabels(
      Object.fromEntries(fixed),
      unknown,
      options.log,
      options.onChange,
    )
    const waited = new AbortController()
    const first = Promise.all(options.commands.map((command) => labels.#run(command)))
    await Promise.race([first, pause(FIRST_VALUES_MS, waited.signal)])
    waited.abort()
    for (const command of options.commands) {
      const everyMs = Math.min(command.periodMs, MAX_PERIOD_MS)
      labels.#timers.push(setInterval(() => void labels.#run(command), everyMs))
    }
    return labels
  }

  current(): Readonly<Record<string, string>> {
    return this.#labels
  }

  /** Names of labels whose command has not succeeded yet. */
  unknown(): readonly string[] {
    return this.#unknown
  }

  /** Commands that are underway are ended: the process would wait for them. */
  [Symbol.dispose](): void {
    for (const timer of this.#timers) clearInterval(timer)
    this.#stop.abort()
  }

  async #run({ name, command, periodMs }: LabelCommand): Promise<void> {
    const { signal } = this.#stop
    try {
      const value = await output(command, Math.min(periodMs, MAX_COMMAND_MS), signal)
      if (signal.aborted) return
      if (Object.hasOwn(this.#labels, name) && this.#labels[name] === value) return
      this.#unknown = this.#unknown.filter((one) => one !== name)
      this.#labels = { ...this.#labels, [name]: value }
      this.#onChange()
    } catch (error) {
      if (signal.aborted) return
      this.#log.warn(
        { label: name, error: errorMessage(error) },
        this.#unknown.includes(name)
          ? 'label command failed: until it succeeds, roles that deny by this label deny, and none allows by it'
          : 'label command failed: the label keeps its last value',
      )
    }
  }
}

/** The first line of what a program prints; rejects for one that is empty or no text. No shell in between. */
function output(
  [program = '', ...args]: readonly string[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<string> {
  return new Promise((resolve, reject) => {
    // A group of its own, so that what it has started ends with it: else it would keep our pipe open.
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
      windowsHide: true,
    })
    const chunks: Buffer[] = []
    let bytes = 0
    const give = (settle: () => void): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onStop)
      child.stdout.destroy()
      settle()
    }
    const stop = (why: string): void => {
      killGroup(child.pid)
      give(() => reject(new Error(why)))
    }
    const onStop = (): void => stop('the service stops')
    signal.addEventListener('abort', onStop)
    const timer = setTimeout(() => stop(`no answer within ${timeoutMs} ms`), timeoutMs)
    child.stdout.on('error', () => {})
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > MAX_OUTPUT_BYTES) stop(`more than ${MAX_OUTPUT_BYTES} bytes`)
      else chunks.push(chunk)
    })
    child.on('error', (error) => give(() => reject(error)))
    child.on('close', (code, signal) => {
      if (code !== 0) {
        give(() => reject(new Error(`it ended with ${code ?? signal ?? 'nothing'}`)))
        return
      }
      const value = labelValue(Buffer.concat(chunks))
      give(() =>
        value === null ? reject(new Error('what it printed is no label')) : resolve(value),
      )
    })
  })
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has just ended by itself, or is another user's by now (sudo): then it is left, and nobody waits for it.
  }
}

/** Null for what is empty, no UTF-8, or would do something to a terminal. */
function labelValue(printed: Buffer): string | null {
  if (!isUtf8(printed)) return null
  const value = (printed.toString('utf8').split('\n')[0] ?? '').trim()
  return value === '' || hasUnsafe(value) ? null : value.slice(0, MAX_VALUE_CHARS)
}
