import { execFile } from 'node:child_process'
import { errorMessage, type Logger } from '../core/index.ts'

export interface LabelCommand {
  readonly name: string
  readonly command: readonly string[]
  readonly periodMs: number
}

/** A label's value that is longer is cut: labels go into events and lists. */
const MAX_VALUE_CHARS = 1024
/** A command that takes longer than its period would overlap itself; this bounds it besides. */
const MAX_COMMAND_MS = 60_000

/**
 * Static labels and those that commands give, as one object, replaced when a value changes. A command that fails
 * leaves the last good value, or none: the label is then missing, and a selector that needs it does not match.
 */
export class ClusterLabels implements Disposable {
  readonly #timers: NodeJS.Timeout[] = []
  readonly #log: Logger
  readonly #onChange: () => void
  #labels: Readonly<Record<string, string>>

  private constructor(fixed: Readonly<Record<string, string>>, log: Logger, onChange: () => void) {
    this.#labels = fixed
    this.#log = log
    this.#onChange = onChange
  }

  /** Runs each command once before it resolves, so that nobody is judged by labels that are not there yet. */
  static async open(options: {
    readonly labels: Readonly<Record<string, string>>
    readonly commands: readonly LabelCommand[]
    readonly log: Logger
    readonly onChange: () => void
  }): Promise<ClusterLabels> {
    const labels = new ClusterLabels(options.labels, options.log, options.onChange)
    await Promise.all(options.commands.map((command) => labels.#run(command)))
    for (const command of options.commands) {
      labels.#timers.push(setInterval(() => void labels.#run(command), command.periodMs))
    }
    return labels
  }

  current(): Readonly<Record<string, string>> {
    return this.#labels
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers) clearInterval(timer)
  }

  async #run({ name, command, periodMs }: LabelCommand): Promise<void> {
    const [program = '', ...args] = command
    try {
      const value = await output(program, args, Math.min(periodMs, MAX_COMMAND_MS))
      if (this.#labels[name] === value) return
      this.#labels = { ...this.#labels, [name]: value }
      this.#onChange()
    } catch (error) {
      this.#log.warn({ label: name, error: errorMessage(error) }, 'label command failed')
    }
  }
}

/** The first line of what a program prints. No shell in between. */
function output(program: string, args: readonly string[], timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(
      program,
      [...args],
      { timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: 64 * 1024, windowsHide: true },
      (error, stdout) => {
        if (error !== null) reject(new Error(error.message, { cause: error }))
        else resolve((stdout.split('\n')[0] ?? '').trim().slice(0, MAX_VALUE_CHARS))
      },
    )
  })
}
