import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { access } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import type { Load, Measured } from './load.ts'

export const root: string = join(import.meta.dirname, '..')

/** Whoever is measured runs on the first of two processors, everybody else on the second. */
export const MEASURED = '0'
export const OTHERS = '1'
/** Where nobody has one for himself: a real cluster is a dozen processes. */
export const EVERYWHERE = '0,1'

/** Seconds of processor time that processes have used, with all their threads. */
export const cpuSecondsOf = (pids: readonly number[]): number =>
  pids.reduce((total, pid) => total + cpuSeconds(pid), 0)

function cpuSeconds(pid: number): number {
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

/** For a program to end when it is told to. */
const END_MS = 5000

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
    // A profile is written by whoever may end by himself.
    child.kill('SIGTERM')
    const late = setTimeout(() => child.kill('SIGKILL'), END_MS)
    await ended
    clearTimeout(late)
  })
  return child
}

/** Puts load on something from the other processor. */
export async function generate(load: Load): Promise<Measured> {
  const program = join(root, 'bench/generator.ts')
  const args = ['-c', OTHERS, process.execPath, program, JSON.stringify(load)]
  return JSON.parse(await run('taskset', args)) as Measured
}

/** Resolves when a process has nothing left to do of what it does by itself after its start. */
export async function untilQuiet(pid: number): Promise<void> {
  for (let calm = 0, round = 0; calm < 3 && round < 120; round += 1) {
    const before = cpuSeconds(pid)
    await sleep(500)
    calm = cpuSeconds(pid) - before <= 0.02 ? calm + 1 : 0
  }
}

export const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms))

/** Runs a program to its end, and rejects with its words unless it succeeds. */
export function run(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  input = '',
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
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
    child.stdin?.end(input)
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

/** Of the cluster that sections with a real kubectl are about. */
export async function realKubeconfig(): Promise<string> {
  const listed = process.env['TELEPORT_E2E_KUBECONFIGS'] ?? process.env['KUBECONFIG'] ?? ''
  const [real = ''] = listed.split(':')
  await access(real).catch(() => {
    throw new Error('kubectl needs a real cluster: name its kubeconfig in KUBECONFIG')
  })
  return real
}
