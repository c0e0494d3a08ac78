import { createHash, randomBytes } from 'node:crypto'
import {
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { factsOf, idOf } from '../../test/conformance/recordings/facts.ts'
import { type Clock, silentLogger, systemClock } from '../core/index.ts'
import {
  decryptChunk,
  isEncrypted,
  openChunk,
  type RecordFrame,
  RecordReader,
  type SessionFacts,
} from '../recording/index.ts'
import { RecordingError } from './errors.ts'
import type { RecorderLimits } from './limits.ts'
import { Recorder, type RecorderOptions } from './recorder.ts'
import type { RecordingSettings, RecordOptions, SessionRecord } from './recorder-types.ts'
import { nodeDisk, type SpoolDisk } from './spool/disk.ts'
import { openDirectoryStore } from './store/directory-store.ts'
import type { Recording, RecordingStore } from './store/types.ts'
import type { RecordingTarget } from './target.ts'

const SETTINGS: RecordingSettings = {
  records: true,
  strict: false,
  recipients: [],
  pipeBytes: 1000,
}
/** Quick, so that tests wait for nothing; what they assert does not depend on it. */
const QUICK: Partial<RecorderLimits> = {
  flushMs: 5,
  cutMs: 20,
  retryFirstMs: 1,
  retryLastMs: 10,
  awayMs: 20,
  refillBytesPerSecond: 0,
  closeMs: 500,
}
/** Nothing happens by itself. */
const LAZY: Partial<RecorderLimits> = { ...QUICK, flushMs: 3_600_000, cutMs: 3_600_000 }

describe('Recorder', () => {
  let root: string
  let store: RecordingStore
  let target: RecordingTarget
  const opened: Recorder[] = []
  const clock: Clock = systemClock
  const failures: Error[] = []
  const errors: unknown[] = []
  const log = { ...silentLogger, error: (fields: object) => void errors.push(fields) }

  beforeEach(async () => {
    failures.length = 0
    errors.length = 0
    root = await mkdtemp(join(tmpdir(), 'recorder-'))
    store = await openDirectoryStore({ path: join(root, 'store'), clock, log: silentLogger })
    target = into(store)
  })
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((recorder) => recorder[Symbol.asyncDispose]()))
    await rm(root, { recursive: true, force: true })
  })

  const into = (to: RecordingStore): RecordingTarget => ({
    begin: (head) => to.begin(head),
    putChunk: (id, index, chunk) => to.putChunk(id, index, chunk),
    end: async (id, end) => void (await to.complete(id, end)),
  })
  /** One that takes short sessions at once. */
  const quick = (to: RecordingStore): Required<RecordingTarget> => ({
    ...into(to),
    whole: async (recording) => void (await to.putWhole(recording)),
  })
  const spool = (name = 'spool'): string => join(root, name)
  async function open(but: Partial<RecorderOptions> = {}): Promise<Recorder> {
    const recorder = await Recorder.open({
      directory: spool(),
      target,
      settings: () => SETTINGS,
      clock,
      log,
      limits: QUICK,
      ...but,
    })
    opened.push(recorder)
    return recorder
  }
  const facts = (n: number, but: Partial<SessionFacts> = {}): SessionFacts =>
    factsOf(n, { startedMs: clock.now(), ...but })
  const options = (but: Partial<RecordOptions> = {}): RecordOptions => ({
    onFailed: (error) => void failures.push(error),
    onDrain: () => {},
    ...but,
  })
  const ended = { exitCode: 0, reason: 'exited' }

  const isEnded = async (n: number): Promise<boolean> => (await store.get(idOf(n)))?.end != null
  async function whole(n: number): Promise<Recording> {
    await expect.poll(() => isEnded(n)).toBe(true)
    const recording = await store.get(idOf(n))
    if (recording === null) throw new Error('gone')
    return recording
  }

  async function* chunksOf(n: number, from: RecordingStore): AsyncGenerator<Buffer> {
    const { chunks = 0 } = (await from.get(idOf(n))) ?? {}
    for (let index = 0; index < chunks; index += 1) yield from.readChunk(idOf(n), index)
  }
  /** What a recording holds; it must be whole. */
  async function read(
    n: number,
    identities: readonly string[] = [],
    from: RecordingStore = store,
  ): Promise<RecordFrame[]> {
    const reader = new RecordReader()
    const frames: RecordFrame[] = []
    const opener = async (
      file: Buffer,
      expected: { index: number; before: Buffer },
    ): Promise<Buffer> => openChunk(await decryptChunk(file, identities), expected)
    for await (const frame of reader.chunks(chunksOf(n, from), opener)) frames.push(frame)
    expect(reader.isWhole).toBe(true)
    return frames
  }
  const bytesOf = (frames: readonly RecordFrame[], stream: string): Buffer =>
    Buffer.concat(
      frames.flatMap((frame) =>
        frame.kind === 'data' && frame.stream === stream ? [frame.data] : [],
      ),
    )
  const labels = (frames: readonly RecordFrame[]): string[] =>
    frames.flatMap((frame) => (frame.kind === 'marker' ? [frame.label] : []))

  it('keeps what went by, byte for byte, and leaves nothing in the spool', async () => {
    const recorder = await open()
    const record = await recorder.begin(facts(1), options())
    record.resize({ width: 80, height: 24 })
    const output = randomBytes(3_000_000)
    for (let at = 0; at < output.length; at += 100_000) {
      record.data('stdout', output.subarray(at, at + 100_000))
    }
    record.marker('bob joined')
    await record.end({ exitCode: 7, reason: 'exited' })
    const recording = await whole(1)
    const frames = await read(1)
    expect(frames[0]).toMatchObject({ kind: 'begin', facts: { user: 'alice', tty: true } })
    expect(frames[1]).toMatchObject({ kind: 'resize', width: 80, height: 24 })
    expect(bytesOf(frames, 'stdout').equals(output)).toBe(true)
    expect(labels(frames)).toEqual(['bob joined'])
    expect(frames.at(-1)).toMatchObject({ kind: 'end', exitCode: 7, reason: 'exited' })
    expect(recording.end).toMatchObject({ exitCode: 7, reason: 'exited', cut: false })
    expect(recording.chunks).toBeGreaterThan(1)
    await expect.poll(() => readdir(spool())).toEqual([])
    expect(recorder.stats()).toMatchObject({ live: 0, pending: 0, pendingBytes: 0 })
  })

  it('ends when its last frame says, also when the clock was set back meanwhile', async () => {
    const time = { ms: systemClock.now() }
    const startedMs = time.ms
    const recorder = await open({ clock: { now: () => time.ms } })
    const record = await recorder.begin(facts(1, { startedMs }), options())
    time.ms += 5000
    record.data('stdout', Buffer.from('a'))
    time.ms -= 60_000
    record.data('stdout', Buffer.from('b'))
    await record.end(ended)
    expect((await whole(1)).end?.endedMs).toBe(startedMs + 5000)
    expect((await read(1)).map(({ atMs }) => atMs)).toEqual([0, 5000, 5000, 5000])
  })

  it('delivers while the session runs', async () => {
    const recorder = await open()
    const record = await recorder.begin(facts(1), options())
    record.data('stdout', Buffer.from('hello'))
    await expect.poll(async () => (await store.get(idOf(1)))?.chunks).toBeGreaterThan(0)
    expect(await isEnded(1)).toBe(false)
    expect(recorder.stats()).toMatchObject({ live: 1, pending: 1 })
    await record.end(ended)
    await whole(1)
    expect(bytesOf(await read(1), 'stdout').toString()).toBe('hello')
  })

  it('delivers others meanwhile, however much there is of one session', async () => {
    const order: string[] = []
    const gate = Promise.withResolvers<void>()
    const recorder = await open({
      target: {
        ...target,
        begin: async (head) => {
          await gate.promise
          await target.begin(head)
        },
        end: async (id, end) => {
          order.push(id)
          await target.end(id, end)
        },
      },
      limits: { ...QUICK, deliveriesAtOnce: 1, chunkBytes: 100 },
    })
    const large = await recorder.begin(facts(1), options())
    const chunks = async (): Promise<number> => {
      large.data('stdout', randomBytes(200))
      const names = await readdir(join(spool(), idOf(1)))
      return names.filter((name) => name.endsWith('.chunk')).length
    }
    await expect.poll(chunks, { interval: 10 }).toBeGreaterThan(10)
    await large.end(ended)
    const small = await recorder.begin(facts(2), options())
    await small.end(ended)
    gate.resolve()
    await whole(1)
    await whole(2)
    expect(order).toEqual([idOf(2), idOf(1)])
  })

  it('is for its owner alone', async () => {
    const recorder = await open({ limits: LAZY })
    await recorder.begin(facts(1), options())
    expect((await stat(spool())).mode & 0o777).toBe(0o700)
    expect((await stat(join(spool(), idOf(1)))).mode & 0o777).toBe(0o700)
    expect((await stat(join(spool(), idOf(1), '000000.open'))).mode & 0o777).toBe(0o600)
  })

  it('keeps two sessions apart', async () => {
    const recorder = await open()
    const records = await Promise.all(
      [1, 2].map((n) => recorder.begin(facts(n, { user: `user-${n}` }), options())),
    )
    for (let round = 0; round < 50; round += 1) {
      for (const [at, record] of records.entries()) {
        record.data('stdout', Buffer.from(`${at + 1}:${round} `))
      }
      if (round % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await Promise.all(records.map((record) => record.end(ended)))
    for (const n of [1, 2]) {
      await whole(n)
      const rounds = Array.from({ length: 50 }, (_, round) => `${n}:${round} `)
      expect(bytesOf(await read(n), 'stdout').toString()).toBe(rounds.join(''))
    }
  })

  describe('after kill -9', () => {
    it('completes what was written, and says that the rest is missing', async () => {
      target = { ...target, begin: () => Promise.reject(new Error('auth is away')) }
      const recorder = await open({ limits: { ...QUICK, cutMs: 3_600_000 } })
      const record = await recorder.begin(facts(1), options())
      record.data('stdout', Buffer.from('before '))
      const file = join(spool(), idOf(1), '000000.open')
      await expect.poll(async () => (await readFile(file)).includes('before ')).toBe(true)
      await cp(spool(), spool('copy'), { recursive: true })
      record.data('stdout', Buffer.from('after'))
      await record.end(ended)

      target = into(store)
      await open({ directory: spool('copy'), target })
      const recording = await whole(1)
      expect(recording.end).toMatchObject({ cut: true, exitCode: null, reason: 'cut' })
      const frames = await read(1)
      expect(bytesOf(frames, 'stdout').toString()).toBe('before ')
      expect(labels(frames)).toEqual([expect.stringContaining('stopped')])
      expect(frames.at(-1)).toMatchObject({ kind: 'end', exitCode: null, reason: 'cut' })
      await expect.poll(() => readdir(spool('copy'))).toEqual([])
    })

    it('completes few at once, however many there are, and one that cannot be holds up no other', async () => {
      const count = 20
      const earlier = await open({ limits: LAZY })
      for (let n = 1; n <= count; n += 1) await earlier.begin(facts(n), options())
      await cp(spool(), spool('copy'), { recursive: true })

      let reading = 0
      let most = 0
      let isBroken = true
      const disk: SpoolDisk = {
        ...nodeDisk,
        async read(path) {
          if (!path.endsWith('.open')) return nodeDisk.read(path)
          reading += 1
          most = Math.max(most, reading)
          try {
            await new Promise((resolve) => setImmediate(resolve))
            if (isBroken && path.includes(idOf(1))) throw new Error('a bad sector')
            return await nodeDisk.read(path)
          } finally {
            reading -= 1
          }
        },
      }
      await open({ directory: spool('copy'), disk, limits: { ...QUICK, completionsAtOnce: 3 } })
      for (let n = 2; n <= count; n += 1) expect((await whole(n)).end?.cut).toBe(true)
      expect(await store.get(idOf(1))).toBeNull()
      isBroken = false
      await whole(1)
      expect(most).toBe(3)
    })

    it('cuts off half a frame at the end', async () => {
      target = { ...target, begin: () => Promise.reject(new Error('auth is away')) }
      const recorder = await open({ limits: { ...LAZY, flushMs: 1 } })
      const record = await recorder.begin(facts(1), options())
      const file = join(spool(), idOf(1), '000000.open')
      for (const text of ['first ', 'second ']) {
        record.data('stdout', Buffer.from(text))
        await expect.poll(async () => (await readFile(file)).includes(text)).toBe(true)
      }
      const { length } = await readFile(file)
      const secondAt = (await readFile(file)).indexOf('second ')
      for (const cutAt of [length - 1, length - 20, secondAt + 3]) {
        const copy = spool(`copy-${cutAt}`)
        await cp(spool(), copy, { recursive: true })
        await truncate(join(copy, idOf(1), '000000.open'), cutAt)
        const other = await openDirectoryStore({
          path: join(root, `store-${cutAt}`),
          clock,
          log: silentLogger,
        })
        await open({ directory: copy, target: into(other) })
        await expect.poll(async () => (await other.get(idOf(1)))?.end?.cut).toBe(true)
        expect(bytesOf(await read(1, [], other), 'stdout').toString()).toBe(
          cutAt < secondAt + 7 ? 'first ' : 'first second ',
        )
      }
    })

    it.each([
      ['piece by piece', into],
      ['at once', quick],
    ])(
      'has a whole record delivered %s, wherever amid its work the process died',
      async (_, to) => {
        const seen = new Set<string>()
        for (let steps = 0; ; steps += 1) {
          const place = `die-${steps}`
          const other = await openDirectoryStore({
            path: join(root, `store-${place}`),
            clock,
            log: silentLogger,
          })
          const disk = new MortalDisk(steps)
          // What the first process delivers counts, too.
          const dying = await open({ directory: spool(place), disk, target: to(other) })
          const began = await dying.begin(facts(1), options()).catch(() => null)
          let written = ''
          if (began !== null) {
            for (const text of ['one ', 'two ', 'three ']) {
              began.data('stdout', Buffer.from(text))
              await expect.poll(() => disk.isDead || disk.appended.includes(text)).toBe(true)
              if (disk.appended.includes(text)) written += text
            }
            await began.end(ended)
          }
          const lived = !disk.isDead
          disk.kill()

          await open({ directory: spool(place), target: to(other) })
          await expect.poll(() => readdir(spool(place))).toEqual([])
          const recording = await other.get(idOf(1))
          if (recording === null) {
            expect(began).toBeNull()
          } else {
            expect(recording.end, place).not.toBeNull()
            const text = bytesOf(await read(1, [], other), 'stdout').toString()
            expect('one two three '.startsWith(text), place).toBe(true)
            expect(text.startsWith(written), place).toBe(true)
            seen.add(`${recording.end?.reason}`)
          }
          if (lived) break
        }
        expect([...seen].sort()).toEqual(['cut', 'exited'])
      },
      60_000,
    )
  })

  it('waits while auth is away, and delivers later, each chunk once and in order', async () => {
    const calls: string[] = []
    let isAway = true
    const real = into(store)
    const flaky: RecordingTarget = {
      async begin(head) {
        if (isAway) throw new Error('away')
        await real.begin(head)
      },
      async putChunk(id, index, chunk) {
        if (isAway) throw new Error('away')
        await real.putChunk(id, index, chunk)
        calls.push(`${index}`)
        // The answer is lost the first time.
        if (calls.filter((call) => call === `${index}`).length === 1) throw new Error('reset')
      },
      async end(id, end) {
        if (isAway) throw new Error('away')
        await real.end(id, end)
      },
    }
    const recorder = await open({ target: flaky })
    const record = await recorder.begin(facts(1), options())
    for (let part = 0; part < 3; part += 1) {
      record.data('stdout', randomBytes(1_200_000))
      await expect
        .poll(async () => (await readdir(join(spool(), idOf(1)))).filter(isChunk).length)
        .toBeGreaterThan(part)
    }
    await record.end(ended)
    expect(recorder.stats().pendingBytes).toBeGreaterThan(3_000_000)
    expect(recorder.stats().failedDeliveries).toBeGreaterThan(0)
    isAway = false
    const { chunks } = await whole(1)
    expect(calls.filter((call, at) => call !== calls[at - 1])).toEqual(
      Array.from({ length: chunks }, (_, index) => `${index}`),
    )
    await expect.poll(() => recorder.stats().pendingBytes).toBe(0)
    expect(failures).toEqual([])
  })

  describe('to a target that takes short sessions at once', () => {
    const calls: string[] = []
    let answer: () => Promise<void>
    let target: Required<RecordingTarget>
    beforeEach(() => {
      calls.length = 0
      answer = async () => {}
      const real = quick(store)
      target = {
        begin: async (head) => {
          calls.push('begin')
          await real.begin(head)
        },
        putChunk: async (...chunk) => {
          calls.push('chunk')
          await real.putChunk(...chunk)
        },
        end: async (...end) => {
          calls.push('end')
          await real.end(...end)
        },
        whole: async (recording) => {
          calls.push('whole')
          await answer()
          await real.whole(recording)
        },
      }
    })
    const run = async (recorder: Recorder, n: number, data: Buffer): Promise<void> => {
      const record = await recorder.begin(facts(n), options())
      record.data('stdout', data)
      await record.end(ended)
    }
    const files = (n: number): Promise<string[]> => readdir(join(spool(), idOf(n)))
    const text = Buffer.from('short')

    it('brings one in one call, from memory', async () => {
      const disk = { ...nodeDisk, read: () => Promise.reject(new Error('nobody reads')) }
      const recorder = await open({ target, disk, limits: LAZY })
      await run(recorder, 1, text)
      const { end, facts: told } = await whole(1)
      expect(end).toMatchObject({ exitCode: 0, reason: 'exited', cut: false })
      expect(end?.endedMs).toBeGreaterThanOrEqual(told.startedMs)
      expect(bytesOf(await read(1), 'stdout')).toEqual(text)
      expect(calls).toEqual(['whole'])
      await expect.poll(() => recorder.stats()).toMatchObject({ pending: 0, pendingBytes: 0 })
      expect(await readdir(spool())).toEqual([])
    })

    it('brings one that is too large for that piece by piece, and one from the disk at once', async () => {
      const recorder = await open({
        target,
        limits: LAZY,
        settings: () => ({ ...SETTINGS, pipeBytes: 1_000_000 }),
      })
      await run(recorder, 1, randomBytes(100_000))
      await whole(1)
      expect(calls).toEqual(['begin', 'chunk', 'end'])
      calls.length = 0
      await run(recorder, 2, randomBytes(40_000))
      await whole(2)
      expect(calls).toEqual(['whole'])
    })

    it('has it in files when the target does not take it, and brings it later', async () => {
      let isAway = true
      answer = () => (isAway ? Promise.reject(new Error('away')) : Promise.resolve())
      const recorder = await open({ target, limits: LAZY })
      await run(recorder, 1, text)
      await expect.poll(() => files(1)).toEqual(['000000.chunk', 'end.json'])
      // While it is away nobody waits in memory.
      await run(recorder, 2, text)
      expect(await files(2)).toEqual(['000000.chunk', 'end.json'])
      isAway = false
      for (const n of [1, 2]) {
        await whole(n)
        expect(bytesOf(await read(n), 'stdout')).toEqual(text)
      }
      await expect.poll(() => readdir(spool())).toEqual([])
      await expect.poll(() => recorder.stats().pendingBytes).toBe(0)
    })

    it('waits in memory where neither the target nor the disk takes it, and loses nothing', async () => {
      let isAway = true
      const disk = new FullDisk()
      answer = async () => {
        disk.isFull = isAway
        if (isAway) throw new Error('away')
      }
      const recorder = await open({ target, disk, limits: LAZY })
      const record = await recorder.begin(facts(1), options())
      record.data('stdout', text)
      await record.end(ended)
      await expect.poll(() => calls.length).toBeGreaterThan(2)
      isAway = false
      await whole(1)
      expect(failures).toEqual([])
    })

    it('goes on piece by piece with a service that does not know how', async () => {
      answer = () => Promise.reject(new RecordingError('RECORDING_UNKNOWN', 'no such endpoint'))
      const recorder = await open({ target, limits: LAZY })
      for (const n of [1, 2]) {
        await run(recorder, n, text)
        await whole(n)
      }
      expect(calls).toEqual(['whole', 'begin', 'chunk', 'end', 'begin', 'chunk', 'end'])
    })

    it('holds few in memory, whatever ends at once', async () => {
      const first = Promise.withResolvers<void>()
      answer = () => first.promise
      const recorder = await open({ target, limits: LAZY })
      const all = Array.from({ length: 80 }, (_, n) => n + 1)
      for (const n of all) await run(recorder, n, text)
      const inFiles = await Promise.all(all.map(async (n) => (await files(n)).includes('end.json')))
      expect(inFiles.filter((isInFiles) => isInFiles)).toHaveLength(16)
      first.resolve()
      for (const n of all) await whole(n)
    })

    it('puts aside one that is refused for good', async () => {
      answer = () => Promise.reject(new RecordingError('RECORDING_CONFLICT', 'another one'))
      const recorder = await open({ target, limits: LAZY })
      await run(recorder, 1, text)
      await expect.poll(() => failures).toMatchObject([{ code: 'RECORDER_REFUSED' }])
      await expect.poll(() => readdir(spool())).toEqual(['aside'])
    })

    it('brings an encrypted one again after a death, packed anew, and it is the one that is there', async () => {
      const identity = await generateX25519Identity()
      const recipients = [await identityToRecipient(identity)]
      const disk = { ...nodeDisk, unlink: () => Promise.reject(new Error('dead')) }
      const settings = (): RecordingSettings => ({ ...SETTINGS, recipients })
      const dying = await open({
        target,
        settings,
        disk: { ...disk, remove: () => Promise.reject(new Error('dead')) },
        limits: { ...LAZY, retryFirstMs: 3_600_000, retryLastMs: 3_600_000 },
      })
      await run(dying, 1, text)
      const before = await whole(1)
      await expect.poll(() => files(1)).toEqual(['000000.open'])
      await cp(spool(), spool('copy'), { recursive: true })
      await open({ directory: spool('copy'), target, settings, limits: LAZY })
      await expect.poll(() => readdir(spool('copy'))).toEqual([])
      expect(await store.get(idOf(1))).toEqual(before)
      expect(bytesOf(await read(1, [identity]), 'stdout')).toEqual(text)
      expect(failures).toEqual([])
    })
  })

  it('says of a silent session that it goes on', async () => {
    let begins = 0
    const real = into(store)
    const recorder = await open({
      target: {
        ...real,
        begin(head) {
          begins += 1
          return real.begin(head)
        },
      },
      limits: { ...QUICK, sayEveryMs: 20 },
    })
    const record = await recorder.begin(facts(1), options())
    await expect.poll(() => begins).toBeGreaterThan(3)
    await record.end(ended)
  })

  describe('without a terminal', () => {
    it('keeps the beginning of each stream, and of the rest its size and hash', async () => {
      const recorder = await open()
      const record = await recorder.begin(facts(1, { tty: false }), options({ keepStdin: true }))
      const big = randomBytes(500_000)
      record.data('stdout', big.subarray(0, 600))
      record.data('stdout', big.subarray(600))
      record.data('stderr', Buffer.from('a little'))
      record.data('stdin', randomBytes(999))
      await record.end(ended)
      await whole(1)
      const frames = await read(1)
      expect(bytesOf(frames, 'stdout').equals(big.subarray(0, 1000))).toBe(true)
      expect(bytesOf(frames, 'stderr').toString()).toBe('a little')
      expect(bytesOf(frames, 'stdin')).toHaveLength(999)
      expect(frames.filter(({ kind }) => kind === 'omitted')).toEqual([
        {
          kind: 'omitted',
          atMs: expect.any(Number),
          stream: 'stdout',
          bytes: 499_000,
          sha256: createHash('sha256').update(big.subarray(1000)).digest('hex'),
        },
      ])
      expect(labels(frames)).toEqual(['what follows on stdout is counted, and not kept'])
    })

    it.each([
      [
        'keeps more of a session into which somebody types, however much noise was at its beginning',
        1,
      ],
      ['keeps no more where nobody types', 0],
    ])('%s', async (_, typed) => {
      const time = { ms: systemClock.now() }
      const ticking: Clock = { now: () => time.ms }
      const recorder = await open({
        clock: ticking,
        settings: () => ({ ...SETTINGS, pipeBytes: 1000 }),
        limits: { ...QUICK, refillBytesPerSecond: 1000 },
      })
      const record = await recorder.begin(facts(1, { tty: false, startedMs: time.ms }), options())
      if (typed === 1) record.data('stdin', Buffer.from('sh\n'))
      record.data('stdout', Buffer.alloc(5000, 'n'))
      time.ms += 900
      record.data('stdout', Buffer.from('too soon'))
      time.ms += 100
      record.data('stdout', Buffer.from('work'))
      record.data('stderr', Buffer.from('too'))
      await record.end(ended)
      await whole(1)
      const frames = await read(1)
      const kept = `${'n'.repeat(1000)}${typed === 1 ? 'work' : ''}`
      expect(bytesOf(frames, 'stdout').toString()).toBe(kept)
      expect(bytesOf(frames, 'stderr').toString()).toBe('too')
      expect(labels(frames)).toEqual([
        'what follows on stdout is counted, and not kept',
        ...(typed === 1 ? ['what follows on stdout is kept again'] : []),
      ])
      const omitted = Buffer.concat([
        Buffer.alloc(4000, 'n'),
        Buffer.from(typed === 1 ? 'too soon' : 'too soonwork'),
      ])
      expect(frames.filter(({ kind }) => kind === 'omitted')).toMatchObject([
        {
          stream: 'stdout',
          bytes: omitted.length,
          sha256: createHash('sha256').update(omitted).digest('hex'),
        },
      ])
    })

    it('keeps nothing of stdin, its hash neither, unless a role says so', async () => {
      const recorder = await open()
      const record = await recorder.begin(facts(1, { tty: false }), options())
      record.data('stdin', Buffer.from(`password${'x'.repeat(5000)}`))
      await record.end(ended)
      await whole(1)
      expect((await read(1)).map(({ kind }) => kind)).toEqual(['begin', 'end'])
    })

    it.each([
      ['in', 'stdin', ['tar', '-xmf', '-', '-C', '/tmp']],
      ['out', 'stdout', ['tar', 'cf', '-', 'etc']],
      ['out', 'stdout', ['sh', '-c', 'tar cf - etc | tail -c+1']],
    ] as const)('lists the files of a kubectl cp %s', async (direction, stream, command) => {
      const tar = Buffer.concat([
        tarHead('etc/app.conf', 700),
        Buffer.alloc(1024),
        tarHead('etc/\u001b[2J', 0),
      ])
      const recorder = await open()
      const record = await recorder.begin(facts(1, { tty: false, command }), options())
      record.data(stream, tar)
      await record.end(ended)
      await whole(1)
      expect(labels(await read(1)).filter((label) => label.startsWith('copied'))).toEqual([
        `copied ${direction}: file 0640 700 bytes etc/app.conf`,
        `copied ${direction}: file 0640 0 bytes etc/\ufffd[2J`,
      ])
    })
  })

  it('keeps recordings that only their recipients can read', async () => {
    const identity = await generateX25519Identity()
    const recipients = [await identityToRecipient(identity)]
    const recorder = await open({ settings: () => ({ ...SETTINGS, recipients }) })
    const record = await recorder.begin(facts(1), options())
    record.data('stdout', Buffer.from('a secret on the screen'))
    await record.end(ended)
    expect((await whole(1)).encrypted).toBe(true)
    for await (const chunk of chunksOf(1, store)) expect(isEncrypted(chunk)).toBe(true)
    await expect(read(1)).rejects.toMatchObject({ code: 'RECORD_LOCKED' })
    expect(bytesOf(await read(1, [identity]), 'stdout').toString()).toBe('a secret on the screen')
  })

  describe('where there is no room', () => {
    it('fails a record once, keeps what was written, and completes it when there is room', async () => {
      const disk = new FullDisk()
      const drains: number[] = []
      const recorder = await open({ disk })
      const record = await recorder.begin(facts(1), options({ onDrain: () => void drains.push(1) }))
      record.data('stdout', Buffer.from('early '))
      await expect.poll(async () => (await store.get(idOf(1)))?.chunks).toBeGreaterThan(0)
      disk.isFull = true
      let mayGoOn = true
      for (let round = 0; round < 40; round += 1) {
        mayGoOn = record.data('stdout', Buffer.alloc(100_000, 'x')) && mayGoOn
      }
      expect(mayGoOn).toBe(false)
      await expect
        .poll(() => failures)
        .toMatchObject([
          { code: 'RECORDER_UNWRITABLE', message: expect.stringContaining('the disk is full') },
        ])
      // Who waits for room is not left waiting.
      expect(drains).toEqual([1])
      expect(record.data('stdout', Buffer.from('late'))).toBe(true)
      await record.end(ended)
      expect(await isEnded(1)).toBe(false)
      await expect(recorder.begin(facts(2), options())).rejects.toMatchObject({
        code: 'RECORDER_UNWRITABLE',
      })
      disk.isFull = false
      expect((await whole(1)).end).toMatchObject({ cut: true, reason: 'cut' })
      const frames = await read(1)
      expect(bytesOf(frames, 'stdout').toString()).toMatch(/^early x*$/)
      expect(labels(frames)).toEqual([expect.stringContaining('could not be recorded any more')])
      expect(failures).toHaveLength(1)
      expect(recorder.stats().failedRecords).toBe(1)
      await (await recorder.begin(facts(3), options())).end(ended)
      await whole(3)
      await expect.poll(() => readdir(spool())).toEqual([])
    })

    it('breaks off the record of a session that fills its share, and goes on with all others', async () => {
      let isAway = true
      const real = into(store)
      const recorder = await open({
        target: {
          ...real,
          begin: (head) => (isAway ? Promise.reject(new Error('away')) : real.begin(head)),
        },
        limits: { ...QUICK, spoolBytes: 8_000_000, sessionBytes: 1_000_000 },
      })
      const quiet: Error[] = []
      const other = await recorder.begin(
        facts(1),
        options({ onFailed: (error) => void quiet.push(error) }),
      )
      const greedy = await recorder.begin(facts(2), options())
      for (let round = 0; round < 200; round += 1) greedy.data('stdout', randomBytes(100_000))
      await expect
        .poll(() => failures)
        .toMatchObject([
          { code: 'RECORDER_SHARE_FULL', message: expect.stringContaining('this one session') },
        ])
      other.data('stdout', Buffer.from('still here'))
      await other.end(ended)
      await (await recorder.begin(facts(3), options())).end(ended)
      expect(quiet).toEqual([])
      isAway = false
      for (const n of [1, 3]) expect((await whole(n)).end).toMatchObject({ cut: false })
      expect(bytesOf(await read(1), 'stdout').toString()).toBe('still here')
      expect((await whole(2)).end).toMatchObject({ cut: true })
      await greedy.end(ended)
      await expect.poll(() => recorder.stats().pendingBytes).toBe(0)
    })

    it('records no more of a person who fills his share with many sessions, also after a restart, and goes on with all others', async () => {
      let isAway = true
      const real = into(store)
      const target: RecordingTarget = {
        ...real,
        begin: (head) => (isAway ? Promise.reject(new Error('away')) : real.begin(head)),
      }
      const limits = { ...QUICK, spoolBytes: 8_000_000, personBytes: 1_000_000 }
      const settings = (): RecordingSettings => ({ ...SETTINGS, pipeBytes: 400_000 })
      const recorder = await open({ target, limits, settings })
      let filled = 0
      for (let n = 1; failures.length === 0 && n < 20; n += 1) {
        const record = await recorder.begin(facts(n), options()).catch((error: Error) => {
          failures.push(error)
          return null
        })
        record?.data('stdout', randomBytes(300_000))
        await record?.end(ended)
        filled = n
      }
      expect(filled).toBeGreaterThan(2)
      expect(failures).toMatchObject([
        { code: 'RECORDER_SHARE_FULL', message: expect.stringContaining('this one person') },
      ])
      const other = await recorder.begin(facts(30, { user: 'bob' }), options())
      other.data('stdout', Buffer.from('still here'))
      await other.end(ended)
      expect(failures).toHaveLength(1)

      await recorder[Symbol.asyncDispose]()
      const next = await open({ target, limits, settings })
      await expect.poll(() => next.stats().pending).toBeGreaterThan(2)
      const again = async (n: number): Promise<boolean> => {
        const heard: Error[] = []
        const asked = { onFailed: (error: Error) => void heard.push(error) }
        const record = await next.begin(facts(n), options(asked)).catch(() => null)
        record?.data('stdout', randomBytes(300_000))
        await record?.end(ended)
        return record !== null && heard.length === 0
      }
      expect(await again(31)).toBe(false)
      isAway = false
      await expect.poll(() => next.stats().pendingBytes).toBe(0)
      expect(await again(32)).toBe(true)
      expect(bytesOf(await read(30), 'stdout').toString()).toBe('still here')
    })

    /** One that takes a chunk when it is told so; what it was brought. */
    function gated(): { target: RecordingTarget; open: () => void } {
      const real = into(store)
      let opened = (): void => {}
      const gate = new Promise<void>((resolve) => {
        opened = resolve
      })
      return {
        target: {
          ...real,
          async putChunk(id, index, chunk) {
            if (id !== idOf(1)) await gate
            await real.putChunk(id, index, chunk)
          },
        },
        open: opened,
      }
    }
    const PIECES = 30
    /** Brings three times as much as the share, whatever it is told; resolves to what it was told last. */
    const fill = async (record: SessionRecord): Promise<boolean> => {
      let mayBringMore = true
      for (let piece = 0; piece < PIECES; piece += 1) {
        mayBringMore = record.data('stdout', randomBytes(100_000))
        await new Promise((resolve) => setImmediate(resolve))
      }
      return mayBringMore
    }
    const SHARE = { ...QUICK, spoolBytes: 8_000_000, sessionBytes: 1_000_000 }

    it('holds back a session that fills its share while the auth service takes it slowly, and loses nothing', async () => {
      const slow = gated()
      const recorder = await open({ target: slow.target, limits: SHARE })
      const drains: number[] = []
      const greedy = await recorder.begin(facts(2), options({ onDrain: () => drains.push(1) }))
      expect(await fill(greedy)).toBe(false)
      drains.length = 0
      // What cannot be told to wait takes no memory either.
      for (let width = 1; width <= 1000; width += 1) greedy.resize({ width, height: 1 })
      const other = await recorder.begin(facts(1), options())
      other.data('stdout', Buffer.from('not held'))
      await other.end(ended)
      expect(bytesOf(await whole(1).then(() => read(1)), 'stdout').toString()).toBe('not held')
      expect(drains).toEqual([])
      expect(failures).toEqual([])
      slow.open()
      await expect.poll(() => drains.length).toBe(1)
      await greedy.end(ended)
      expect((await whole(2)).end).toMatchObject({ cut: false })
      const frames = await read(2)
      expect(bytesOf(frames, 'stdout')).toHaveLength(PIECES * 100_000)
      expect(frames.filter(({ kind }) => kind === 'resize')).toMatchObject([{ width: 1000 }])
      expect(failures).toEqual([])
    })

    it('ends in the room that the delivery of its own beginning makes', async () => {
      const recorder = await open({ limits: { ...LAZY, sessionBytes: 500_000, holdMs: 500 } })
      const record = await recorder.begin(facts(1), options())
      record.data('stdout', randomBytes(300_000))
      const file = join(spool(), idOf(1), '000000.open')
      await expect.poll(async () => (await stat(file)).size).toBeGreaterThan(300_000)
      record.data('stdout', randomBytes(200_000))
      await record.end(ended)
      expect(failures).toEqual([])
      expect((await whole(1)).end).toMatchObject({ cut: false })
      expect(bytesOf(await read(1), 'stdout')).toHaveLength(500_000)
    })

    it('holds back no longer than it may, also when nobody ever answers', async () => {
      const silent = gated()
      const recorder = await open({ target: silent.target, limits: { ...SHARE, holdMs: 30 } })
      const drains: number[] = []
      const greedy = await recorder.begin(facts(2), options({ onDrain: () => drains.push(1) }))
      await fill(greedy)
      await expect.poll(() => failures).toMatchObject([{ code: 'RECORDER_SHARE_FULL' }])
      // Whether the session goes on is its policy's business; it is not left waiting.
      expect(drains.length).toBeGreaterThan(0)
      silent.open()
      expect((await whole(2)).end).toMatchObject({ cut: true })
    })

    it('ends with the process at once while a session is held back, and keeps what was in memory', async () => {
      let fail = (): void => {}
      const failed = new Promise<never>((_, reject) => {
        fail = () => reject(new Error('away'))
      })
      failed.catch(() => {})
      const putChunk = (): Promise<void> => failed
      const recorder = await open({
        target: { ...into(store), putChunk },
        limits: { ...SHARE, awayMs: 3_600_000, closeMs: 50 },
      })
      const greedy = await recorder.begin(facts(2), options())
      await fill(greedy)
      const closing = recorder[Symbol.asyncDispose]()
      fail()
      await closing
      expect(failures).toEqual([])
      await open()
      expect((await whole(2)).end).toMatchObject({ cut: true })
      expect(bytesOf(await read(2), 'stdout')).toHaveLength(PIECES * 100_000)
    })

    it('refuses sessions while what waits for auth fills the spool', async () => {
      let isAway = true
      const real = into(store)
      const recorder = await open({
        target: {
          ...real,
          begin: (head) => (isAway ? Promise.reject(new Error('away')) : real.begin(head)),
        },
        limits: { ...QUICK, spoolBytes: 1_000_000 },
      })
      const record = await recorder.begin(facts(1), options())
      record.data('stdout', randomBytes(990_000))
      record.data('stdout', randomBytes(900_000))
      await expect.poll(() => failures).toMatchObject([{ code: 'RECORDER_FULL' }])
      const refused = async (): Promise<unknown> => {
        const begun = await recorder.begin(facts(2), options()).catch((error: unknown) => error)
        if (begun instanceof Error) return begun
        const filler = begun as Awaited<ReturnType<Recorder['begin']>>
        filler.data('stdout', randomBytes(300_000))
        await filler.end(ended)
        return null
      }
      await expect
        .poll(refused, { interval: 20 })
        .toSatisfy((error) => error === null || (error as { code?: string }).code !== undefined)
      isAway = false
      await whole(1)
      await expect.poll(() => recorder.stats().pendingBytes).toBe(0)
      await (await recorder.begin(facts(4), options())).end(ended)
      await whole(4)
    })
  })

  it('tells who brings more than the disk takes to wait, and when there is room again', async () => {
    let release = (): void => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    let isHeld = false
    const disk: SpoolDisk = {
      ...nodeDisk,
      async create(path) {
        const file = await nodeDisk.create(path)
        return {
          async append(bytes) {
            if (isHeld) await held
            await file.append(bytes)
          },
          close: () => file.close(),
        }
      },
    }
    const recorder = await open({ disk })
    let drained = 0
    const record = await recorder.begin(facts(1), options({ onDrain: () => (drained += 1) }))
    isHeld = true
    let brought = 0
    while (record.data('stdout', Buffer.alloc(50_000, 'x'))) brought += 50_000
    expect(brought).toBeLessThan(2_000_000)
    expect(drained).toBe(0)
    release()
    await expect.poll(() => drained).toBe(1)
    await record.end(ended)
    await whole(1)
    expect(bytesOf(await read(1), 'stdout')).toHaveLength(brought + 50_000)
  })

  it.each([29_000, 32_768, 100_003])(
    'goes on as soon as there is room, with pieces of %i bytes',
    async (size) => {
      const recorder = await open({ limits: LAZY })
      let drained = (): void => {}
      const record = await recorder.begin(facts(1), options({ onDrain: () => drained() }))
      for (let brought = 0; brought < 10_000_000; brought += size) {
        if (record.data('stdout', Buffer.alloc(size, 'x'))) continue
        await new Promise<void>((resolve) => {
          drained = resolve
        })
      }
      await record.end(ended)
      await whole(1)
    },
  )

  it('puts aside what cannot be read or is refused, and goes on with the rest', async () => {
    await mkdir(join(spool(), idOf(1)), { recursive: true })
    await writeFile(join(spool(), idOf(1), '000003.open'), 'nonsense')
    await mkdir(join(spool(), idOf(2)))
    await writeFile(join(spool(), idOf(2), '000000.chunk'), 'a chunk without its session')
    await mkdir(join(spool(), idOf(3)))
    await writeFile(join(spool(), idOf(3), 'end.json'), '{"version":1}')
    await mkdir(join(spool(), idOf(4)))
    await writeFile(join(spool(), 'notes.txt'), 'x')
    const recorder = await open()
    await (await recorder.begin(facts(5), options())).end(ended)
    await whole(5)
    await expect.poll(() => readdir(spool())).toEqual(['aside', 'notes.txt'])
    expect(await readdir(join(spool(), 'aside'))).toHaveLength(3)
    expect(errors).toHaveLength(3)
  })

  it('begins whatever else lies in the spool', async () => {
    await mkdir(join(spool(), idOf(1)), { recursive: true })
    await symlink('nowhere', join(spool(), 'nowhere'))
    await symlink('nowhere', join(spool(), idOf(1), 'nowhere'))
    const recorder = await open()
    await (await recorder.begin(facts(2), options())).end(ended)
    await whole(2)
    expect(await readdir(spool())).toContain('nowhere')
  })

  it.each([
    ['its first', 0],
    ['its last', 2],
  ])(
    'puts aside a recording of which somebody took %s piece away, and is not away for it',
    async (_name, index) => {
      let isAway = true
      const recorder = await open({
        limits: { ...LAZY, chunkBytes: 100_000 },
        target: {
          ...target,
          begin: (head) => (isAway ? Promise.reject(new Error('away')) : target.begin(head)),
        },
      })
      const record = await recorder.begin(facts(1), options())
      for (let round = 0; round < 3; round += 1) record.data('stdout', randomBytes(300_000))
      await record.end(ended)
      const names = (await readdir(join(spool(), idOf(1)))).filter(isChunk).sort()
      expect(names.length).toBeGreaterThan(2)
      await rm(join(spool(), idOf(1), (index === 0 ? names[0] : names.at(-1)) ?? ''))
      isAway = false
      await expect.poll(() => readdir(spool())).toEqual(['aside'])
      expect(failures).toMatchObject([{ code: 'RECORDER_REFUSED' }])
      await (await recorder.begin(facts(2), options())).end(ended)
      await whole(2)
      await expect.poll(() => recorder.stats()).toMatchObject({ pendingBytes: 0, lastError: null })
    },
  )

  it('puts aside nothing in the clear that was to be for its recipients alone', async () => {
    const identity = await generateX25519Identity()
    const recipients = [await identityToRecipient(identity)]
    const heard = Promise.withResolvers<void>()
    const recorder = await open({
      settings: () => ({ ...SETTINGS, recipients }),
      limits: { ...LAZY, flushMs: 1 },
      target: {
        ...target,
        putChunk: async () => {
          await heard.promise
          throw new RecordingError('RECORDING_CONFLICT', 'another one')
        },
      },
    })
    const record = await recorder.begin(facts(1), options())
    // So much that it is a chunk, and some more in the open part.
    record.data('stdout', randomBytes(1_500_000))
    const directory = join(spool(), idOf(1))
    await expect.poll(() => readdir(directory)).toContain('000001.open')
    record.data('stdout', Buffer.from('a secret on the screen'))
    await expect
      .poll(async () => (await readFile(join(directory, '000001.open'))).includes('a secret'))
      .toBe(true)
    heard.resolve()
    await expect.poll(() => failures).toMatchObject([{ code: 'RECORDER_REFUSED' }])
    await expect.poll(() => readdir(spool())).toEqual(['aside'])
    const [name = ''] = await readdir(join(spool(), 'aside'))
    const files = await readdir(join(spool(), 'aside', name))
    expect(files).toContain('000001.chunk')
    for (const file of files) {
      const bytes = await readFile(join(spool(), 'aside', name, file))
      expect(bytes.includes('a secret')).toBe(false)
    }
    expect(recorder.stats().pendingBytes).toBe(0)
  })

  it.each(['create', 'read'] as const)(
    'lets go of all that it has of a session that is refused amid a %s of its files',
    async (what) => {
      const held = Promise.withResolvers<void>()
      const free = Promise.withResolvers<void>()
      const done = Promise.withResolvers<void>()
      let openFiles = 0
      const gated = async (path: string): Promise<void> => {
        if (!path.endsWith(what === 'create' ? '000002.open' : '000001.open')) return
        held.resolve()
        await free.promise
      }
      const disk: SpoolDisk = {
        ...nodeDisk,
        async create(path) {
          const file = await nodeDisk.create(path)
          openFiles += 1
          if (what === 'create') await gated(path)
          return {
            append: (bytes) => file.append(bytes),
            async close() {
              openFiles -= 1
              await file.close()
            },
          }
        },
        async read(path) {
          const bytes = await nodeDisk.read(path)
          if (what === 'read') await gated(path)
          return bytes
        },
      }
      const recorder = await open({
        disk,
        limits: { ...LAZY, chunkBytes: 100_000 },
        target: {
          ...target,
          putChunk: async () => {
            await held.promise
            done.resolve()
            throw new RecordingError('RECORDING_CONFLICT', 'another one')
          },
        },
      })
      const record = await recorder.begin(facts(1), options())
      for (let round = 0; round < 4; round += 1) record.data('stdout', randomBytes(300_000))
      await done.promise
      await expect.poll(() => failures).toMatchObject([{ code: 'RECORDER_REFUSED' }])
      free.resolve()
      await expect.poll(() => readdir(spool())).toEqual(['aside'])
      await expect.poll(() => openFiles).toBe(0)
      await expect.poll(() => recorder.stats().pendingBytes).toBe(0)
    },
  )

  it('ends a session whose recording is refused for good', async () => {
    const recorder = await open({
      target: {
        ...target,
        putChunk: () => Promise.reject(new RecordingError('RECORDING_CONFLICT', 'another one')),
      },
    })
    const record = await recorder.begin(facts(1), options())
    record.data('stdout', Buffer.from('x'))
    await expect.poll(() => failures).toMatchObject([{ code: 'RECORDER_REFUSED' }])
    await record.end(ended)
    await expect.poll(() => readdir(spool())).toEqual(['aside'])
    expect(recorder.stats()).toMatchObject({ live: 0, pending: 0, failedRecords: 1 })
  })

  it('puts one aside once that is refused while its record breaks off', async () => {
    const disk = new FullDisk()
    const [asked, answer] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const warnings: string[] = []
    const recorder = await open({
      disk,
      log: { ...log, warn: (_fields, words) => void warnings.push(words) },
      target: {
        ...target,
        putChunk() {
          asked.resolve()
          return answer.promise
        },
      },
    })
    const record = await recorder.begin(facts(1), options())
    record.data('stdout', Buffer.from('early'))
    await asked.promise
    disk.isFull = true
    record.data('stdout', Buffer.alloc(100_000, 'x'))
    await expect.poll(() => failures).toMatchObject([{ code: 'RECORDER_UNWRITABLE' }])
    disk.isFull = false
    answer.reject(new RecordingError('RECORDING_CONFLICT', 'another one'))
    await expect.poll(() => readdir(spool())).toEqual(['aside'])
    await recorder[Symbol.asyncDispose]()
    expect(warnings).toEqual([])
    expect(recorder.stats()).toMatchObject({ pending: 0, pendingBytes: 0 })
    expect(await readdir(join(spool(), 'aside'))).toHaveLength(1)
    expect(await readdir(spool())).toEqual(['aside'])
  })

  it('says that a recording is refused when its session has ended already, too', async () => {
    let isAway = true
    const refuse = (): Promise<void> =>
      Promise.reject(
        isAway ? new Error('away') : new RecordingError('RECORDING_CONFLICT', 'another one'),
      )
    const recorder = await open({ target: { ...target, begin: refuse } })
    const record = await recorder.begin(facts(1), options())
    record.data('stdout', Buffer.from('x'))
    await record.end(ended)
    expect(failures).toEqual([])
    isAway = false
    await expect.poll(() => failures).toMatchObject([{ code: 'RECORDER_REFUSED' }])
    await expect.poll(() => readdir(spool())).toEqual(['aside'])
    expect(recorder.stats()).toMatchObject({ pending: 0, pendingBytes: 0, failedRecords: 1 })
  })

  it.each(['RECORDING_UNREADABLE', 'RECORDING_UNKNOWN'] as const)(
    'begins again and goes on when the target says %s once',
    async (code) => {
      const calls: string[] = []
      const real = into(store)
      const recorder = await open({
        target: {
          ...real,
          begin(head) {
            calls.push('begin')
            return real.begin(head)
          },
          putChunk(id, index, chunk) {
            calls.push('chunk')
            if (calls.length === 2) return Promise.reject(new RecordingError(code, 'not now'))
            return real.putChunk(id, index, chunk)
          },
        },
        limits: LAZY,
      })
      const record = await recorder.begin(facts(1), options())
      await record.end(ended)
      await whole(1)
      expect(calls).toEqual(['begin', 'chunk', 'begin', 'chunk'])
      expect(failures).toEqual([])
    },
  )

  describe('of what was put aside', () => {
    /** Recordings that are refused for good, one after the other. */
    async function refused(limits: Partial<RecorderLimits>, ns: readonly number[]): Promise<void> {
      const recorder = await open({
        target: {
          ...target,
          putChunk: () => Promise.reject(new RecordingError('RECORDING_CONFLICT', 'another one')),
        },
        limits: { ...LAZY, ...limits },
      })
      for (const n of ns) {
        const record = await recorder.begin(facts(n), options())
        record.data('stdout', randomBytes(100_000))
        await record.end(ended)
        await expect.poll(aside).toContain(idOf(n))
        await expect.poll(() => recorder.stats().pendingBytes).toBe(0)
      }
    }
    const aside = async (): Promise<string[]> =>
      (await readdir(join(spool(), 'aside')).catch(() => [])).map((name) => name.slice(0, 36))

    it('nothing takes room from sessions', async () => {
      await refused({ spoolBytes: 150_000 }, [1, 2, 3])
      expect((await aside()).sort()).toEqual([1, 2, 3].map(idOf))
      const next = await open({ limits: { ...LAZY, spoolBytes: 150_000 } })
      expect(next.stats().pendingBytes).toBe(0)
      await (await next.begin(facts(4), options())).end(ended)
      await whole(4)
    })

    it('keeps the newest when it is too much, also when it was put there by another process', async () => {
      await refused({ asideBytes: 250_000 }, [1, 2, 3])
      await expect.poll(async () => (await aside()).sort()).toEqual([2, 3].map(idOf))
      await writeFile(join(spool(), 'aside', 'notes.txt'), 'x')
      const lines: object[] = []
      await open({
        limits: { ...LAZY, asideBytes: 150_000 },
        log: { ...silentLogger, warn: (fields: object) => void lines.push(fields) },
      })
      expect((await readdir(join(spool(), 'aside'))).sort()).toEqual([
        expect.stringContaining(idOf(3)),
        'notes.txt',
      ])
      expect(lines).toEqual([{ recording: idOf(2), bytes: expect.any(Number) }])
    })
  })

  it('records nothing where the Teleport cluster says so', async () => {
    const recorder = await open({ settings: () => ({ ...SETTINGS, records: false }) })
    expect(recorder.policy()).toEqual({ records: false, strict: false })
    const record = await recorder.begin(facts(1), options())
    expect(record.data('stdout', randomBytes(5_000_000))).toBe(true)
    record.resize({ width: 1, height: 1 })
    record.marker('x')
    await record.end(ended)
    expect(await readdir(spool())).toEqual([])
  })

  it('keeps nothing of a session that did not begin', async () => {
    const recorder = await open()
    const record = await recorder.begin(facts(1), options())
    expect(record.discard()).toBe(false)
    await expect.poll(() => readdir(spool())).toEqual([])
    expect(recorder.stats()).toMatchObject({ live: 0, pending: 0, pendingBytes: 0 })
    record.data('stdout', Buffer.from('late'))
    await record.end(ended)
    expect(await store.get(idOf(1))).toBeNull()
    // Its id is free again.
    await (await recorder.begin(facts(1), options())).end(ended)
    await whole(1)
    expect(failures).toEqual([])
  })

  it('ends a session that did not begin as refused when something of it is on its way', async () => {
    const recorder = await open({ limits: { ...QUICK, cutMs: 10 } })
    const record = await recorder.begin(facts(1), options())
    await expect.poll(() => store.get(idOf(1))).not.toBeNull()
    expect(record.discard()).toBe(true)
    const { end } = await whole(1)
    expect(end).toMatchObject({ reason: 'refused', exitCode: null, cut: false })
  })

  it('refuses the id of a session that is recorded already, and leaves that one alone', async () => {
    const recorder = await open()
    const record = await recorder.begin(facts(1), options())
    await expect(recorder.begin(facts(1), options())).rejects.toMatchObject({
      code: 'RECORDER_UNWRITABLE',
    })
    record.data('stdout', Buffer.from('mine'))
    await record.end(ended)
    await whole(1)
    expect(bytesOf(await read(1), 'stdout').toString()).toBe('mine')
  })

  it('waits for what is being ended when the process ends', async () => {
    const recorder = await open({ limits: LAZY })
    const record = await recorder.begin(facts(1), options())
    record.data('stdout', randomBytes(2_000_000))
    void record.end({ exitCode: 5, reason: 'exited' })
    await recorder[Symbol.asyncDispose]()
    expect((await store.get(idOf(1)))?.end).toMatchObject({ cut: false, exitCode: 5 })
    expect(await readdir(spool())).toEqual([])
  })

  it('completes and delivers what goes on when the process ends', async () => {
    const recorder = await open({ limits: LAZY })
    const record = await recorder.begin(facts(1), options())
    record.data('stdout', Buffer.from('until the end'))
    await recorder[Symbol.asyncDispose]()
    expect((await store.get(idOf(1)))?.end).toMatchObject({ cut: true })
    expect(bytesOf(await read(1), 'stdout').toString()).toBe('until the end')
    await record.end(ended)
    await expect(recorder.begin(facts(2), options())).rejects.toMatchObject({
      code: 'RECORDER_CLOSED',
    })
    expect(failures).toEqual([])
  })
})

const isChunk = (name: string): boolean => name.endsWith('.chunk')

/** A disk that takes nothing more at times. */
class FullDisk implements SpoolDisk {
  isFull = false
  #check(): void {
    if (this.isFull) throw Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' })
  }
  makeDirectory = nodeDisk.makeDirectory
  makeNewDirectory = nodeDisk.makeNewDirectory
  read = nodeDisk.read
  list = nodeDisk.list
  facts = nodeDisk.facts
  unlink = nodeDisk.unlink
  rename = nodeDisk.rename
  removeEmpty = nodeDisk.removeEmpty
  remove = nodeDisk.remove
  async create(path: string): ReturnType<SpoolDisk['create']> {
    this.#check()
    const file = await nodeDisk.create(path)
    return {
      append: async (bytes) => {
        if (this.isFull) await file.append(bytes.subarray(0, bytes.length / 2))
        this.#check()
        await file.append(bytes)
      },
      close: () => file.close(),
    }
  }
  async write(path: string, bytes: Uint8Array): Promise<void> {
    this.#check()
    await nodeDisk.write(path, bytes)
  }
}

/** A disk under a process that dies after so many changes: what comes after that changes nothing, and never ends. */
class MortalDisk implements SpoolDisk {
  #left: number
  isDead = false
  /** All that reached it in files that grow. */
  appended = ''
  constructor(steps: number) {
    this.#left = steps
  }
  kill(): void {
    this.isDead = true
  }
  async #change<T>(make: () => Promise<T>): Promise<T> {
    if (this.#left === 0) this.isDead = true
    if (this.isDead) throw new Error('the process is dead')
    this.#left -= 1
    return make()
  }
  read = nodeDisk.read
  list = nodeDisk.list
  facts = nodeDisk.facts
  makeDirectory = nodeDisk.makeDirectory
  makeNewDirectory = (path: string): Promise<void> =>
    this.#change(() => nodeDisk.makeNewDirectory(path))
  unlink = (path: string): Promise<void> => this.#change(() => nodeDisk.unlink(path))
  rename = (from: string, to: string): Promise<void> =>
    this.#change(() => nodeDisk.rename(from, to))
  removeEmpty = (path: string): Promise<void> => this.#change(() => nodeDisk.removeEmpty(path))
  remove = (path: string): Promise<void> => this.#change(() => nodeDisk.remove(path))
  write = (path: string, bytes: Uint8Array): Promise<void> =>
    this.#change(() => nodeDisk.write(path, bytes))
  async create(path: string): ReturnType<SpoolDisk['create']> {
    const file = await this.#change(() => nodeDisk.create(path))
    return {
      append: async (bytes) => {
        await this.#change(() => file.append(bytes))
        this.appended += bytes.toString('latin1')
      },
      close: () => file.close(),
    }
  }
}

/** The head of a file in a tar stream, POSIX ustar. */
function tarHead(path: string, size: number): Buffer {
  const head = Buffer.alloc(512)
  head.write(path, 0)
  head.write('0000640\0', 100)
  head.write(`${size.toString(8).padStart(11, '0')}\0`, 124)
  head.write('        ', 148)
  head.write('0', 156)
  head.write('ustar\u000000', 257)
  const sum = head.reduce((total, byte) => total + byte, 0)
  head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return head
}
