/**
 * Records one session, or fills a store and searches it, and says what that cost, as JSON. A process of its own, so that its memory
 * is that of a recorder and nothing else. The argument is a RecorderLoad.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { fewAtOnce, silentLogger, systemClock } from '../src/core/index.ts'
import type { SessionFacts } from '../src/recording/index.ts'
import { defaultRecordingSettings, openDirectoryStore, Recorder } from '../src/recordings/index.ts'

export type RecorderLoad =
  | {
      readonly type: 'session'
      readonly bytes: number
      readonly tty: boolean
      readonly content: 'lines' | 'random'
      readonly encrypted: boolean
    }
  | { readonly type: 'list'; readonly recordings: number }

export interface RecorderMeasured {
  /** Of the work alone. */
  readonly cpuSeconds: number
  /** Resident, above what the process had before, in bytes: after a tenth of the work, and the most. */
  readonly earlyBytes: number
  readonly mostBytes: number
  /** Milliseconds: opening the store, and a page of 100 for a user with few recordings. */
  readonly openMs: number
  readonly pageMs: number
}

const PIECE_BYTES = 32 * 1024

const facts = (id: string, but: Partial<SessionFacts> = {}): SessionFacts => ({
  sessionId: id,
  kind: 'exec',
  user: 'alice',
  roles: ['dev'],
  teleportCluster: 'bench.example.com',
  kubeCluster: 'west',
  namespace: 'team',
  pod: 'web-0',
  container: 'main',
  node: 'node-1',
  image: 'registry.example.com/web:1',
  serverId: 'bench',
  protocol: 'v5.channel.k8s.io',
  command: ['sh'],
  tty: true,
  startedMs: Date.now(),
  ...but,
})

async function session(
  directory: string,
  load: RecorderLoad & { readonly type: 'session' },
): Promise<RecorderMeasured> {
  const store = await openDirectoryStore({
    path: join(directory, 'store'),
    clock: systemClock,
    log: silentLogger,
  })
  const recipients = load.encrypted
    ? [await identityToRecipient(await generateX25519Identity())]
    : []
  let drained = (): void => {}
  await using recorder = await Recorder.open({
    directory: join(directory, 'spool'),
    target: {
      begin: (head) => store.begin(head),
      putChunk: (id, index, chunk) => store.putChunk(id, index, chunk),
      end: async (id, end) => void (await store.complete(id, end)),
    },
    settings: () => ({ ...defaultRecordingSettings, recipients }),
    clock: systemClock,
    log: silentLogger,
  })
  const record = await recorder.begin(facts(randomUUID(), { tty: load.tty }), {
    onFailed: (error) => {
      throw error
    },
    onDrain: () => drained(),
  })
  const piece = load.content === 'random' ? randomBytes(PIECE_BYTES) : lines()
  const before = process.memoryUsage.rss()
  const cpu = process.cpuUsage()
  let earlyBytes = 0
  let mostBytes = 0
  for (let brought = 0, pieces = 0; brought < load.bytes; brought += piece.length, pieces += 1) {
    if (!record.data('stdout', piece)) {
      await new Promise<void>((resolve) => {
        drained = resolve
      })
    }
    if (pieces % 32 !== 0) continue
    await new Promise((resolve) => setImmediate(resolve))
    mostBytes = Math.max(mostBytes, process.memoryUsage.rss() - before)
    if (brought < load.bytes / 10) earlyBytes = mostBytes
  }
  await record.end({ exitCode: 0, reason: 'exited' })
  return { cpuSeconds: secondsOf(cpu), earlyBytes, mostBytes, openMs: 0, pageMs: 0 }
}

/** What a program prints: it packs well. */
function lines(): Buffer {
  const text = Array.from(
    { length: 1000 },
    (_, at) => `2026-11-25T12:00:00.${at}Z level=info msg="request ${(at * 7919) % 1000} done"\n`,
  )
  return Buffer.from(text.join('')).subarray(0, PIECE_BYTES)
}

async function list(
  directory: string,
  { recordings }: RecorderLoad & { readonly type: 'list' },
): Promise<RecorderMeasured> {
  const path = join(directory, 'store')
  // As the store writes them, without its care for each.
  const firstMs = Date.UTC(2026, 0, 1)
  await fewAtOnce(
    Array.from({ length: recordings }, (_, at) => async () => {
      const startedMs = firstMs + at * 60_000
      const id = randomUUID()
      const place = join(path, new Date(startedMs).toISOString().slice(0, 10), id)
      await mkdir(place, { recursive: true, mode: 0o700 })
      const told = facts(id, { user: at % 1000 === 0 ? 'rare' : `user-${at % 200}`, startedMs })
      const head = { version: 1, encrypted: false, facts: told, end: null }
      await writeFile(join(place, 'recording.json'), JSON.stringify(head), { mode: 0o600 })
      const { user, kubeCluster, namespace, pod, kind } = told
      const row = [id, startedMs, user, kubeCluster, namespace, pod, kind]
      await writeFile(join(place, '../index.jsonl'), `${JSON.stringify(row)}\n`, { flag: 'a' })
    }),
    16,
  )
  const before = process.memoryUsage.rss()
  const cpu = process.cpuUsage()
  const opened = performance.now()
  const store = await openDirectoryStore({ path, clock: systemClock, log: silentLogger })
  const openMs = performance.now() - opened
  const mostBytes = process.memoryUsage.rss() - before
  await store.list({ user: 'rare', limit: 100 })
  const asked = performance.now()
  await store.list({ user: 'rare', limit: 100 })
  const pageMs = performance.now() - asked
  return { cpuSeconds: secondsOf(cpu), earlyBytes: 0, mostBytes, openMs, pageMs }
}

function secondsOf(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1e6
}

const load = JSON.parse(process.argv[2] ?? '') as RecorderLoad
const directory = await mkdtemp(join(tmpdir(), 'bench-recorder-'))
try {
  const measured = await (load.type === 'session'
    ? session(directory, load)
    : list(directory, load))
  process.stdout.write(JSON.stringify(measured))
} finally {
  await rm(directory, { recursive: true, force: true })
}
