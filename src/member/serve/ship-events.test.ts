import { describe, expect, it } from 'vitest'
import type { EncodedEvent } from '../../audit/index.ts'
import { silentLogger } from '../../core/index.ts'
import type { MemberCall } from '../ports.ts'
import { EVENTS_CALL_BYTES } from './limits.ts'
import { batchesOf, createRemoteSink } from './ship-events.ts'

const event = (uid: string, padding = 0): EncodedEvent => ({
  uid,
  time: '2026-01-01T00:00:00.000Z',
  event: 'kube.request',
  user: 'alice',
  kubeCluster: 'prod',
  final: true,
  json: Buffer.from(JSON.stringify({ uid, padding: 'x'.repeat(padding) })),
})
const uids = (batches: readonly (readonly EncodedEvent[])[]): string[][] =>
  batches.map((batch) => batch.map(({ uid }) => uid))

describe('batchesOf()', () => {
  it('keeps the order, and stays below what a call may hold', () => {
    const half = EVENTS_CALL_BYTES / 2 - 100
    expect(uids(batchesOf([event('a', half), event('b', half), event('c', half)]))).toEqual([
      ['a', 'b'],
      ['c'],
    ])
    expect(uids(batchesOf([event('a'), event('b', EVENTS_CALL_BYTES), event('c')]))).toEqual([
      ['a'],
      ['b'],
      ['c'],
    ])
    const many = Array.from({ length: 1200 }, (_, index) => event(String(index)))
    expect(batchesOf(many).map(({ length }) => length)).toEqual([500, 500, 200])
    expect(batchesOf([])).toEqual([])
  })
})

describe('createRemoteSink()', () => {
  it('fails as a whole when a call fails, so that the spool keeps what may not have arrived', async () => {
    const sent: number[] = []
    const call = (async (_name: string, input: { body: { events: object[] } }) => {
      if (sent.length === 1) throw new Error('gone')
      sent.push(input.body.events.length)
      return { refused: [] }
    }) as unknown as MemberCall
    const sink = createRemoteSink(call, silentLogger)
    const many = Array.from({ length: 600 }, (_, index) => event(String(index)))
    await expect(sink.store(many)).rejects.toThrow('gone')
    expect(sent).toEqual([500])
  })
})
