import { errorMessage } from '../../core/index.ts'
import type { ExitStatus } from '../../protocol/index.ts'
import type { ApiEnv } from '../api/env.ts'
import { logAnswer } from '../api/log.ts'
import { Query } from '../api/query.ts'
import { at, textAt } from '../json.ts'
import type { ByteQueue } from '../shell/byte-queue.ts'
import { isKnownProgram, Shell } from '../shell/shell.ts'
import { Terminal } from '../shell/terminal.ts'
import { nameOf, namespaceOf, uidOf } from '../store/store.ts'
import { shellEnvOf } from './container-shell.ts'
import type { SessionPlan } from './plan.ts'

/** The streams of a client, whatever protocol carries them. */
export interface ClientStreams {
  /** What the client sends, raw. Ended at once when it sends nothing. */
  readonly stdin: ByteQueue
  /** Resolves when the client has room for more. */
  readonly write: (stream: 'stdout' | 'stderr', data: Buffer) => Promise<void>
  /** Aborts when the client goes. */
  readonly signal: AbortSignal
  /** The client may send again. */
  readonly onRoom: () => void
}

/** Runs a session and gives how it ended. The pod's end ends it. Never throws. */
export async function runSession(
  env: ApiEnv,
  plan: SessionPlan,
  streams: ClientStreams,
): Promise<ExitStatus> {
  const lost = new AbortController()
  const stop = env.store.onChange(({ type, object }) => {
    if (type === 'DELETED' && uidOf(object) === uidOf(plan.pod)) lost.abort()
  })
  const signal = AbortSignal.any([streams.signal, lost.signal])
  try {
    const exitCode =
      plan.kind === 'attach' && at(plan.container, 'stdin') !== true
        ? await showLog(env, plan, streams, signal)
        : await runShell(env, plan, streams, signal)
    if (typeof exitCode !== 'number') return exitCode
    // As kubelet has it: what was killed with its pod ends with 137.
    return { kind: 'exited', exitCode: lost.signal.aborted ? 137 : exitCode }
  } catch (error) {
    env.log.error({ error: errorMessage(error) }, 'the shell of the demo cluster failed')
    return { kind: 'failed', message: 'the shell of the demo cluster has a mistake' }
  } finally {
    stop()
  }
}

async function runShell(
  env: ApiEnv,
  plan: SessionPlan,
  streams: ClientStreams,
  signal: AbortSignal,
): Promise<number | ExitStatus> {
  const { pod, container, tty } = plan
  const argv = plan.argv.length === 0 ? ['sh'] : plan.argv
  const [word = ''] = argv
  if (!isKnownProgram(word)) {
    const message = `exec: ${JSON.stringify(word)}: executable file not found in $PATH (this is a demo: try sh, and in it help)`
    return { kind: 'failed', message }
  }
  const shellEnv = shellEnvOf(env, pod, container, tty)
  const out = (data: Buffer): Promise<void> =>
    plan.stdout ? streams.write('stdout', data) : Promise.resolve()
  if (!tty) {
    const err = (data: Buffer): Promise<void> =>
      plan.stderr ? streams.write('stderr', data) : Promise.resolve()
    return new Shell(shellEnv, { stdin: streams.stdin, out, err, signal }).exec(argv, null)
  }
  const terminal: Terminal = new Terminal({
    write: out,
    onInterrupt: () => shell.interrupt(),
    onRoom: streams.onRoom,
  })
  const io = { stdin: terminal.input, out: terminal.out, err: terminal.out, signal }
  const shell: Shell = new Shell(shellEnv, io)
  void type(streams.stdin, terminal, signal)
  const prompt = { show: (text: string) => out(Buffer.from(text, 'utf8')) }
  return shell.exec(argv, prompt)
}

/** Carries what is typed to the terminal, until the client has typed its last. */
async function type(typed: ByteQueue, terminal: Terminal, signal: AbortSignal): Promise<void> {
  for (;;) {
    const data = await typed.read(signal)
    if (data === null) break
    terminal.type(data)
  }
  terminal.input.end()
}

/** An attach without input shows what the container says, from now on. */
async function showLog(
  env: ApiEnv,
  { pod, container }: SessionPlan,
  streams: ClientStreams,
  signal: AbortSignal,
): Promise<number> {
  const current = env.store.get('pods.', namespaceOf(pod), nameOf(pod)) ?? pod
  const name = encodeURIComponent(textAt(container, 'name'))
  const answer = logAnswer(env, current, new Query(`?follow=true&tailLines=0&container=${name}`))
  if (answer.kind === 'stream') {
    const sink = {
      write: (chunk: string | Buffer) => void streams.write('stdout', Buffer.from(chunk)),
      pending: () => 0,
    }
    await answer.run(sink, signal)
  }
  return 0
}
