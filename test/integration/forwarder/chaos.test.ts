import { mkdtemp, rm } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import { expect, test } from 'vitest'
import type { GenericEvent } from '../../../src/audit/index.ts'
import { silentLogger, systemClock } from '../../../src/core/index.ts'
import { parseExitStatus } from '../../../src/protocol/index.ts'
import { type RecordFrame, RecordReader } from '../../../src/recording/index.ts'
import {
  defaultRecordingSettings,
  openDirectoryStore,
  Recorder,
  type RecordingStore,
} from '../../../src/recordings/index.ts'
import { type Fate, fated, Luck } from './support/chaos.ts'
import {
  clientKinds,
  exitStatus,
  openCommand,
  type ServerKind,
  SUCCESS,
  serveCommands,
  serverKinds,
} from './support/commands.ts'
import { forwardClients, forwardServers, openForward, serveForwards } from './support/forwards.ts'
import { PATIENTLY, PODS, Stage } from './support/stage.ts'

/** How long it goes on; more finds more. */
const SECONDS = Number(process.env['TELEPORT_TEST_CHAOS_SECONDS'] ?? '8')
/** The same one draws the same fates; what the network and the clock make of them is theirs. */
const SEED = Number(process.env['TELEPORT_TEST_CHAOS_SEED'] ?? String(Date.now() % 1_000_000))
const AT_ONCE = 12
/** Whose sessions are ended, and who is locked out, now and then. */
const MEDDLED = ['bob', 'carol', 'dave'] as const
/** For a session that nothing ends, and for one that is left alone. */
const ENOUGH_MS = 700
const CALM_MS = 30_000

/** What one session is to be, and what becomes of both its ends. */
interface Play {
  readonly pod: string
  readonly isCalm: boolean
  readonly user: string
  readonly client: Fate
  readonly server: Fate
  readonly input: Buffer
  readonly exitCode: number
  /** What the API server speaks, as in `serverKinds` and `forwardServers`. */
  readonly speaks: number
  /** What the client heard. */
  heard: number
}

const drawn = (luck: Luck, pod: string): Play => {
  const isCalm = luck.chance(0.25)
  return {
    pod,
    isCalm,
    user: isCalm ? 'alice' : luck.of(MEDDLED),
    client: isCalm ? { kind: 'lives' } : luck.fate(),
    server: isCalm ? { kind: 'lives' } : luck.fate(),
    input: Buffer.alloc(luck.upTo(luck.chance(0.2) ? 300_000 : 2000) + 1, pod),
    exitCode: luck.upTo(3),
    speaks: luck.upTo(3),
    heard: 0,
  }
}

class Theatre {
  readonly stage: Stage
  readonly luck = new Luck(SEED)
  readonly plays = new Map<string, Play>()
  readonly #persons = new Map<string, Promise<{ key: string; cert: string }>>()

  constructor(stage: Stage) {
    this.stage = stage
    for (const name of ['alice', ...MEDDLED]) {
      this.#persons.set(name, stage.authorities.users.certify(name))
    }
    stage.api.upgrade = (asked, socket, head) => this.#serve(asked, socket, head)
  }

  async play(): Promise<void> {
    const play = drawn(this.luck, `pod-${this.plays.size}`)
    this.plays.set(play.pod, play)
    let connection: TLSSocket | null = null
    const raw = async (): Promise<TLSSocket> => {
      const { secured } = await this.stage.connect(
        'http/1.1',
        await this.#persons.get(play.user),
        true,
      )
      connection = secured
      fated(secured, play.client)
      return secured
    }
    const over = new AbortController()
    const enough = pause(play.isCalm ? CALM_MS : ENOUGH_MS, null, { signal: over.signal })
    const acted = this.luck.chance(0.3) ? this.#forward(play, raw) : this.#command(play, raw)
    // Whoever was refused, or cut off, has nothing more to say.
    await Promise.race([acted.catch(expectFate(play)), enough])
    over.abort()
    enough.catch(() => {})
    const client = connection as TLSSocket | null
    client?.destroy()
  }

  async #command(play: Play, raw: () => Promise<TLSSocket>): Promise<void> {
    const kind = this.luck.of(clientKinds)
    const query = 'stdin=true&stdout=true&command=cat'
    const end = await openCommand({ raw }, kind, { query, path: `${PODS}/${play.pod}/exec` })
    end.onData = (_stream, data) => {
      play.heard += data.length
    }
    end.catchUp()
    for (let at = 0; at < play.input.length; ) {
      const piece = play.input.subarray(at, at + 1 + this.luck.upTo(20_000))
      end.out.write('stdin', piece)
      at += piece.length
      if (this.luck.chance(0.3)) await pause(1)
    }
    await end.over.promise
    if (!play.isCalm) return
    expect(end.text('stdout')).toBe(play.input.toString('latin1'))
    const said = end.statuses.at(-1) ?? ''
    if (kind !== 'channel.k8s.io') {
      expect(parseExitStatus(said)).toEqual({ kind: 'exited', exitCode: play.exitCode })
    }
  }

  async #forward(play: Play, raw: () => Promise<TLSSocket>): Promise<void> {
    const path = `${PODS}/${play.pod}/portforward`
    const end = await openForward({ raw }, this.luck.of(forwardClients), { path })
    const ids = [1, 2, 3].slice(this.luck.upTo(3))
    for (const id of ids) {
      end.out.open(id, 80)
      end.out.write(id, play.input)
      end.out.end(id)
    }
    if (!play.isCalm) {
      await end.over.promise
      return
    }
    for (const id of ids) {
      await expect.poll(() => end.words.get(id), PATIENTLY).toBe('')
      await expect.poll(() => end.text(id), PATIENTLY).toBe(play.input.toString('latin1'))
    }
  }

  #serve(asked: IncomingMessage, socket: Duplex, head: Buffer): void {
    const play = this.plays.get(/pods\/([^/]+)\//.exec(asked.url ?? '')?.[1] ?? '')
    if (play === undefined) throw new Error(`nobody asked for ${asked.url}`)
    fated(socket, play.server)
    if (!play.isCalm) setTimeout(() => socket.destroy(), 2 * ENOUGH_MS)
    const api: Pick<Stage['api'], 'upgrade'> = { upgrade: () => {} }
    if (asked.url?.includes('portforward') === true) {
      serveForwards({ api }, forwardServers[play.speaks]?.[1] ?? null, (end) => {
        end.onData = (id, data) => void end.out.write(id, data)
        end.onEnd = (id) => end.done(id)
      })
    } else {
      serveCommands({ api }, this.#kindOf(play), (end) => {
        let left = play.input.length
        end.onData = (_stream, data) => {
          end.out.write('stdout', data)
          left -= data.length
          if (left === 0) end.out.finish(play.exitCode === 0 ? SUCCESS : exitStatus(play.exitCode))
        }
      })
    }
    api.upgrade(asked, socket, head)
  }

  #kindOf({ speaks }: Play): ServerKind {
    const kind = serverKinds[speaks]
    if (kind === undefined) throw new Error(`no kind ${speaks}`)
    return kind
  }

  /** Ends sessions, and locks persons out, until it is told to stop. */
  async meddle(signal: AbortSignal): Promise<void> {
    const { stage, luck } = this
    while (!signal.aborted) {
      await pause(luck.upTo(60))
      const theirs = stage.forwarder.sessions.list().filter(({ user }) => user !== 'alice')
      if (theirs.length > 0 && luck.chance(0.5)) {
        const { sessionId } = luck.of(theirs)
        expect(stage.forwarder.sessions.end(sessionId, { user: 'root', message: '' })).toBe(true)
      } else if (luck.chance(0.2)) {
        stage.access.lock({ user: luck.of(MEDDLED) })
        await pause(luck.upTo(20))
        stage.access.lock()
      }
    }
  }
}

/** Only who is left alone must not fail. */
const expectFate =
  ({ isCalm }: Play) =>
  (error: unknown): void => {
    if (isCalm) throw error
  }

const named = (events: readonly GenericEvent[], name: string): readonly GenericEvent[] =>
  events.filter(({ event }) => event === name)

/** Each session that began ended once, with a recording that says the same. */
async function judge(theatre: Theatre, store: RecordingStore): Promise<number> {
  const { stage, plays } = theatre
  const sessions = Map.groupBy(stage.audit.sessions, (event) => String(event['sid']))
  for (const [sid, events] of sessions) {
    const [start] = named(events, 'session.start')
    const [end] = named(events, 'session.end')
    const pod = String(start?.['kubernetes_pod_name'])
    const counts = ['session.start', 'session.end', 'session.data', 'exec'].map(
      (name) => named(events, name).length,
    )
    expect([pod, ...counts]).toEqual([pod, 1, 1, 1, 1])
    expect([pod, named(events, 'session.recording.gap')]).toEqual([pod, []])
    if (end?.['reason'] === 'refused') continue
    const record = await framesOf(store, sid)
    const last = record.at(-1)
    expect([pod, last?.kind === 'end' ? last.reason : last?.kind]).toEqual([pod, end?.['reason']])
    const sent = bytesOf(record, 'stdout')
    expect([pod, sent]).toEqual([pod, end?.['tx']])
    expect(sent).toBeGreaterThanOrEqual(plays.get(pod)?.heard ?? 0)
    if (plays.get(pod)?.isCalm === true) expect([pod, end?.['reason']]).toEqual([pod, 'exited'])
  }
  // A request, and a connection of a port-forward, ends as often as it began.
  const ends = (all: readonly { uid: string; outcome?: unknown }[]): unknown[] =>
    [...Map.groupBy(all, ({ uid }) => uid).values()]
      .map((events) => events.filter(({ outcome }) => outcome !== 'started').length)
      .filter((count) => count !== 1)
  expect(ends(stage.audit.events)).toEqual([])
  expect(ends(stage.audit.ports)).toEqual([])
  return sessions.size
}

async function framesOf(store: RecordingStore, sid: string): Promise<RecordFrame[]> {
  await expect.poll(async () => (await store.get(sid))?.end?.cut, PATIENTLY).toBe(false)
  const { chunks = 0 } = (await store.get(sid)) ?? {}
  const files = async function* (): AsyncGenerator<Buffer> {
    for (let index = 0; index < chunks; index += 1) yield await store.readChunk(sid, index)
  }
  const reader = new RecordReader()
  const frames: RecordFrame[] = []
  for await (const frame of reader.chunks(files())) frames.push(frame)
  expect(reader.isWhole).toBe(true)
  return frames
}

const bytesOf = (frames: readonly RecordFrame[], stream: string): number =>
  frames.reduce((sum, frame) => {
    if (frame.kind !== 'data' && frame.kind !== 'omitted') return sum
    if (frame.stream !== stream) return sum
    return sum + (frame.kind === 'data' ? frame.data.length : frame.bytes)
  }, 0)

const handles = (): number =>
  process.getActiveResourcesInfo().filter((name) => /TCP|TLS/.test(name)).length

test(
  `whatever becomes of either end, a session begins once, ends once and is recorded whole (seed ${SEED})`,
  async () => {
    const root = await mkdtemp(join(tmpdir(), 'chaos-'))
    const quiet = { clock: systemClock, log: silentLogger }
    const store = await openDirectoryStore({ path: join(root, 'store'), ...quiet })
    const recorder = await Recorder.open({
      directory: join(root, 'spool'),
      target: {
        begin: (head) => store.begin(head),
        putChunk: (id, index, chunk) => store.putChunk(id, index, chunk),
        end: async (id, end) => void (await store.complete(id, end)),
      },
      settings: () => ({ ...defaultRecordingSettings, pipeBytes: 64 * 1024 }),
      ...quiet,
      limits: { flushMs: 20, cutMs: 50, retryFirstMs: 1, retryLastMs: 10 },
    })
    const before = handles()
    {
      await using stage = await Stage.open({ recorder, limits: { upgradeTimeoutMs: 10_000 } })
      const theatre = new Theatre(stage)
      const untilMs = performance.now() + SECONDS * 1000
      const company = Array.from({ length: AT_ONCE }, async () => {
        while (performance.now() < untilMs) await theatre.play()
      })
      const over = new AbortController()
      const meddling = theatre.meddle(over.signal)
      await Promise.all(company)
      over.abort()
      await meddling
      await stage.expectQuiet()
      await expect.poll(() => stage.forwarder.sessions.list(), PATIENTLY).toEqual([])
      await expect.poll(() => stage.api.upgrading.size, PATIENTLY).toBe(0)
      expect(await judge(theatre, store)).toBeGreaterThan(SECONDS)
    }
    await recorder[Symbol.asyncDispose]()
    await expect.poll(handles, PATIENTLY).toBeLessThanOrEqual(before)
    await rm(root, { recursive: true, force: true })
  },
  SECONDS * 1000 + 180_000,
)
