import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import type { Load, Measured } from './generator.ts'

export const root: string = join(import.meta.dirname, '..')

/** Seconds of processor time that a process and its threads have used. */
export function cpuSeconds(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  // utime and stime, in ticks of 10 ms (sysconf(_SC_CLK_TCK) is 100 on Linux).
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** Resident memory in KB. */
export function residentKb(pid: number): number {
  const match = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(match?.[1])
}

/** Runs a program pinned to a processor; killed when the stack is disposed. */
export function pinned(
  stack: AsyncDisposableStack,
  cpu: string,
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ChildProcess {
  const child = spawn('taskset', ['-c', cpu, program, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...env },
  })
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-4000)
  })
  child.once('exit', (code) => {
    if (code !== null && code !== 0)
      process.stderr.write(`${program} ended with ${code}\n${errors}\n`)
  })
  stack.defer(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
  })
  return child
}

export interface Row {
  readonly measured: Measured
  /** Requests for each second of processor time of the measured processes; null when none was named. */
  readonly perCore: number | null
}

/** Puts load on something from the other processor, and reads what the measured processes spent meanwhile. */
export async function generate(load: Load, measuredPids: readonly number[]): Promise<Row> {
  const before = { at: 0, cpu: 0 }
  const generator = run('taskset', [
    '-c',
    '1',
    process.execPath,
    join(root, 'bench/generator.ts'),
    JSON.stringify(load),
  ])
  // Read the processor time inside the counted span, at both of its ends.
  if (load.mode !== 'download') await sleep(load.warmUpMs + 400)
  before.at = Date.now()
  before.cpu = sum(measuredPids)
  if (load.mode !== 'download') await sleep(Math.max(0, load.runMs - 800))
  const spanSeconds = (Date.now() - before.at) / 1000
  const spentSeconds = sum(measuredPids) - before.cpu
  const measured = JSON.parse(await generator) as Measured
  const rate = measured.requests / measured.seconds
  return {
    measured,
    perCore:
      measuredPids.length === 0 || load.mode === 'download' || spentSeconds === 0
        ? null
        : (rate * spanSeconds) / spentSeconds,
  }
}

const sum = (pids: readonly number[]): number =>
  pids.reduce((total, pid) => total + cpuSeconds(pid), 0)

export const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms))

/** Runs a program to its end, and rejects with its words unless it succeeds. */
export function run(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(
      program,
      [...args],
      { env: { ...process.env, ...env }, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout)
        else
          reject(
            new Error(`${program} ${args.join(' ').slice(0, 200)}: ${stderr || error.message}`, {
              cause: error,
            }),
          )
      },
    )
  })
}

export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

/** A port that nobody listens on just now. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

export async function untilListening(port: number): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt += 1) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true))
      socket.on('error', () => resolve(false))
      socket.on('connect', () => socket.destroy())
    })
    if (open) return
    await sleep(50)
  }
  throw new Error(`nobody listens on ${port}`)
}
