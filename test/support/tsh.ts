import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../../src/cli/run.ts'
import { complete } from '../../src/cli/tsh/completion/complete.ts'
import { buildTsh } from '../../src/cli/tsh/program.ts'
import type { Prompts } from '../../src/cli/tsh/prompts.ts'
import type { TshWorld } from '../../src/cli/tsh/world.ts'
import { FakeIo } from './fake-io.ts'

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
  /** What was asked, in order. */
  readonly asked: readonly string[]
}

export interface RunningTsh {
  readonly io: FakeIo
  readonly ended: Promise<number>
  /** Sends ctrl-c, and resolves to the exit code. */
  stop(): Promise<number>
}

/** A person with a home of his own, who types `tsh` commands; commands run in this process. */
export class Person implements AsyncDisposable {
  readonly home: string
  /** Milliseconds that this person's clock is ahead. */
  clockOffsetMs = 0
  env: Record<string, string> = {}
  platform: NodeJS.Platform = 'linux'

  private constructor(home: string) {
    this.home = home
  }

  static async arrive(): Promise<Person> {
    return new Person(await mkdtemp(join(tmpdir(), 'tsh-')))
  }

  /** Where nobody answers. */
  tsh(...argv: readonly string[]): Promise<Ran> {
    return this.#run(argv, null, '')
  }

  /** With `stdin`, and nobody at a terminal. */
  tshReading(stdin: string, ...argv: readonly string[]): Promise<Ran> {
    return this.#run(argv, null, stdin)
  }

  /** At a terminal; each question gets the next answer. */
  tshAnswering(answers: readonly string[], ...argv: readonly string[]): Promise<Ran> {
    return this.#run(argv, answers, '')
  }

  /** At a terminal that a command takes over. */
  tshAt(io: FakeIo, ...argv: readonly string[]): Promise<number> {
    return run(() => buildTsh(io, this.#world(io, null)), argv, io)
  }

  /** A command that goes on until ctrl-c. */
  tshUntilStopped(...argv: readonly string[]): RunningTsh {
    const io = new FakeIo({ env: this.env })
    const ended = run(() => buildTsh(io, this.#world(io, null)), argv, io)
    return {
      io,
      ended,
      stop() {
        io.interrupt()
        return ended
      },
    }
  }

  /** What a shell is offered at a tab behind these words. */
  async tab(...words: readonly string[]): Promise<string> {
    const io = new FakeIo({ env: this.env })
    await complete(this.#world(io, null), words)
    return io.out
  }

  get kubeconfigPath(): string {
    return join(this.home, '.kube', 'config')
  }

  kubeconfig(): Promise<string> {
    return readFile(this.kubeconfigPath, 'utf8')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.home, { recursive: true, force: true })
  }

  async #run(
    argv: readonly string[],
    answers: readonly string[] | null,
    stdin: string,
  ): Promise<Ran> {
    const io = new FakeIo({ env: this.env, stdin })
    const world = this.#world(io, answers)
    const code = await run(() => buildTsh(io, world), argv, io)
    return { code, out: io.out, err: io.err, asked: world.asked }
  }

  #world(
    io: FakeIo,
    answers: readonly string[] | null,
  ): TshWorld & { readonly asked: readonly string[] } {
    const asked: string[] = []
    const left = [...(answers ?? [])]
    const answer = async (question: string): Promise<string> => {
      asked.push(question)
      const next = left.shift()
      if (next === undefined) throw new Error(`nobody expected to be asked: ${question}`)
      return next
    }
    const prompts: Prompts | null = answers === null ? null : { ask: answer, secret: answer }
    return {
      io,
      now: () => Date.now() + this.clockOffsetMs,
      prompts,
      userHome: this.home,
      platform: this.platform,
      launcher: ['/opt/teleport/bin/tsh'],
      interruptCaller: () => {},
      asked,
    }
  }
}
