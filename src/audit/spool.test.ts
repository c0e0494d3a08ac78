import { execFile } from 'node:child_process'
import {
  appendFile,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLogger, systemClock } from '../core/index.ts'
import { eventBase } from './codes.ts'
import type { SpoolLimits } from './limits.ts'
import { decodeRecords, RECORD_HEADER_BYTES, writeRecord } from './record.ts'
import { collapse, openSpool, type Spool } from './spool.ts'
import type { AuditEvent, AuditSink, EncodedEvent } from './types.ts'

const event = (uid: string, fields: object = {}): AuditEvent => ({
  ...eventBase('user.create', { clusterName: 'c', nowMs: 0, uid }),
  ...fields,
})

class MemorySink implements AuditSink {
  readonly uids: string[] = []
  failures = 0
  async store(events: readonly EncodedEvent[]): Promise<void> {
    if (this.failures > 0) {
      this.failures -= 1
      throw new Error('the store is away')
    }
    this.uids.push(...events.map(({ uid }) => uid))
  }
}

describe('spool', () => {
  let directory: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'spool-'))
  })
  afterEach(() => rm(directory, { recursive: true, force: true }))

  const open = (limits: Partial<SpoolLimits> = {}): Promise<Spool> =>
    openSpool({ directory, clock: systemClock, log: silentLogger, limits })

  /** Ships until the sink has so many, then stops. */
  async function ship(spool: Spool, sink: MemorySink, count: number): Promise<void> {
    const stop = new AbortController()
    const done = spool.ship(sink, stop.signal)
    await expect.poll(() => sink.uids.length, { timeout: 20_000 }).toBeGreaterThanOrEqual(count)
    stop.abort()
    await done
  }

  it('has an event in a private file when append resolves', async () => {
    await using spool = await open()
    await spool.append(event('1'))
    const [name = ''] = (await readdir(directory)).filter((each) => each.endsWith('.spool'))
    expect((await readFile(join(directory, name))).includes('"uid":"1"')).toBe(true)
    expect((await stat(join(directory, name))).mode & 0o777).toBe(0o600)
    expect((await stat(directory)).mode & 0o777).toBe(0o700)
    expect(spool.stats()).toMatchObject({ pendingEvents: 1 })
  })

  it.each([
    '{}',
    '[]',
    'null',
    '7',
    '{"sequence":-1,"records":0}',
    '{"sequence":"1","records":0}',
    '',
  ])('delivers everything again after a cursor that is %s', async (cursor) => {
    await using before = await open()
    await before.append(event('1'))
    await before[Symbol.asyncDispose]()
    await writeFile(join(directory, 'cursor.json'), cursor)
    await using spool = await open()
    await spool.append(event('2'))
    const sink = new MemorySink()
    await ship(spool, sink, 2)
    expect(sink.uids).toEqual(['1', '2'])
  })

  it('delivers in order, and removes what was delivered', async () => {
    await using spool = await open({ segmentBytes: 2000, batchEvents: 7 })
    const uids = Array.from({ length: 100 }, (_, index) => String(index))
    const sink = new MemorySink()
    await Promise.all(uids.map((uid) => spool.append(event(uid))))
    await ship(spool, sink, 100)
    expect(sink.uids).toEqual(uids)
    expect(spool.stats()).toMatchObject({ pendingEvents: 0 })
    expect(
      (await readdir(directory)).filter((name) => name.endsWith('.spool')).length,
    ).toBeLessThanOrEqual(1)
  })

  it('goes on when the sink comes back', async () => {
    await using spool = await open()
    const sink = new MemorySink()
    sink.failures = 3
    await spool.append(event('1'))
    await ship(spool, sink, 1)
    expect(sink.uids).toEqual(['1'])
  })

  it('delivers after a restart what was not delivered before, and nothing else', async () => {
    const sink = new MemorySink()
    {
      await using spool = await open({ segmentBytes: 500, batchEvents: 10 })
      for (const uid of ['1', '2', '3', '4', '5']) await spool.append(event(uid))
      await ship(spool, sink, 5)
      for (const uid of ['6', '7', '8']) await spool.append(event(uid))
    }
    await using spool = await open()
    expect(spool.stats().pendingEvents).toBe(3)
    await spool.append(event('9'))
    await ship(spool, sink, 9)
    expect(sink.uids).toEqual(['1', '2', '3', '4', '5', '6', '7', '8', '9'])
  })

  it('reads from the files when memory is too short', async () => {
    await using spool = await open({ memoryEvents: 10, segmentBytes: 1000, batchEvents: 3 })
    const uids = Array.from({ length: 60 }, (_, index) => String(index))
    for (const uid of uids) await spool.append(event(uid))
    const sink = new MemorySink()
    await ship(spool, sink, 60)
    expect(sink.uids).toEqual(uids)
  })

  it('cuts off a torn record and keeps its bytes', async () => {
    {
      await using spool = await open()
      await spool.append(event('1'))
      await spool.append(event('2'))
    }
    const [name = ''] = (await readdir(directory)).filter((each) => each.endsWith('.spool'))
    const path = join(directory, name)
    await truncate(path, (await stat(path)).size - 3)
    const sink = new MemorySink()
    await using spool = await open()
    await ship(spool, sink, 1)
    expect(sink.uids).toEqual(['1'])
    expect(await readdir(directory)).toContain(`${name}.torn`)
  })

  it('stops at a damaged record instead of guessing', async () => {
    {
      await using spool = await open()
      await spool.append(event('1'))
    }
    const [name = ''] = (await readdir(directory)).filter((each) => each.endsWith('.spool'))
    await appendFile(join(directory, name), Buffer.from('garbage that is no record'))
    await using spool = await open()
    expect(spool.stats().pendingEvents).toBe(1)
  })

  it('refuses when it is full, and takes events again when there is room', async () => {
    await using spool = await open({ totalBytes: 400, segmentBytes: 200 })
    await spool.append(event('1'))
    await spool.append(event('2'))
    await spool.append(event('3'))
    expect(spool.stats().refusing).toBe(false)
    await expect(spool.append(event('4'))).rejects.toMatchObject({ code: 'SPOOL_FULL' })
    expect(spool.stats().refusing).toBe(true)
    const sink = new MemorySink()
    await ship(spool, sink, 3)
    await spool.append(event('5'))
    expect(spool.stats().refusing).toBe(false)
  })

  it('refuses when its directory is gone', async () => {
    await using spool = await open()
    await rm(directory, { recursive: true })
    await expect(spool.append(event('1'))).rejects.toMatchObject({ code: 'SPOOL_UNWRITABLE' })
  })

  it('refuses an event that is too large, and only that one', async () => {
    await using spool = await open()
    const large = spool.append(event('1', { name: 'x'.repeat(2 * 1024 * 1024) }))
    const small = spool.append(event('2'))
    await expect(large).rejects.toMatchObject({ code: 'EVENT_TOO_LARGE' })
    await small
  })

  it('loses nothing that was acknowledged before kill -9', async () => {
    const module = new URL('./spool.ts', import.meta.url).href
    const core = new URL('../core/index.ts', import.meta.url).href
    const script = `
      const { openSpool } = await import(${JSON.stringify(module)})
      const { silentLogger, systemClock } = await import(${JSON.stringify(core)})
      const spool = await openSpool({ directory: ${JSON.stringify(directory)}, clock: systemClock, log: silentLogger, limits: { segmentBytes: 20000 } })
      for (let n = 0; ; n += 1) {
        await spool.append({ event: 'user.create', code: 'T1002I', time: '', uid: String(n), cluster_name: 'c' })
        process.stdout.write(n + '\\n')
      }`
    const child = execFile(process.execPath, ['--input-type=module', '-e', script], {
      maxBuffer: 1 << 30,
    })
    let output = ''
    child.stdout?.on('data', (chunk: string) => {
      output += chunk
      if (output.length > 20_000) child.kill('SIGKILL')
    })
    await new Promise((resolve) => child.once('exit', resolve))
    const acknowledged = output.slice(0, output.lastIndexOf('\n')).split('\n')
    expect(acknowledged.length).toBeGreaterThan(1000)
    const sink = new MemorySink()
    await using spool = await open()
    await ship(spool, sink, acknowledged.length)
    const stored = new Set(sink.uids)
    expect(acknowledged.filter((uid) => !stored.has(uid))).toEqual([])
  })
})

function encodeRecord(payload: Uint8Array): Buffer {
  const record = Buffer.alloc(RECORD_HEADER_BYTES + payload.length)
  expect(writeRecord(record, 0, payload)).toBe(record.length)
  return record
}

describe('records', () => {
  it('are read up to the first that is not whole, wherever it is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), fc.nat(), (payloads, cut) => {
        const whole = Buffer.concat(payloads.map((payload) => encodeRecord(Buffer.from(payload))))
        const bytes = whole.subarray(0, whole.length === 0 ? 0 : cut % (whole.length + 1))
        const decoded = decodeRecords(bytes)
        expect(decoded.payloads.map((payload) => [...payload])).toEqual(
          payloads.slice(0, decoded.payloads.length).map((payload) => [...payload]),
        )
        expect(decoded.torn).toBe(decoded.goodBytes !== bytes.length)
      }),
    )
  })

  it('never come out changed, whichever byte is flipped', () => {
    const payload = Buffer.from('{"uid":"1"}')
    const record = encodeRecord(payload)
    for (let index = 0; index < record.length; index += 1) {
      const damaged = Buffer.from(record)
      damaged[index] = (damaged[index] ?? 0) ^ 0x10
      expect(decodeRecords(damaged).payloads).toEqual([])
    }
  })
})

describe('collapse()', () => {
  it('keeps the last event of each uid, in order of their first', () => {
    const events = [event('1', { outcome: 'started' }), event('2'), event('1', { outcome: 'done' })]
    expect(collapse(events)).toEqual([events[2], events[1]])
  })
})
