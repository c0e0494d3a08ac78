import type { ByteQueue } from './byte-queue.ts'
import { type FileSystem, resolvePath } from './file-system.ts'

/** What a program of the demo shell may touch: nothing outside of this. */
export interface ProgramIo {
  readonly args: readonly string[]
  readonly stdin: Pick<ByteQueue, 'read'>
  readonly out: (text: string | Buffer) => Promise<void>
  readonly err: (text: string) => Promise<void>
  readonly env: Map<string, string>
  readonly files: FileSystem
  readonly cwd: string
  readonly hostname: string
  readonly nowMs: () => number
  /** Resolves after so long, or when the signal aborts. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
  readonly signal: AbortSignal
}

export type Program = (io: ProgramIo) => Promise<number>

export const HELP = `This is the shell of a demo cluster: an interpreter in memory, no process, no machine.

  cat [FILE…]        what files, or the input, say        ls [-l] [DIR]    names
  echo, printf       write words                          head, tail, wc   parts and counts of lines
  env, export A=B    variables; $A and $? in words        seq N, sleep N   count, wait
  cd, pwd            where you are                        mkdir, rm, touch files that last until you leave
  id, whoami, hostname, uname, date, true, false, test, tty, help, exit [N]

Joined by  ;  &&  ||  |  <  >  >>  2>&1 , with 'quotes' and "quotes".
`

/** Every program by its name. `cd`, `export`, `exit` and `sh` change the shell itself and are its own. */
export const programs: Readonly<Record<string, Program>> = {
  true: async () => 0,
  ':': async () => 0,
  false: async () => 1,
  help: ({ out }) => done(out(HELP)),
  echo,
  printf,
  cat,
  ls,
  env: ({ env, out }) => done(out([...env].map(([key, value]) => `${key}=${value}\n`).join(''))),
  printenv: ({ env, args, out }) => done(out(`${env.get(args[0] ?? '') ?? ''}\n`)),
  pwd: ({ cwd, out }) => done(out(`${cwd}\n`)),
  hostname: ({ hostname, out }) => done(out(`${hostname}\n`)),
  whoami: ({ out }) => done(out('demo\n')),
  id: ({ out }) => done(out('uid=1000(demo) gid=1000(demo) groups=1000(demo)\n')),
  tty: ({ env, out }) => done(out(env.get('TERM') === undefined ? 'not a tty\n' : '/dev/pts/0\n')),
  uname: ({ args, out }) =>
    done(out(args.includes('-a') ? 'Demo demo none in-memory demo\n' : 'Demo\n')),
  date: ({ nowMs, args, out }) => {
    const now = new Date(nowMs())
    return done(
      out(args[0] === '+%s' ? `${Math.floor(now.getTime() / 1000)}\n` : `${now.toUTCString()}\n`),
    )
  },
  sleep: sleepFor,
  seq,
  head: (io) => lines(io, (all, count) => all.slice(0, count)),
  tail: (io) => lines(io, (all, count) => all.slice(Math.max(0, all.length - count))),
  wc,
  test: (io) => test(io, io.args),
  '[': (io) => test(io, io.args.slice(0, -1)),
  mkdir: (io) => eachPath(io, (path) => io.files.makeDirectory(path)),
  touch: (io) => eachPath(io, (path) => io.files.write(path, Buffer.alloc(0), true)),
  rm: (io) => eachPath(io, (path) => (io.files.remove(path) ? null : 'No such file or directory')),
}

async function done(written: Promise<void>): Promise<number> {
  await written
  return 0
}

function echo({ args, out }: ProgramIo): Promise<number> {
  let from = 0
  let line = true
  let escapes = false
  while (/^-[ne]+$/.test(args[from] ?? '')) {
    if (args[from]?.includes('n')) line = false
    if (args[from]?.includes('e')) escapes = true
    from += 1
  }
  const text = args.slice(from).join(' ')
  return done(out(`${escapes ? unescaped(text) : text}${line ? '\n' : ''}`))
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  '\\': '\\',
  '0': '\0',
}
const unescaped = (text: string): string =>
  text.replace(/\\([ntr\\0])/g, (_all, letter: string) => ESCAPES[letter] ?? '')

function printf({ args, out }: ProgramIo): Promise<number> {
  const [format = '', ...values] = args
  let next = 0
  return done(
    out(
      unescaped(format).replace(/%([sd%])/g, (_all, kind: string) => {
        if (kind === '%') return '%'
        const value = values[next] ?? ''
        next += 1
        return kind === 'd' ? String(Number.parseInt(value, 10) || 0) : value
      }),
    ),
  )
}

/** Files, or the input when there are none: as it comes, however much. */
async function cat(io: ProgramIo): Promise<number> {
  if (io.args.length === 0) {
    for (;;) {
      const chunk = await io.stdin.read(io.signal)
      if (chunk === null) return io.signal.aborted ? 130 : 0
      await io.out(chunk)
    }
  }
  let status = 0
  for (const name of io.args) {
    const path = resolvePath(io.cwd, name)
    const data = io.files.read(path)
    if (data === null) {
      const why = io.files.isDirectory(path) ? 'Is a directory' : 'No such file or directory'
      await io.err(`cat: ${name}: ${why}\n`)
      status = 1
    } else await io.out(data)
  }
  return status
}

async function ls(io: ProgramIo): Promise<number> {
  const long = io.args.some((arg) => /^-[a-z]*l/.test(arg))
  const [name = '.'] = io.args.filter((arg) => !arg.startsWith('-'))
  const path = resolvePath(io.cwd, name)
  const names = io.files.list(path) ?? (io.files.read(path) === null ? null : [name])
  if (names === null) {
    await io.err(`ls: ${name}: No such file or directory\n`)
    return 1
  }
  const line = (entry: string): string => {
    if (!long) return entry
    const full = resolvePath(path, entry)
    const directory = io.files.isDirectory(full)
    const size = String(io.files.read(full)?.length ?? 0).padStart(8)
    return `${directory ? 'drwxr-xr-x' : '-rw-r--r--'} demo demo ${size} ${entry}`
  }
  await io.out(names.map((entry) => `${line(entry)}\n`).join(''))
  return 0
}

async function sleepFor({ args, err, sleep, signal }: ProgramIo): Promise<number> {
  const seconds = args[0] === 'infinity' ? MAX_SLEEP_SECONDS : Number(args[0] ?? Number.NaN)
  if (!(seconds >= 0)) {
    await err(`sleep: invalid time interval '${args[0] ?? ''}'\n`)
    return 1
  }
  await sleep(Math.min(seconds, MAX_SLEEP_SECONDS) * 1000, signal)
  return signal.aborted ? 130 : 0
}

/** A day, which no session outlives, and which a timer can count. */
const MAX_SLEEP_SECONDS = 86_400

const MAX_COUNT = 1_000_000
/** Written in pieces, so that whoever does not read is waited for. */
const SEQ_PIECE = 1000

async function seq({ args, out, err, signal }: ProgramIo): Promise<number> {
  const [a = Number.NaN, b] = args.map(Number)
  const first = b === undefined ? 1 : a
  const last = b ?? a
  if (!Number.isInteger(first) || !Number.isInteger(last) || last - first > MAX_COUNT) {
    await err('seq: needs one or two whole numbers that are not too far apart\n')
    return 1
  }
  for (let at = first; at <= last && !signal.aborted; at += SEQ_PIECE) {
    const count = Math.min(SEQ_PIECE, last - at + 1)
    await out(Array.from({ length: count }, (_item, index) => `${at + index}\n`).join(''))
  }
  return 0
}

const MAX_READ_BYTES = 1024 * 1024

/** Everything of the input, up to a megabyte. */
async function readAll({ stdin, signal }: ProgramIo): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for (;;) {
    const chunk = await stdin.read(signal)
    if (chunk === null || bytes > MAX_READ_BYTES) return Buffer.concat(chunks)
    chunks.push(chunk)
    bytes += chunk.length
  }
}

async function lines(
  io: ProgramIo,
  pick: (all: readonly string[], count: number) => readonly string[],
): Promise<number> {
  const at = io.args.indexOf('-n')
  const short = io.args.find((arg) => /^-\d+$/.test(arg))
  const count = at === -1 ? Number(short?.slice(1) ?? 10) : Number(io.args[at + 1])
  const [name] = io.args.filter(
    (arg, index) => !arg.startsWith('-') && !(at !== -1 && index === at + 1),
  )
  const data = name === undefined ? await readAll(io) : io.files.read(resolvePath(io.cwd, name))
  if (data === null) {
    await io.err(`${name}: No such file or directory\n`)
    return 1
  }
  const all = data.toString('utf8').split('\n')
  if (all.at(-1) === '') all.pop()
  await io.out(
    pick(all, count)
      .map((line) => `${line}\n`)
      .join(''),
  )
  return 0
}

/** Counts what it reads and keeps nothing of it. */
async function wc(io: ProgramIo): Promise<number> {
  let bytes = 0
  let breaks = 0
  for (;;) {
    const chunk = await io.stdin.read(io.signal)
    if (chunk === null) break
    bytes += chunk.length
    for (const byte of chunk) if (byte === 0x0a) breaks += 1
  }
  const parts = [
    ...(io.args.includes('-c') ? [] : [breaks]),
    ...(io.args.includes('-l') ? [] : [bytes]),
  ]
  await io.out(`${parts.join(' ')}\n`)
  return 0
}

async function test(io: ProgramIo, args: readonly string[]): Promise<number> {
  const [a = '', b = '', c = ''] = args
  const path = (name: string): string => resolvePath(io.cwd, name)
  const holds =
    args.length === 1
      ? a !== ''
      : args.length === 2
        ? ({
            '-n': b !== '',
            '-z': b === '',
            '-f': io.files.read(path(b)) !== null,
            '-d': io.files.isDirectory(path(b)),
            '-e': io.files.read(path(b)) !== null || io.files.isDirectory(path(b)),
          }[a] ?? false)
        : ({ '=': a === c, '!=': a !== c, '-eq': Number(a) === Number(c) }[b] ?? false)
  return holds ? 0 : 1
}

async function eachPath(io: ProgramIo, change: (path: string) => string | null): Promise<number> {
  let status = 0
  for (const name of io.args.filter((arg) => !arg.startsWith('-'))) {
    const problem = change(resolvePath(io.cwd, name))
    if (problem === null) continue
    await io.err(`${name}: ${problem}\n`)
    status = 1
  }
  return status
}
