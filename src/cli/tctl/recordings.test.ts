import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { FakeApi, type FakeHandlers, refusal } from '../../../test/support/fake-api.ts'
import { FakeIo, tctl } from '../../../test/support/fake-io.ts'
import type { RecordingResource } from '../../contract/index.ts'
import { NO_CHUNKS, nextChain } from '../../recording/index.ts'

const ID = '2f0c5f6e-6a5e-4d8e-9a55-0b7a5a7f2d11'
const OTHER = '2f0c5f6e-6a5e-4d8e-9a55-0b7a5a7f2d12'
const recording: RecordingResource = {
  session_id: ID,
  kind: 'exec',
  user: 'joe',
  roles: ['dev'],
  kube_cluster: 'prod',
  namespace: 'payments',
  pod: 'web-0',
  container: 'app',
  node: 'node-1',
  image: 'web:1',
  protocol: 'v5.channel.k8s.io',
  server_id: '0b6d3c5e-8f0a-4f4e-9d0e-6a1f3c1e2b7a',
  command: ['sh'],
  tty: true,
  started: '2026-01-31T09:00:00.123Z',
  encrypted: false,
  state: 'complete',
  chunks: 1,
  size: 100,
  bytes: 200,
  sha256: 'a'.repeat(64),
  ended: '2026-01-31T09:01:00.123Z',
  duration_ms: 60_000,
  exit_code: 0,
  reason: 'exited',
}

async function ran(
  argv: readonly string[],
  handlers: FakeHandlers,
): Promise<{ code: number; out: string; err: string }> {
  const io = new FakeIo()
  const code = await tctl(new FakeApi(handlers), ['recordings', ...argv], io)
  return { code, out: io.out, err: io.err }
}

describe('tctl recordings rm', () => {
  it('removes each that is named, and says whose it was', async () => {
    const asked: unknown[] = []
    const { code, out } = await ran(['rm', ID, OTHER], {
      'recordings.remove': ({ params }) => {
        asked.push(params['id'])
        return { recording: params['id'] === ID ? recording : null }
      },
    })
    expect([code, out]).toEqual([
      0,
      `recording ${ID} of joe in prod/payments/web-0 is removed\nrecording ${OTHER} is removed\n`,
    ])
    expect(asked).toEqual([ID, OTHER])
  })

  it('asks for nothing when one of them is no id', async () => {
    const { code, err } = await ran(['rm', ID, '../x'], {})
    expect(code).toBe(2)
    expect(err).toContain('tsh recordings ls')
  })

  it('fails with the words of the server', async () => {
    const { code, err } = await ran(['rm', ID], {
      'recordings.remove': () => {
        throw refusal(403, 'ACCESS_DENIED', 'you may not delete session')
      },
    })
    expect(code).not.toBe(0)
    expect(err).toContain('you may not delete session')
  })
})

describe('tctl recordings verify', () => {
  const chunks = [Buffer.from('one'), Buffer.from('two')]
  const sha256Of = (all: readonly Buffer[]): string =>
    all
      .reduce(
        (chain, chunk) => nextChain(chain, createHash('sha256').update(chunk).digest()),
        NO_CHUNKS,
      )
      .toString('hex')
  const upload = {
    ...{ event: 'session.upload', code: 'T2005I', cluster_name: 'example.com' },
    ...{ time: '2026-01-31T09:01:01.000Z', uid: OTHER, sid: ID, sha256: sha256Of(chunks) },
  }
  const kept = (events: readonly (typeof upload)[], now: readonly Buffer[]): FakeHandlers => ({
    // Whoever changed the chunks changed this, too.
    'recordings.get': () => ({ ...recording, chunks: now.length, sha256: sha256Of(now) }),
    'recordings.chunk': ({ params }) => now[Number(params['index'])] ?? Buffer.alloc(0),
    'events.list': ({ query }) =>
      query['after'] === undefined
        ? { items: [{ ...upload, sid: OTHER }], next: 'more' }
        : { items: [...events], next: null },
  })

  it('says of one that is as it was taken in that it is', async () => {
    const { code, out } = await ran(['verify', ID], kept([upload], chunks))
    expect([code, out]).toEqual([
      0,
      `recording ${ID} of joe in prod/payments/web-0 is as it was taken in\n`,
    ])
  })

  it('notices one that was made anew, whose hashes fit each other', async () => {
    for (const now of [[Buffer.from('one'), Buffer.from('2')], [Buffer.from('one')], []]) {
      const { code, out, err } = await ran(['verify', ID], kept([upload], now))
      expect([code, out]).toEqual([1, ''])
      expect(err).toContain(`recording ${ID} is not the one that the audit log tells of`)
      expect(err).toContain(upload.sha256)
    }
  })

  it('believes the auth service alone', async () => {
    const now = [Buffer.from('another')]
    const forged = { ...upload, sha256: sha256Of(now), delivered_by: 'a service' }
    for (const events of [[forged], []]) {
      const { code, err } = await ran(['verify', ID], kept(events, now))
      expect(code).toBe(1)
      expect(err).toContain(`the audit log does not tell of recording ${ID}`)
    }
    const { err } = await ran(['verify', ID], kept([forged, upload], now))
    expect(err).toContain('is not the one that the audit log tells of')
  })

  it('says of one whose session has not ended that there is nothing to hold it against', async () => {
    const { code, err } = await ran(['verify', ID], {
      'recordings.get': () => ({ ...recording, state: 'live', ended: null, sha256: null }),
    })
    expect(code).toBe(1)
    expect(err).toContain('nobody has said how the session')
  })
})
