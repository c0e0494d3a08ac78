import {
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
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLogger, systemClock } from '../../../src/core/index.ts'
import {
  openDirectoryStore,
  RecordingError,
  type RecordingStore,
} from '../../../src/recordings/index.ts'
import { describeRecordingStore } from './describe-store.ts'
import { endOf, headOf, idOf } from './facts.ts'

describeRecordingStore('a directory', async () => {
  const path = await mkdtemp(join(tmpdir(), 'recordings-'))
  return {
    open: (clock) => openDirectoryStore({ path, clock, log: silentLogger }),
    remove: () => rm(path, { recursive: true, force: true }),
  }
})

describe('a directory of recordings', () => {
  let path: string
  let store: RecordingStore
  const warnings: unknown[] = []
  const log = { ...silentLogger, warn: (fields: object) => void warnings.push(fields) }
  const open = (): Promise<RecordingStore> => openDirectoryStore({ path, clock: systemClock, log })
  const day = (): string => join(path, '2025-11-24')
  const listed = async (): Promise<string[]> =>
    (await store.list({ limit: 10 })).items.map(({ facts }) => facts.sessionId)

  beforeEach(async () => {
    warnings.length = 0
    path = join(await mkdtemp(join(tmpdir(), 'recordings-')), 'recordings')
    store = await open()
    for (const n of [1, 2, 3]) {
      await store.begin(headOf(n))
      await store.putChunk(idOf(n), 0, Buffer.from('a chunk'))
      await store.complete(idOf(n), endOf([Buffer.from('a chunk')]))
    }
  })
  afterEach(() => rm(join(path, '..'), { recursive: true, force: true }))

  const chunkFile = async (n: number): Promise<string> => {
    const names = await readdir(join(day(), idOf(n)))
    const name = names.find((one) => one.endsWith('.chunk'))
    return join(day(), idOf(n), name ?? '')
  }

  it('takes new recordings and chunks where there is room, and ends always', async () => {
    const asked: [string, number][] = []
    let hasRoom = true
    const tight = await openDirectoryStore({
      path,
      clock: systemClock,
      log,
      room: {
        async use(host, bytes, work) {
          if (!hasRoom) throw new RecordingError('RECORDING_NO_ROOM', 'full')
          asked.push([host, bytes])
          return work()
        },
      },
    })
    const { serverId } = headOf(4).facts
    await tight.begin(headOf(4))
    await tight.putChunk(idOf(4), 0, Buffer.alloc(5000))
    await tight.putChunk(idOf(4), 0, Buffer.alloc(5000))
    // In blocks of the disk; what is there already takes nothing.
    expect(asked).toEqual([
      [serverId, 4096],
      [serverId, 8192],
    ])
    hasRoom = false
    const noRoom = { code: 'RECORDING_NO_ROOM' }
    await expect(tight.putChunk(idOf(4), 1, Buffer.from('x'))).rejects.toMatchObject(noRoom)
    await expect(tight.begin(headOf(5))).rejects.toMatchObject(noRoom)
    const chunk = Buffer.from('a chunk')
    const whole = { head: headOf(6), chunk, end: endOf([chunk]) }
    await expect(tight.putWhole(whole)).rejects.toMatchObject(noRoom)
    for (const n of [5, 6]) expect(await tight.get(idOf(n))).toBeNull()
    await tight.begin(headOf(4))
    expect(await tight.complete(idOf(4), endOf([Buffer.alloc(5000)]))).toBe(true)
    hasRoom = true
    await tight.putWhole(whole)
    expect((await tight.get(idOf(6)))?.end).not.toBeNull()
  })

  it('is for its owner alone', async () => {
    for (const directory of [path, day(), join(day(), idOf(1))]) {
      expect((await stat(directory)).mode & 0o777).toBe(0o700)
    }
    const files = [
      await chunkFile(1),
      join(day(), idOf(1), 'recording.json'),
      join(day(), 'index.jsonl'),
    ]
    for (const file of files) expect((await stat(file)).mode & 0o777).toBe(0o600)
  })

  it('keeps the bytes of a chunk as they came', async () => {
    expect(await readFile(await chunkFile(1), 'utf8')).toBe('a chunk')
  })

  it.each([
    ['was cut', (file: string) => truncate(file, 3)],
    ['was changed', (file: string) => writeFile(file, 'a chunK')],
    ['is gone', (file: string) => rm(file)],
  ])('says so when a chunk %s, and gives the other recordings', async (_, spoil) => {
    await spoil(await chunkFile(2))
    for (const opened of [store, await open()]) {
      await expect(opened.readChunk(idOf(2), 0)).rejects.toMatchObject({
        code: expect.stringMatching(/^RECORDING_(CORRUPT|UNKNOWN)$/),
      })
      expect((await opened.readChunk(idOf(1), 0)).toString()).toBe('a chunk')
    }
    expect(await listed()).toEqual([3, 2, 1].map(idOf))
  })

  it.each([
    ['nothing', ''],
    ['half of it', '{"version":1,"facts":{"sess'],
    ['another version', '{"version":2}'],
    ['the facts of another', null],
  ])('passes over a recording whose facts are %s, with a line in the log', async (_, text) => {
    const other = await readFile(join(day(), idOf(1), 'recording.json'), 'utf8')
    await writeFile(join(day(), idOf(2), 'recording.json'), text ?? other)
    expect(await listed()).toEqual([3, 1].map(idOf))
    expect(warnings).toContainEqual(expect.objectContaining({ recording: idOf(2) }))
    await rm(join(day(), 'index.jsonl'))
    store = await open()
    expect(await listed()).toEqual([3, 1].map(idOf))
  })

  it.each([
    ['is gone', () => rm(join(day(), 'index.jsonl'))],
    ['is torn', () => truncate(join(day(), 'index.jsonl'), 150)],
    ['is nonsense', () => writeFile(join(day(), 'index.jsonl'), '[1]\n{}\n\u0000')],
    [
      'is a directory',
      async () => {
        await rm(join(day(), 'index.jsonl'))
        await mkdir(join(day(), 'index.jsonl'))
      },
    ],
  ])('knows all recordings when the index of a day %s', async (_, spoil) => {
    await spoil()
    store = await open()
    expect(await listed()).toEqual([3, 2, 1].map(idOf))
    await store.begin(headOf(4))
    expect(await listed()).toEqual([4, 3, 2, 1].map(idOf))
  })

  it.each([
    ['is gone', async () => {}],
    ['is torn', (file: string) => writeFile(file, '{"version":1,"facts":{"sess')],
    ['is a link that leads nowhere for ever', (file: string) => symlink('recording.json', file)],
  ])('never says that there is no recording when its head %s', async (_, spoil) => {
    await store.begin(headOf(4))
    const file = join(day(), idOf(4), 'recording.json')
    const head = await readFile(file)
    await rm(file)
    await spoil(file)
    const unreadable = { code: 'RECORDING_UNREADABLE' }
    await expect(store.get(idOf(4))).rejects.toMatchObject(unreadable)
    // A service that is told one of these gives the recording up.
    const forGood = expect.stringMatching(/^RECORDING_(UNKNOWN|CONFLICT)$/)
    const chunk = Buffer.from('a')
    for (const work of [
      () => store.begin(headOf(4)),
      () => store.putChunk(idOf(4), 0, chunk),
      () => store.complete(idOf(4), endOf([chunk])),
    ]) {
      await expect(work()).rejects.not.toMatchObject({ code: forGood })
    }
    expect(await listed()).toEqual([3, 2, 1].map(idOf))
    await rm(file, { force: true })
    await writeFile(file, head)
    await store.putChunk(idOf(4), 0, chunk)
    expect(await store.complete(idOf(4), endOf([chunk]))).toBe(true)
  })

  it('takes a day away with its last recording, and makes it again when one of that day comes', async () => {
    await writeFile(join(path, 'notes.txt'), 'x')
    for (const n of [1, 2]) await store.remove(idOf(n))
    expect((await readdir(day())).sort()).toEqual([idOf(3), 'index.jsonl'])
    await store.remove(idOf(3))
    expect(await readdir(path)).toEqual(['notes.txt'])
    const chunk = Buffer.from('late')
    await store.putWhole({ head: headOf(4), chunk, end: endOf([chunk]) })
    await store.remove(idOf(4))
    await store.begin(headOf(5))
    store = await open()
    expect(await listed()).toEqual([idOf(5)])
  })

  it('removes one that cannot be read, and one that is not there any more', async () => {
    await writeFile(join(day(), idOf(1), 'recording.json'), 'damaged')
    await rm(join(day(), idOf(2)), { recursive: true })
    for (const n of [1, 2]) await store.remove(idOf(n))
    expect(await listed()).toEqual([idOf(3)])
    expect((await readdir(day())).sort()).toEqual([idOf(3), 'index.jsonl'])
  })

  it('leaves the directory of a day in which something of others lies', async () => {
    await writeFile(join(day(), 'notes.txt'), 'x')
    for (const n of [1, 2, 3]) await store.remove(idOf(n))
    expect(await readdir(day())).toEqual(['notes.txt'])
  })

  it('clears away what a process left that died amid bringing one or removing one', async () => {
    for (const half of [`.new-${idOf(8)}`, `.removed-${idOf(9)}`]) {
      await mkdir(join(path, half))
      await writeFile(join(path, half, 'recording.json'), '{')
    }
    store = await open()
    expect(await readdir(path)).toEqual(['2025-11-24'])
    // Also one that the running process left.
    await mkdir(join(path, `.new-${idOf(4)}`))
    await writeFile(join(path, `.new-${idOf(4)}`, 'recording.json'), '{')
    const chunk = Buffer.from('x')
    await store.putWhole({ head: headOf(4), chunk, end: endOf([chunk]) })
    expect(await store.get(idOf(4))).toMatchObject({ chunks: 1 })
    expect(await readdir(path)).toEqual(['2025-11-24'])
  })

  it('leaves nothing of one that it could not put in its place', async () => {
    const chunk = Buffer.from('x')
    const head = headOf(4)
    await rm(day(), { recursive: true })
    await writeFile(day(), 'a file that is called like a day')
    store = await open()
    await expect(store.putWhole({ head, chunk, end: endOf([chunk]) })).rejects.toMatchObject({
      code: 'EEXIST',
    })
    expect(await readdir(path)).toEqual(['2025-11-24'])
    await rm(day())
    await store.putWhole({ head, chunk, end: endOf([chunk]) })
    expect(await listed()).toEqual([idOf(4)])
  })

  it('goes on with what lies at the place of a recording that is brought whole', async () => {
    const chunk = Buffer.from('x')
    await mkdir(join(day(), idOf(4)))
    await writeFile(join(day(), idOf(4), 'recording.json'), 'damaged')
    await store.putWhole({ head: headOf(4), chunk, end: endOf([chunk]) })
    expect(await store.get(idOf(4))).toMatchObject({ chunks: 1, end: endOf([chunk]) })
  })

  it('passes over what others put there', async () => {
    await writeFile(join(path, 'notes.txt'), 'x')
    await writeFile(join(path, '2025-11-23'), 'a file that is called like a day')
    await mkdir(join(path, 'lost+found'))
    await mkdir(join(day(), 'backup'))
    await writeFile(join(day(), idOf(7)), 'a file that is called like a recording')
    await mkdir(join(day(), idOf(8)))
    await writeFile(join(day(), idOf(1), 'copy of 000000.chunk'), 'x')
    await writeFile(join(day(), idOf(1), '.0123456789abcdef.tmp'), 'half a chunk')
    store = await open()
    expect(await listed()).toEqual([3, 2, 1].map(idOf))
    expect((await store.readChunk(idOf(1), 0)).toString()).toBe('a chunk')
  })

  it('goes on with a recording that was begun by a process which died amid it', async () => {
    await mkdir(join(day(), idOf(5)))
    await writeFile(join(day(), idOf(5), '.0123456789abcdef.tmp'), '{"vers')
    store = await open()
    await store.begin(headOf(5))
    await store.putChunk(idOf(5), 0, Buffer.from('a'))
    expect(await store.complete(idOf(5), endOf([Buffer.from('a')]))).toBe(true)
    expect(await readdir(join(day(), idOf(5)))).toHaveLength(2)
  })
})
