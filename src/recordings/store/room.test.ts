import { describe, expect, it } from 'vitest'
import { silentLogger } from '../../core/index.ts'
import { type DiskSpace, StoreRoom, spaceOf } from './room.ts'

const GIB = 1024 ** 3
const HOUR_MS = 3_600_000

function setUp(hostBytesPerDay = 2400, space: () => DiskSpace = plenty) {
  const time = { ms: 1_764_000_000_000 }
  const said: string[] = []
  const room = new StoreRoom({
    space: async () => space(),
    hostBytesPerDay,
    clock: { now: () => time.ms },
    log: { ...silentLogger, error: (_: object, words: string) => void said.push(words) },
  })
  const bring = (host: string, bytes: number): Promise<string> =>
    room.use(host, bytes, async () => 'kept')
  return { room, time, said, bring }
}
const plenty = (): DiskSpace => ({ freeBytes: 100 * GIB, totalBytes: 200 * GIB })
const noRoom = { code: 'RECORDING_NO_ROOM' }

describe('the room of a store', () => {
  it('is so much a day for each service, and comes back bit by bit', async () => {
    const { bring, time } = setUp()
    expect(await bring('a', 2400)).toBe('kept')
    await expect(bring('a', 1)).rejects.toMatchObject(noRoom)
    expect(await bring('b', 2400)).toBe('kept')
    time.ms += HOUR_MS
    expect(await bring('a', 100)).toBe('kept')
    await expect(bring('a', 1)).rejects.toMatchObject(noRoom)
    time.ms += 48 * HOUR_MS
    // Not more than a day's share, however long it was silent.
    await expect(bring('a', 2401)).rejects.toMatchObject(noRoom)
    expect(await bring('a', 2400)).toBe('kept')
  })

  it('is not given to a clock that jumps back and forth', async () => {
    const { bring, time } = setUp()
    await bring('a', 2400)
    time.ms -= 24 * HOUR_MS
    await expect(bring('a', 1)).rejects.toMatchObject(noRoom)
  })

  it('is given back by what could not be stored', async () => {
    const { room, bring } = setUp()
    const failing = room.use('a', 2400, async () => {
      throw new Error('the disk')
    })
    await expect(failing).rejects.toThrow('the disk')
    expect(await bring('a', 2400)).toBe('kept')
  })

  it('is for many at once no more than for one after the other', async () => {
    const { bring } = setUp()
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => bring('a', 1000)))
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(2)
  })

  it('has no share where none was set', async () => {
    const { bring } = setUp(0)
    expect(await bring('a', 10 * GIB)).toBe('kept')
  })

  it.each([
    ['a large disk', 1000 * GIB, GIB],
    ['a small disk', 10 * GIB, GIB / 2],
  ])('leaves of %s something to others', async (_, totalBytes, reserve) => {
    let freeBytes = reserve + 99
    const { bring, said } = setUp(2400, () => ({ freeBytes, totalBytes }))
    await expect(bring('a', 100)).rejects.toMatchObject(noRoom)
    await expect(bring('a', 100)).rejects.toMatchObject(noRoom)
    expect(said).toHaveLength(1)
    freeBytes += 1
    expect(await bring('a', 100)).toBe('kept')
    freeBytes -= 1
    await expect(bring('a', 100)).rejects.toMatchObject(noRoom)
    expect(said).toHaveLength(2)
  })

  it('is told to the log once for each service, until something of it is taken again', async () => {
    const { bring, said, time } = setUp()
    await bring('a', 2400)
    for (const host of ['a', 'a', 'a']) await bring(host, 10).catch(() => {})
    expect(said).toHaveLength(1)
    time.ms += HOUR_MS
    await bring('a', 100)
    await bring('a', 100).catch(() => {})
    expect(said).toHaveLength(2)
  })

  it('is that of a real file system', async () => {
    const { freeBytes, totalBytes } = await spaceOf('/')
    expect(freeBytes).toBeGreaterThanOrEqual(0)
    expect(totalBytes).toBeGreaterThan(freeBytes)
  })
})
