import { ByteQueue } from './byte-queue.ts'
import { type FileSystem, resolvePath } from './file-system.ts'
import {
  type Pipeline,
  parseScript,
  type SimpleCommand,
  SyntaxProblem,
  type Word,
} from './parse-script.ts'
import { type ProgramIo, programs } from './programs.ts'

/** The streams of a session. */
export interface ShellIo {
  readonly stdin: ByteQueue
  /** Resolves when the reader has room. */
  readonly out: (data: Buffer) => Promise<void>
  readonly err: (data: Buffer) => Promise<void>
  /** Aborts when the session ends. */
  readonly signal: AbortSignal
}

export interface ShellEnv {
  readonly hostname: string
  readonly variables: Readonly<Record<string, string>>
  readonly files: FileSystem
  readonly nowMs: () => number
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
}

const SHELLS: ReadonlySet<string> = new Set(['sh', 'bash', 'ash'])
/** What the shell does itself. */
const BUILTINS: ReadonlySet<string> = new Set(['exit', 'cd', 'export', 'exec', 'command'])

/** The program that a command names, without the directory that it may be written with. */
const programName = (word: string): string => word.replace(/^\/(?:usr\/)?(?:local\/)?s?bin\//, '')

/** Whether the demo can run it. */
export const isKnownProgram = (word: string): boolean => {
  const name = programName(word)
  return SHELLS.has(name) || Object.hasOwn(programs, name)
}

/** Leaves the shell from wherever it is. */
class Exit extends Error {
  override readonly name = 'Exit'
  readonly status: number
  constructor(status: number) {
    super(`exit ${status}`)
    this.status = status
  }
}

/** A small interpreter: no process is started, no file of this machine is opened, whatever is typed. */
export class Shell {
  readonly #env: ShellEnv
  readonly #io: ShellIo
  readonly #variables: Map<string, string>
  #cwd = '/'
  #status = 0
  #interrupt: AbortController | null = null
  /** Of the session, when it has one: a shell in this shell asks there too. */
  #prompt: Prompt | null = null

  constructor(env: ShellEnv, io: ShellIo) {
    this.#env = env
    this.#io = io
    this.#variables = new Map(Object.entries(env.variables))
  }

  /** Runs a command as exec gives it. Gives its exit code. */
  async exec(argv: readonly string[], prompt: Prompt | null): Promise<number> {
    this.#prompt = prompt
    try {
      const [word = '', ...args] = argv
      return SHELLS.has(programName(word))
        ? await this.#shell(args)
        : await this.#simple(argv, this.#io.stdin, this.#io.out)
    } catch (thrown) {
      if (thrown instanceof Exit) return thrown.status
      throw thrown
    }
  }

  /** Ctrl-C: ends what runs. False: nothing does. */
  interrupt(): boolean {
    const running = this.#interrupt
    running?.abort()
    return running !== null
  }

  /** `sh -c TEXT`, or lines of the input, with a prompt when there is a terminal. */
  async #shell(args: readonly string[]): Promise<number> {
    const at = args.findIndex((arg) => /^-[a-z]*c$/.test(arg))
    if (at !== -1) return this.#script(args[at + 1] ?? '')
    const file = args.find((arg) => !arg.startsWith('-'))
    if (file !== undefined) {
      const data = this.#env.files.read(resolvePath(this.#cwd, file))
      if (data === null) return this.#fail(`sh: can't open '${file}'`, 2)
      return this.#script(data.toString('utf8'))
    }
    const reader = new LineReader(this.#io.stdin, this.#io.signal)
    let text = ''
    for (;;) {
      await this.#prompt?.show(text === '' ? this.#promptText() : '> ')
      const line = await reader.next()
      if (line === null) return this.#status
      text += line
      if (parsed(text) === 'open') continue
      await this.#script(text)
      text = ''
    }
  }

  #promptText(): string {
    return `demo@${this.#env.hostname}:${this.#cwd}$ `
  }

  async #script(text: string): Promise<number> {
    const steps = parsed(text)
    if (steps === 'open') return this.#fail('sh: syntax error: unterminated quoted string', 2)
    if (typeof steps === 'string') return this.#fail(`sh: ${steps}`, 2)
    for (const { when, pipeline } of steps) {
      if (this.#io.signal.aborted) return 130
      if (when === 'success' && this.#status !== 0) continue
      if (when === 'failure' && this.#status === 0) continue
      this.#status = await this.#pipeline(pipeline)
    }
    return this.#status
  }

  /** One after the other: what the first wrote is there when the second begins, up to a limit. */
  async #pipeline(pipeline: Pipeline): Promise<number> {
    let input = this.#io.stdin
    let status = 0
    for (const [index, command] of pipeline.entries()) {
      if (index === pipeline.length - 1) {
        status = await this.#command(command, input, this.#io.out)
        continue
      }
      const kept = new Kept()
      status = await this.#command(command, input, kept.write)
      input = kept.queue()
    }
    return status
  }

  async #command(
    command: SimpleCommand,
    stdin: ByteQueue,
    out: (data: Buffer) => Promise<void>,
  ): Promise<number> {
    const argv = command.words.flatMap((word) => this.#expand(word))
    let input = stdin
    if (command.input !== null) {
      const name = this.#expand(command.input).join(' ')
      const data = this.#env.files.read(resolvePath(this.#cwd, name))
      if (data === null) return this.#fail(`sh: can't open ${name}: no such file`, 1)
      input = new ByteQueue()
      input.push(data)
      input.end()
    }
    const errors =
      command.errors === 'output' ? out : command.errors === 'nowhere' ? nowhere : this.#io.err
    const written = command.toErrors ? this.#io.err : out
    if (command.output === null) return this.#simple(argv, input, written, errors)
    const name = this.#expand(command.output.word).join(' ')
    const path = resolvePath(this.#cwd, name)
    const first = this.#env.files.write(path, Buffer.alloc(0), command.output.append)
    if (first !== null) return this.#fail(`sh: can't create ${name}: ${first}`, 1)
    if (argv.length === 0) return 0
    const kept = new Kept()
    const status = await this.#simple(argv, input, kept.write, errors)
    const problem = this.#env.files.write(path, kept.bytes(), true)
    return problem === null ? status : this.#fail(`sh: ${name}: ${problem}`, 1)
  }

  /** One program, or what changes the shell itself. */
  async #simple(
    argv: readonly string[],
    stdin: ByteQueue,
    out: (data: Buffer) => Promise<void>,
    errors: (data: Buffer) => Promise<void> = this.#io.err,
  ): Promise<number> {
    const assigned = /^([A-Za-z_]\w*)=(.*)$/s.exec(argv[0] ?? '')
    if (assigned !== null && argv.length === 1) {
      this.#variables.set(assigned[1] ?? '', assigned[2] ?? '')
      return 0
    }
    const [word = '', ...args] = argv
    const name = programName(word)
    switch (name) {
      case '':
        return this.#status
      case 'exit':
        throw new Exit(args[0] === undefined ? this.#status : Number.parseInt(args[0], 10) & 0xff)
      case 'cd':
        return this.#changeDirectory(args[0] ?? '/root')
      case 'export':
        return this.#export(args)
      case 'exec':
        if (args.length === 0) return 0
        throw new Exit(await this.#simple(args, stdin, out, errors))
      case 'command':
        return this.#commandBuiltin(args, stdin, out, errors)
      default:
    }
    if (SHELLS.has(name)) return this.#inner(args, stdin, out, errors)
    const program = Object.hasOwn(programs, name) ? programs[name] : undefined
    const say = (text: string): Promise<void> => errors(Buffer.from(text, 'utf8'))
    if (program === undefined) {
      await say(`sh: ${word}: not found (this is a demo: try "help")\n`)
      return 127
    }
    this.#interrupt = new AbortController()
    const io: ProgramIo = {
      args,
      stdin,
      out: (data) => out(typeof data === 'string' ? Buffer.from(data, 'utf8') : data),
      err: say,
      env: this.#variables,
      files: this.#env.files,
      cwd: this.#cwd,
      hostname: this.#env.hostname,
      nowMs: this.#env.nowMs,
      sleep: this.#env.sleep,
      signal: AbortSignal.any([this.#io.signal, this.#interrupt.signal]),
    }
    try {
      return await program(io)
    } finally {
      this.#interrupt = null
    }
  }

  /** `command -v NAME` tells whether there is such a program: how scripts choose a shell. */
  async #commandBuiltin(
    args: readonly string[],
    stdin: ByteQueue,
    out: (data: Buffer) => Promise<void>,
    errors: (data: Buffer) => Promise<void>,
  ): Promise<number> {
    if (args[0] !== '-v' && args[0] !== '-V') return this.#simple(args, stdin, out, errors)
    const name = args[1] ?? ''
    if (!isKnownProgram(name) && !BUILTINS.has(name)) return 127
    const place = BUILTINS.has(name) || name.startsWith('/') ? '' : '/bin/'
    await out(Buffer.from(`${place}${name}\n`, 'utf8'))
    return 0
  }

  /** A shell in the shell: its variables and its place are its own. */
  async #inner(
    args: readonly string[],
    stdin: ByteQueue,
    out: (data: Buffer) => Promise<void>,
    err: (data: Buffer) => Promise<void>,
  ): Promise<number> {
    const variables = Object.fromEntries(this.#variables)
    const inner = new Shell({ ...this.#env, variables }, { ...this.#io, stdin, out, err })
    inner.#cwd = this.#cwd
    // One that reads what the session reads talks to whoever types.
    const asks = stdin === this.#io.stdin && out === this.#io.out
    return inner.exec(['sh', ...args], asks ? this.#prompt : null)
  }

  #changeDirectory(to: string): number | Promise<number> {
    const path = resolvePath(this.#cwd, to)
    if (!this.#env.files.isDirectory(path)) {
      return this.#fail(`sh: cd: can't cd to ${to}: No such file or directory`, 1)
    }
    this.#cwd = path
    return 0
  }

  #export(args: readonly string[]): number {
    for (const arg of args) {
      const [, name, value] = /^([A-Za-z_]\w*)=(.*)$/s.exec(arg) ?? []
      if (name !== undefined) this.#variables.set(name, value ?? '')
    }
    return 0
  }

  async #fail(words: string, status: number): Promise<number> {
    await this.#io.err(Buffer.from(`${words}\n`, 'utf8'))
    this.#status = status
    return status
  }

  /** A word's values: what is not quoted splits at blanks, and is gone when it is empty. */
  #expand(word: Word): string[] {
    let current = ''
    let isWord = false
    const words: string[] = []
    for (const piece of word) {
      if (piece.kind === 'text') {
        current += piece.text
        isWord = true
        continue
      }
      const value =
        piece.name === '?' ? String(this.#status) : (this.#variables.get(piece.name) ?? '')
      if (piece.quoted) {
        current += value
        continue
      }
      const parts = value.split(/[ \t\n]+/)
      for (const [index, part] of parts.entries()) {
        if (index > 0 && (isWord || current !== '')) {
          words.push(current)
          current = ''
          isWord = false
        }
        current += part
      }
    }
    return isWord || current !== '' ? [...words, current] : words
  }
}

/** A terminal that can be asked for a line. */
export interface Prompt {
  show(text: string): Promise<void>
}

function parsed(text: string): ReturnType<typeof parseScript> | string {
  try {
    return parseScript(text)
  } catch (error) {
    if (error instanceof SyntaxProblem) return error.message
    throw error
  }
}

const nowhere = async (): Promise<void> => {}

/** What a command wrote for another one, or for a file. */
class Kept {
  readonly #chunks: Buffer[] = []
  #bytes = 0

  readonly write = async (data: Buffer): Promise<void> => {
    if (this.#bytes > MAX_KEPT_BYTES) return
    this.#chunks.push(data)
    this.#bytes += data.length
  }

  bytes(): Buffer {
    return Buffer.concat(this.#chunks)
  }

  queue(): ByteQueue {
    const queue = new ByteQueue()
    queue.push(this.bytes())
    queue.end()
    return queue
  }
}

const MAX_KEPT_BYTES = 1024 * 1024
const MAX_LINE_BYTES = 64 * 1024

/** Lines of the input, with their line breaks; what follows a line stays for the commands in it. */
class LineReader {
  readonly #input: ByteQueue
  readonly #signal: AbortSignal

  constructor(input: ByteQueue, signal: AbortSignal) {
    this.#input = input
    this.#signal = signal
  }

  async next(): Promise<string | null> {
    const chunks: Buffer[] = []
    let bytes = 0
    for (;;) {
      const chunk = await this.#input.read(this.#signal)
      if (chunk === null) return chunks.length === 0 ? null : Buffer.concat(chunks).toString('utf8')
      const end = chunk.indexOf(0x0a)
      if (end === -1) {
        chunks.push(chunk)
        bytes += chunk.length
        if (bytes > MAX_LINE_BYTES) return null
        continue
      }
      this.#input.unread(chunk.subarray(end + 1))
      chunks.push(chunk.subarray(0, end + 1))
      return Buffer.concat(chunks).toString('utf8')
    }
  }
}
