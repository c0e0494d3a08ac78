import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Clock } from '../../../src/core/index.ts'
import type {
  RecordingPage,
  RecordingQuery,
  RecordingStore,
} from '../../../src/recordings/index.ts'
import { endOf, factsOf, headOf, idOf, START_MS } from './facts.ts'

/** A store over a place that outlives it. */
export interface TestPlace {
  open(clock: Clock): Promise<RecordingStore>
  remove(): Promise<void>
}

const bytes = (text: string): Buffer => Buffer.from(text)
const ids = ({ items }: RecordingPage): string[] => items.map(({ facts }) => facts.sessionId)

/** What every implementation of RecordingStore must do. */
export function describeRecordingStore(name: string, place: () => Promise<TestPlace>): void {
  describe(`recordings in ${name}`, () => {
    let nowMs: number
    const clock: Clock = { now: () => nowMs }
    let at: TestPlace
    let store: RecordingStore
    beforeEach(async () => {
      nowMs = START_MS
      at = await place()
      store = await at.open(clock)
    })
    afterEach(() => at.remove())

    it('knows nothing of what was not begun', async () => {
      expect(await store.get(idOf(1))).toBeNull()
      expect(await store.list({ limit: 10 })).toEqual({ items: [], next: null })
      await expect(store.putChunk(idOf(1), 0, bytes('a'))).rejects.toMatchObject({
        code: 'RECORDING_UNKNOWN',
      })
      await expect(store.complete(idOf(1), endOf([]))).rejects.toMatchObject({
        code: 'RECORDING_UNKNOWN',
      })
      await expect(store.readChunk(idOf(1), 0)).rejects.toMatchObject({
        code: 'RECORDING_UNKNOWN',
      })
      await store.remove(idOf(1))
    })

    it('gives back what was brought, while it goes on, when it is whole, and after a restart', async () => {
      const chunks = [bytes('first'), Buffer.alloc(100_000, 7), bytes('last')]
      await store.begin(headOf(1))
      nowMs += 5000
      for (const [index, chunk] of chunks.entries()) await store.putChunk(idOf(1), index, chunk)
      const live = {
        facts: factsOf(1),
        encrypted: false,
        chunks: 3,
        size: 100_009,
        heardMs: nowMs,
        end: null,
      }
      expect(await store.get(idOf(1))).toEqual(live)
      store = await at.open(clock)
      expect(await store.get(idOf(1))).toEqual(live)
      expect(await store.complete(idOf(1), endOf(chunks))).toBe(true)
      for (const opened of [store, await at.open(clock)]) {
        expect(await opened.get(idOf(1))).toMatchObject({
          facts: factsOf(1),
          chunks: 3,
          size: 100_009,
          end: endOf(chunks),
        })
        for (const [index, chunk] of chunks.entries()) {
          expect((await opened.readChunk(idOf(1), index)).equals(chunk)).toBe(true)
        }
        await expect(opened.readChunk(idOf(1), 3)).rejects.toMatchObject({
          code: 'RECORDING_UNKNOWN',
        })
      }
    })

    it('takes everything again, and changes nothing by it', async () => {
      const chunks = [bytes('a'), bytes('b')]
      for (let round = 0; round < 2; round += 1) {
        await store.begin(headOf(1))
        for (const [index, chunk] of chunks.entries()) await store.putChunk(idOf(1), index, chunk)
        await store.begin(headOf(1))
      }
      expect(await store.complete(idOf(1), endOf(chunks))).toBe(true)
      expect(await store.complete(idOf(1), endOf(chunks))).toBe(false)
      await store.begin(headOf(1))
      for (const [index, chunk] of chunks.entries()) await store.putChunk(idOf(1), index, chunk)
      expect(await store.get(idOf(1))).toMatchObject({ chunks: 2, size: 2, end: endOf(chunks) })
    })

    it('names the oldest, page by page, while they are removed, and none that began later', async () => {
      for (const n of [3, 1, 5, 2, 4]) await store.begin(headOf(n))
      const beforeMs = START_MS + 4500
      const first = store.oldest({ beforeMs, limit: 2 })
      expect(first.ids).toEqual([1, 2].map(idOf))
      await store.remove(idOf(1))
      await store.remove(idOf(2))
      const second = store.oldest({ beforeMs, limit: 2, after: first.next ?? '' })
      expect(second.ids).toEqual([3, 4].map(idOf))
      const last = store.oldest({ beforeMs, limit: 2, after: second.next ?? '' })
      expect(last).toEqual({ ids: [], next: null })
      expect(() => store.oldest({ beforeMs, limit: 1, after: 'x' })).toThrow('next')
    })

    describe('brought whole', () => {
      const chunk = bytes('all of it')
      const whole = { head: headOf(1), chunk, end: endOf([chunk]) }

      it('is as if it had been brought piece by piece, also after a restart', async () => {
        await store.putWhole({ head: headOf(1), chunk, end: endOf([chunk]) })
        await store.begin(headOf(2))
        await store.putChunk(idOf(2), 0, chunk)
        await store.complete(idOf(2), endOf([chunk]))
        for (const opened of [store, await at.open(clock)]) {
          const [one, other] = await Promise.all([opened.get(idOf(1)), opened.get(idOf(2))])
          expect(one).toEqual({ ...other, facts: factsOf(1) })
          expect((await opened.readChunk(idOf(1), 0)).equals(chunk)).toBe(true)
          expect(ids(await opened.list({ limit: 10 }))).toEqual([2, 1].map(idOf))
        }
      })

      it('says how it is kept, once more, and when it was packed anew', async () => {
        const kept = { ...whole.end, size: chunk.length }
        expect(await store.putWhole(whole)).toEqual(kept)
        expect(await store.putWhole(whole)).toEqual(kept)
        const anew = bytes('the same, packed otherwise')
        expect(await store.putWhole({ ...whole, chunk: anew, end: endOf([anew]) })).toEqual(kept)
        expect((await store.readChunk(idOf(1), 0)).equals(chunk)).toBe(true)
      })

      it('goes on with one that was begun, and with its chunk', async () => {
        await store.begin(headOf(1))
        await store.putWhole(whole)
        await store.begin(headOf(2))
        await store.putChunk(idOf(2), 0, chunk)
        await store.putWhole({ ...whole, head: headOf(2) })
        for (const n of [1, 2]) {
          expect(await store.get(idOf(n))).toMatchObject({ chunks: 1, end: whole.end })
        }
      })

      it.each([
        ['another head', { head: headOf(1, { user: 'mallory' }) }],
        ['another end', { end: endOf([chunk], { exitCode: 1 }) }],
        ['a chunk that its end does not mean', { chunk: bytes('other') }],
        ['the end of more than one chunk', { end: endOf([chunk, chunk]) }],
        ['an id that is none', { head: headOf(1, { sessionId: '../../etc' }) }],
      ])('is refused with %s', async (_, but) => {
        await store.putWhole(whole)
        await expect(store.putWhole({ ...whole, ...but })).rejects.toMatchObject({
          code: 'RECORDING_CONFLICT',
        })
        expect(await store.get(idOf(1))).toMatchObject({ facts: factsOf(1), end: whole.end })
      })

      it('is refused with another content of a chunk that is there', async () => {
        await store.begin(headOf(1))
        await store.putChunk(idOf(1), 0, bytes('other'))
        await expect(store.putWhole(whole)).rejects.toMatchObject({ code: 'RECORDING_CONFLICT' })
      })

      it('takes many at once', async () => {
        const many = Array.from({ length: 40 }, (_, n) => n + 1)
        await Promise.all(many.map((n) => store.putWhole({ ...whole, head: headOf(n) })))
        expect(ids(await (await at.open(clock)).list({ limit: 100 }))).toHaveLength(40)
      })
    })

    it('hears that a session goes on, though nothing comes of it', async () => {
      await store.begin(headOf(1))
      nowMs += 60_000
      await store.begin(headOf(1))
      expect(await store.get(idOf(1))).toMatchObject({ heardMs: nowMs })
    })

    it.each([
      ['another head', () => store.begin(headOf(1, { user: 'mallory' }))],
      ['another content of a chunk', () => store.putChunk(idOf(1), 0, bytes('other'))],
      ['a chunk whose predecessor is missing', () => store.putChunk(idOf(1), 3, bytes('d'))],
      ['an end with chunks that are missing', () => store.complete(idOf(1), endOf([bytes('a')]))],
      ['an end with other chunks', () => store.complete(idOf(1), endOf([bytes('a'), bytes('c')]))],
    ])('refuses %s', async (_, refused) => {
      await store.begin(headOf(1))
      await store.putChunk(idOf(1), 0, bytes('a'))
      await store.putChunk(idOf(1), 1, bytes('b'))
      await expect(refused()).rejects.toMatchObject({ code: 'RECORDING_CONFLICT' })
      expect((await store.readChunk(idOf(1), 0)).toString()).toBe('a')
      expect(await store.get(idOf(1))).toMatchObject({ facts: factsOf(1), chunks: 2, end: null })
    })

    it('adds nothing to what has ended, and ends it in one way', async () => {
      await store.begin(headOf(1))
      await store.putChunk(idOf(1), 0, bytes('a'))
      await store.complete(idOf(1), endOf([bytes('a')]))
      await expect(store.putChunk(idOf(1), 1, bytes('b'))).rejects.toMatchObject({
        code: 'RECORDING_CONFLICT',
      })
      await expect(
        store.complete(idOf(1), endOf([bytes('a')], { exitCode: 1 })),
      ).rejects.toMatchObject({ code: 'RECORDING_CONFLICT' })
    })

    it.each(['', '..', '../../etc', 'a/b', idOf(1).toUpperCase().replace('0', 'A'), `${idOf(1)}x`])(
      'takes no recording with the id "%s"',
      async (sessionId) => {
        await expect(store.begin(headOf(1, { sessionId }))).rejects.toMatchObject({
          code: 'RECORDING_CONFLICT',
        })
        expect(await store.get(sessionId)).toBeNull()
      },
    )

    it('lets one of two that bring another content at once win', async () => {
      await store.begin(headOf(1))
      const results = await Promise.allSettled(
        ['a', 'b', 'c', 'd'].map((text) => store.putChunk(idOf(1), 0, bytes(text))),
      )
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      expect(await store.get(idOf(1))).toMatchObject({ chunks: 1, size: 1 })
    })

    it('lists the newest first, by pages, whatever order they came in', async () => {
      for (const n of [3, 1, 7, 2, 6, 5, 4]) await store.begin(headOf(n))
      for (const opened of [store, await at.open(clock)]) {
        const seen: string[] = []
        let after: string | undefined
        let pages = 0
        do {
          const page = await opened.list({ limit: 3, ...(after === undefined ? {} : { after }) })
          seen.push(...ids(page))
          after = page.next ?? undefined
          pages += 1
        } while (after !== undefined)
        expect(seen).toEqual([7, 6, 5, 4, 3, 2, 1].map(idOf))
        expect(pages).toBe(3)
      }
    })

    it('loses and repeats nothing of a page when another begins meanwhile, or two began at once', async () => {
      for (const n of [1, 2, 3, 4]) await store.begin(headOf(n, { startedMs: START_MS }))
      const first = await store.list({ limit: 2 })
      await store.begin(headOf(9))
      const second = await store.list({ limit: 2, after: first.next ?? '' })
      expect([...ids(first), ...ids(second)]).toEqual([4, 3, 2, 1].map(idOf))
    })

    const at5 = START_MS + 5000
    it.each<[string, Omit<RecordingQuery, 'limit'>, number[]]>([
      ['a user', { user: 'bob' }, [4, 2]],
      ['a Kubernetes cluster', { kubeCluster: 'east' }, [4, 3]],
      ['a namespace', { namespace: 'ops' }, [5]],
      ['a pod', { pod: 'db-0' }, [6]],
      ['a kind', { kind: 'attach' }, [7]],
      ['a time and later', { fromMs: at5 }, [7, 6, 5]],
      ['before a time', { toMs: at5 }, [4, 3, 2, 1]],
      ['all of them', { user: 'bob', kubeCluster: 'east', toMs: at5 }, [4]],
      ['nothing that there is', { user: 'nobody' }, []],
    ])('finds by %s', async (_, query, wanted) => {
      await store.begin(headOf(1))
      await store.begin(headOf(2, { user: 'bob' }))
      await store.begin(headOf(3, { kubeCluster: 'east' }))
      await store.begin(headOf(4, { user: 'bob', kubeCluster: 'east' }))
      await store.begin(headOf(5, { namespace: 'ops' }))
      await store.begin(headOf(6, { pod: 'db-0' }))
      await store.begin(headOf(7, { kind: 'attach' }))
      expect(ids(await store.list({ ...query, limit: 10 }))).toEqual(wanted.map(idOf))
    })

    it.each(['', 'x', '1', `${START_MS}`, `-1_${idOf(1)}`, `1_${idOf(1)}_2`])(
      'refuses "%s" as a cursor',
      async (after) => {
        await expect(store.list({ limit: 1, after })).rejects.toMatchObject({
          code: 'RECORDING_CURSOR',
        })
      },
    )

    it('says of one that is removed while it is read that it is not there, and nothing else', async () => {
      const codes = new Set<unknown>()
      for (let n = 1; n <= 60; n += 1) {
        await store.begin(headOf(n))
        await store.putChunk(idOf(n), 0, bytes('a'))
        // One that was just opened has nothing of it in memory.
        const reader = n % 2 === 0 ? store : await at.open(clock)
        const outcomes = await Promise.allSettled([
          reader.readChunk(idOf(n), 0),
          reader.remove(idOf(n)),
          reader.readChunk(idOf(n), 0),
          reader.get(idOf(n)),
        ])
        for (const outcome of outcomes) {
          if (outcome.status === 'rejected') codes.add((outcome.reason as { code?: unknown }).code)
        }
        if (reader !== store) store = reader
      }
      expect([...codes].filter((code) => code !== 'RECORDING_UNKNOWN')).toEqual([])
    })

    it('forgets what was removed', async () => {
      for (const n of [1, 2]) await store.begin(headOf(n))
      await store.putChunk(idOf(1), 0, bytes('a'))
      await store.remove(idOf(1))
      for (const opened of [store, await at.open(clock)]) {
        expect(await opened.get(idOf(1))).toBeNull()
        expect(ids(await opened.list({ limit: 10 }))).toEqual([idOf(2)])
      }
      await store.begin(headOf(1))
      expect(await store.get(idOf(1))).toMatchObject({ chunks: 0 })
    })
  })
}
