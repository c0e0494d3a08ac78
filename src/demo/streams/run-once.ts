import type { ApiEnv } from '../api/env.ts'
import type { Outcome, RunOnce } from '../controllers/kubelet.ts'
import { at } from '../json.ts'
import { ByteQueue } from '../shell/byte-queue.ts'
import { isKnownProgram, Shell } from '../shell/shell.ts'
import { shellEnvOf } from './container-shell.ts'
import { commandOf } from './plan.ts'

const MAX_OUTPUT_BYTES = 64 * 1024

/** Runs the command of a container that is not restarted, when the demo's shell knows it and nobody is to type into it. */
export function runOnceOf(env: ApiEnv, signal: AbortSignal): RunOnce {
  return (pod, container) => {
    const argv = commandOf(container)
    if (argv.length === 0 || !isKnownProgram(argv[0] ?? '')) return null
    if (at(container, 'stdin') === true) return null
    return run(env, signal, pod, container, argv)
  }
}

async function run(
  env: ApiEnv,
  signal: AbortSignal,
  pod: Parameters<RunOnce>[0],
  container: Parameters<RunOnce>[1],
  argv: readonly string[],
): Promise<Outcome> {
  const chunks: Buffer[] = []
  let bytes = 0
  const write = async (data: Buffer): Promise<void> => {
    if (bytes < MAX_OUTPUT_BYTES) chunks.push(data.subarray(0, MAX_OUTPUT_BYTES - bytes))
    bytes += data.length
  }
  const stdin = new ByteQueue()
  stdin.end()
  const shell = new Shell(shellEnvOf(env, pod, container, false), {
    stdin,
    out: write,
    err: write,
    signal,
  })
  const exitCode = await shell.exec(argv, null)
  return { exitCode, output: Buffer.concat(chunks).toString('utf8') }
}
