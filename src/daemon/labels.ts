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
 * leaves the last good value. Until it has given one the label is unknown, and what a configuration says for the same
 * name does not count: roles must take an unknown label for any, or a failed command would open what they forbid.
 */
export class ClusterLabels implements Disposable {
  readonly #timers: NodeJS.Timeout[] = []
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

  /** Runs each command once before it resolves, so that nobody is judged by labels that are not there yet. */
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
    await Promise.all(options.commands.map((command) => labels.#run(command)))
    for (const command of options.commands) {
      labels.#timers.push(setInterval(() => void labels.#run(command), command.periodMs))
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

  [Symbol.dispose](): void {
    for (const timer of this.#timers) clearInterval(timer)
  }

  async #run({ name, command, periodMs }: LabelCommand): Promise<void> {
    const [program = '', ...args] = command
    try {
      const value = await output(program, args, Math.min(periodMs, MAX_COMMAND_MS))
      if (Object.hasOwn(this.#labels, name) && this.#labels[name] === value) return
      this.#unknown = this.#unknown.filter((one) => one !== name)
      this.#labels = { ...this.#labels, [name]: value }
      this.#onChange()
    } catch (error) {
      this.#log.warn(
        { label: name, error: errorMessage(error) },
        this.#unknown.includes(name)
          ? 'label command failed: until it succeeds, roles that deny by this label deny, and none allows by it'
          : 'label command failed: the label keeps its last value',
      )
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
