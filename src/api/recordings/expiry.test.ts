import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { endOf, headOf, idOf, START_MS } from '../../../test/conformance/recordings/facts.ts'
import type { AuditEvent } from '../../audit/index.ts'
import { silentLogger } from '../../core/index.ts'
import { openDirectoryStore, type RecordingStore } from '../../recordings/index.ts'
import { RecordingExpiry } from './expiry.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

describe('recordings whose time is over', () => {
  let path: string
  let nowMs: number
  let recordings: RecordingStore
  let expiry: RecordingExpiry
  const events: AuditEvent[] = []
  let append: () => Promise<void>
  const warnings: object[] = []
  const log = { ...silentLogger, warn: (fields: object) => void warnings.push(fields) }
  const clock = { now: () => nowMs }
  const audit = {
    append: async (event: AuditEvent): Promise<void> => {
      await append()
      events.push(event)
    },
  }
  const chunk = Buffer.from('x')

  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'expiry-'))
    nowMs = START_MS
    events.length = 0
    warnings.length = 0
    append = async () => {}
    recordings = await openDirectoryStore({ path, clock, log })
    expiry = new RecordingExpiry({
      recordings,
      audit,
      clusterName: 'example.com',
      clock,
      log,
      retentionMs: 90 * DAY,
    })
  })
  afterEach(async () => {
    await expiry[Symbol.asyncDispose]()
    await rm(path, { recursive: true })
  })

  /** One that began at a time, and went on for an hour. */
  const kept = (n: number, startedMs: number): Promise<unknown> =>
    recordings.putWhole({
      head: headOf(n, { startedMs }),
      chunk,
      end: endOf([chunk], { endedMs: startedMs + HOUR }),
    })
  const left = async (): Promise<string[]> =>
    (await recordings.list({ limit: 100 })).items.map(({ facts }) => facts.sessionId)

  it('are removed, counted from the end of their session, each in the audit log', async () => {
    await kept(1, START_MS)
    await kept(2, START_MS + 2 * HOUR)
    nowMs = START_MS + 90 * DAY + HOUR - 1
    await expiry.round()
    expect(await left()).toEqual([2, 1].map(idOf))
    nowMs += 1
    await expiry.round()
    expect(await left()).toEqual([idOf(2)])
    expect(events).toMatchObject([
      {
        event: 'session.recording.delete',
        sid: idOf(1),
        session_user: 'alice',
        kubernetes_cluster: 'west',
        sha256: endOf([chunk]).sha256,
        stored_bytes: 1,
        retention: '2160h',
      },
    ])
    expect(events[0]).not.toHaveProperty('user')
  })

  it('are more than one round looks at, and those that must stay hide none', async () => {
    const many = Array.from({ length: 1005 }, (_, n) => n + 1)
    // Began long ago, and went on until now.
    for (const n of many.slice(0, 1002)) {
      await recordings.begin(headOf(n))
    }
    for (const n of many.slice(1002)) await kept(n, START_MS + n * 1000)
    nowMs = START_MS + 91 * DAY
    for (const n of many.slice(0, 1002)) await recordings.begin(headOf(n))
    await expiry.round()
    expect(events).toHaveLength(0)
    await expiry.round()
    expect(events).toHaveLength(3)
    expect(warnings).toEqual([])
  }, 60_000)

  it('are kept a week at least when nobody told their end', async () => {
    const short = new RecordingExpiry({
      ...{ recordings, audit, clusterName: 'example.com', clock, log },
      retentionMs: HOUR,
    })
    await recordings.begin(headOf(1, { startedMs: START_MS }))
    nowMs += 3 * DAY
    // It went on all the time.
    await recordings.begin(headOf(1, { startedMs: START_MS }))
    nowMs += 7 * DAY - 1
    await short.round()
    expect(await left()).toEqual([idOf(1)])
    nowMs += 1
    await short.round()
    expect(await left()).toEqual([])
    expect(events).toMatchObject([{ sid: idOf(1), retention: '1h' }])
    expect(events[0]).not.toHaveProperty('sha256')
  })

  it('are removed beside one that cannot be read', async () => {
    for (const n of [1, 2, 3]) await kept(n, START_MS)
    const [day = ''] = new Date(START_MS).toISOString().split('T')
    await writeFile(join(path, day, idOf(2), 'recording.json'), 'damaged')
    nowMs += 91 * DAY
    await expiry.round()
    expect(events.map((event) => 'sid' in event && event['sid']).sort()).toEqual([1, 3].map(idOf))
    await expiry.round()
    expect(warnings).toMatchObject([{ recording: idOf(2) }])
  })

  it('stay while the audit log does not take it, and are told once however often their removal fails', async () => {
    await kept(1, START_MS)
    nowMs += 91 * DAY
    append = () => Promise.reject(new Error('the disk is full'))
    await expiry.round()
    expect(await left()).toEqual([idOf(1)])
    append = async () => {}
    const remove = recordings.remove.bind(recordings)
    recordings.remove = () => Promise.reject(new Error('busy'))
    await expiry.round()
    recordings.remove = remove
    await expiry.round()
    expect(await left()).toEqual([])
    expect(new Set(events.map(({ uid }) => uid)).size).toBe(1)
    expect(warnings).toHaveLength(2)
  })

  it('are left alone by one that was disposed', async () => {
    await kept(1, START_MS)
    nowMs += 91 * DAY
    await expiry[Symbol.asyncDispose]()
    await expiry.round()
    expect(await left()).toEqual([idOf(1)])
  })
})
