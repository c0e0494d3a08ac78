import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ApiClient, type ApiConnection } from '../../../src/client/index.ts'
import type {
  RecordingEnd,
  RecordingFacts,
  RecordingResource,
} from '../../../src/contract/index.ts'
import { endOf as storedEnd } from '../../conformance/recordings/facts.ts'
import { TestClock } from './support/people.ts'
import { CLUSTER, TestApi } from './support/test-api.ts'

const NOWHERE = randomUUID()
const dayOf = (clock: TestClock): string => new Date(clock.now()).toISOString().slice(0, 10)

describe('recordings', () => {
  let api: TestApi
  let clock: TestClock
  let hostId: string
  let agent: ApiClient

  beforeEach(async () => {
    clock = new TestClock()
    api = await TestApi.start({ clock })
    hostId = randomUUID()
    agent = new ApiClient(await api.member(hostId, 'token'))
    await serve(hostId, 'west')
  })
  afterEach(async () => {
    agent[Symbol.dispose]()
    await api[Symbol.asyncDispose]()
  })

  const serve = (host: string, name: string): Promise<void> =>
    api.kubeClusters.announce(host, [
      {
        name,
        serverName: `${name}.k`,
        labels: {},
        unknownLabels: [],
        health: 'healthy',
        problem: null,
        sinceMs: clock.now(),
        kubernetesVersion: null,
        version: '1.0.0',
        address: null,
      },
    ])

  const facts = (but: Partial<RecordingFacts> = {}): RecordingFacts => ({
    kind: 'exec',
    user: 'alice',
    roles: ['dev'],
    kube_cluster: 'west',
    namespace: 'team',
    pod: 'web-0',
    container: 'main',
    node: 'node-1',
    image: 'web:1',
    protocol: 'v5.channel.k8s.io',
    server_id: hostId,
    command: ['sh'],
    tty: true,
    started: new Date(clock.now()).toISOString(),
    encrypted: false,
    ...but,
  })
  const endOf = (chunks: readonly Uint8Array[]): RecordingEnd => {
    const { endedMs: _, exitCode, ...end } = storedEnd(chunks)
    return {
      ...end,
      ...(exitCode === null ? {} : { exit_code: exitCode }),
      ended: new Date(clock.now()).toISOString(),
    }
  }
  const CHUNKS = [Buffer.from([0, 255, 10, 13, 128]), Buffer.alloc(1_500_000, 'x')]

  /** A whole recording. */
  async function recorded(but: Partial<RecordingFacts> = {}, by = agent): Promise<string> {
    const id = randomUUID()
    await by.call('member.recording_begin', { params: { id }, body: facts(but) })
    for (const [index, body] of CHUNKS.entries()) {
      await by.call('member.recording_chunk', { params: { id, index: String(index) }, body })
    }
    await by.call('member.recording_end', { params: { id }, body: endOf(CHUNKS) })
    return id
  }

  /** Somebody with these rules. */
  const person = (
    user: string,
    rules?: { readonly allow?: string[]; readonly deny?: string[] },
  ): Promise<ApiClient> => api.withRules(user, 'session', rules)
  const idsOf = async (client: ApiClient, query = {}): Promise<string[]> =>
    (await client.call('recordings.list', { query })).items.map((item) => item.session_id)
  const accesses = (): unknown[] =>
    api.events.filter(({ event }) => event === 'session.recording.access')

  it('come from a service chunk by chunk, and are read as they came', async () => {
    using auditor = await person('auditor', { allow: ['list', 'read'] })
    const id = randomUUID()
    await agent.call('member.recording_begin', { params: { id }, body: facts() })
    const live = await auditor.call('recordings.get', { params: { id } })
    expect(live).toMatchObject({ state: 'live', chunks: 0, sha256: null, duration_ms: null })
    for (const [index, body] of CHUNKS.entries()) {
      await agent.call('member.recording_chunk', { params: { id, index: String(index) }, body })
      const read = await auditor.call('recordings.chunk', {
        params: { id, index: String(index) },
      })
      expect(Buffer.compare(read, body)).toBe(0)
    }
    clock.advance(5000)
    await agent.call('member.recording_end', { params: { id }, body: endOf(CHUNKS) })
    const whole: RecordingResource = {
      session_id: id,
      ...facts({ started: live.started }),
      state: 'complete',
      chunks: 2,
      size: 1_500_005,
      bytes: 1234,
      sha256: endOf(CHUNKS).sha256,
      ended: new Date(clock.now()).toISOString(),
      duration_ms: 5000,
      exit_code: 0,
      reason: 'exited',
    }
    expect(await auditor.call('recordings.get', { params: { id } })).toEqual(whole)
    expect(await auditor.call('recordings.list', {})).toEqual({ items: [whole], next: null })
  })

  it('are delivered again without a second effect, and audited once', async () => {
    const id = await recorded()
    await agent.call('member.recording_begin', { params: { id }, body: facts() })
    await agent.call('member.recording_chunk', {
      params: { id, index: '0' },
      body: CHUNKS[0] as Buffer,
    })
    await agent.call('member.recording_end', { params: { id }, body: endOf(CHUNKS) })
    const uploads = api.events.filter(({ event }) => event === 'session.upload')
    expect(uploads[0]).toMatchObject({
      code: 'T2005I',
      sid: id,
      url: `/v1/recordings/${id}`,
      user: 'alice',
      kubernetes_cluster: 'west',
      server_id: hostId,
      session_chunks: 2,
      stored_bytes: 1_500_005,
    })
    // The store of events takes each uid once.
    expect(new Set(uploads.map(({ uid }) => uid)).size).toBe(1)
  })

  it('come at once when they are short and over, and are as those that came in pieces', async () => {
    using auditor = await person('auditor', { allow: ['list', 'read'] })
    const id = randomUUID()
    const [chunk = Buffer.alloc(0)] = CHUNKS
    const body = { facts: facts(), end: endOf([chunk]), chunk: chunk.toString('base64') }
    for (let round = 0; round < 2; round += 1) {
      await agent.call('member.recording_whole', { params: { id }, body })
    }
    expect(await auditor.call('recordings.get', { params: { id } })).toMatchObject({
      state: 'complete',
      chunks: 1,
      size: 5,
      exit_code: 0,
      ...facts({ started: body.facts.started }),
    })
    const read = await auditor.call('recordings.chunk', { params: { id, index: '0' } })
    expect(Buffer.compare(read, chunk)).toBe(0)
    const uploads = api.events.filter(({ event }) => event === 'session.upload')
    expect(uploads[0]).toMatchObject({ sid: id, user: 'alice', stored_bytes: 5, server_id: hostId })
    expect(new Set(uploads.map(({ uid }) => uid)).size).toBe(1)
    const other = { ...body, chunk: Buffer.from('other').toString('base64') }
    await expect(
      agent.call('member.recording_whole', { params: { id }, body: other }),
    ).rejects.toMatchObject({ code: 'CONFLICT' })
  })

  it.each([
    ['of a Kubernetes cluster that it never served', { kube_cluster: 'east' }, 'ACCESS_DENIED'],
    ['in the name of another', { server_id: NOWHERE }, 'BAD_REQUEST'],
    ['of the far future', { started: '2100-01-01T00:00:00Z' }, 'RECORDING_AHEAD'],
  ])('do not come at once from a service %s either', async (_, but, code) => {
    const id = randomUUID()
    const [chunk = Buffer.alloc(0)] = CHUNKS
    const body = { facts: facts(but), end: endOf([chunk]), chunk: chunk.toString('base64') }
    await expect(
      agent.call('member.recording_whole', { params: { id }, body }),
    ).rejects.toMatchObject({ code })
    expect(await api.recordings.get(id)).toBeNull()
  })

  it('are refused when they contradict what is there', async () => {
    const id = await recorded()
    const again = (index: string, body: Uint8Array): Promise<unknown> =>
      agent.call('member.recording_chunk', { params: { id, index }, body })
    await expect(again('0', Buffer.from('other'))).rejects.toMatchObject({ code: 'CONFLICT' })
    await expect(again('2', Buffer.from('more'))).rejects.toMatchObject({ code: 'CONFLICT' })
    await expect(
      agent.call('member.recording_begin', { params: { id }, body: facts({ user: 'bob' }) }),
    ).rejects.toMatchObject({ code: 'CONFLICT' })
  })

  it('are silent for a while, and then incomplete', async () => {
    using auditor = await person('auditor', { allow: ['list', 'read'] })
    const id = randomUUID()
    const started = facts().started
    const stateOf = async (): Promise<string> =>
      (await auditor.call('recordings.get', { params: { id } })).state
    await agent.call('member.recording_begin', { params: { id }, body: facts({ started }) })
    clock.advance(170_000)
    await agent.call('member.recording_begin', { params: { id }, body: facts({ started }) })
    clock.advance(170_000)
    expect(await stateOf()).toBe('live')
    clock.advance(20_000)
    expect(await stateOf()).toBe('incomplete')
  })

  describe('a service', () => {
    it('writes none of a Kubernetes cluster that it never served', async () => {
      const id = randomUUID()
      await expect(
        agent.call('member.recording_begin', {
          params: { id },
          body: facts({ kube_cluster: 'east' }),
        }),
      ).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
      expect(await api.recordings.get(id)).toBeNull()
      expect(api.events.at(-1)).toMatchObject({ event: 'auth', user: `@${hostId}` })
    })

    it('writes none in the name of another', async () => {
      await expect(
        agent.call('member.recording_begin', {
          params: { id: randomUUID() },
          body: facts({ server_id: NOWHERE }),
        }),
      ).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    })

    it('adds nothing to what another brought, though both serve the cluster', async () => {
      const otherId = randomUUID()
      using other = new ApiClient(await api.member(otherId, 'token'))
      await serve(otherId, 'west')
      const id = randomUUID()
      await agent.call('member.recording_begin', { params: { id }, body: facts() })
      const denied = { code: 'NOT_FOUND' }
      await expect(
        other.call('member.recording_chunk', {
          params: { id, index: '0' },
          body: Buffer.from('x'),
        }),
      ).rejects.toMatchObject(denied)
      await expect(
        other.call('member.recording_end', { params: { id }, body: endOf([Buffer.from('x')]) }),
      ).rejects.toMatchObject(denied)
      await expect(
        other.call('member.recording_begin', {
          params: { id },
          body: facts({ server_id: otherId }),
        }),
      ).rejects.toMatchObject({ code: 'CONFLICT' })
    })

    it('puts none into the far future, where it would stand above all others', async () => {
      const started = new Date(clock.now() + 2 * 3_600_000).toISOString()
      await expect(
        agent.call('member.recording_begin', {
          params: { id: randomUUID() },
          body: facts({ started }),
        }),
      ).rejects.toMatchObject({ code: 'RECORDING_AHEAD', status: 503 })
    })

    it('is told to come again, and not that there is none, when one cannot be read', async () => {
      const id = await recorded()
      await writeFile(join(api.recordingsPath, dayOf(clock), id, 'recording.json'), 'damaged')
      const body = Buffer.from('x')
      const later = { code: 'RECORDING_UNREADABLE', status: 503 }
      const call = agent.call('member.recording_chunk', { params: { id, index: '2' }, body })
      await expect(call).rejects.toMatchObject(later)
      const end = { params: { id }, body: endOf(CHUNKS) }
      await expect(agent.call('member.recording_end', end)).rejects.toMatchObject(later)
      using auditor = await person('auditor', { allow: ['list', 'read'] })
      await expect(auditor.call('recordings.get', { params: { id } })).rejects.toMatchObject(later)
      using owner = await person('alice')
      await expect(owner.call('recordings.get', { params: { id } })).rejects.toMatchObject({
        code: 'NOT_FOUND',
      })
    })

    it.each([
      ['JSON where bytes are wanted', 'application/json', '{"a":1}'],
      ['a chunk that is too large', 'application/octet-stream', Buffer.alloc(2 * 1024 * 1024 + 1)],
    ])('is refused %s', async (_, type, body) => {
      const id = randomUUID()
      const connection = await api.member(hostId, 'token')
      await agent.call('member.recording_begin', { params: { id }, body: facts() })
      const path = `/v1/member/recordings/${id}/chunks/0`
      expect(await put(connection, path, type, body)).toBe(400)
      expect(await api.recordings.get(id)).toMatchObject({ chunks: 0 })
    })
  })

  describe('for people', () => {
    it('are their own, without any rule', async () => {
      using alice = await person('alice')
      const own = await recorded()
      const other = await recorded({ user: 'bob' })
      expect(await idsOf(alice)).toEqual([own])
      expect(await idsOf(alice, { user: 'bob' })).toEqual([])
      expect(await alice.call('recordings.get', { params: { id: own } })).toMatchObject({
        user: 'alice',
      })
      expect(
        (await alice.call('recordings.chunk', { params: { id: own, index: '1' } })).length,
      ).toBe(1_500_000)
      for (const id of [other, NOWHERE]) {
        const words = {
          code: 'NOT_FOUND',
          message: expect.stringContaining('or none that you may see'),
        }
        await expect(alice.call('recordings.get', { params: { id } })).rejects.toMatchObject(words)
        await expect(
          alice.call('recordings.chunk', { params: { id, index: '0' } }),
        ).rejects.toMatchObject(words)
      }
    })

    it('are not those of somebody who had the name before', async () => {
      using first = await person('alice')
      const id = await recorded()
      expect(await idsOf(first)).toEqual([id])
      clock.advance(10_000)
      await api.stores.users.delete('alice')
      await expect.poll(() => api.access.current().users.has('alice')).toBe(false)
      clock.advance(10_000)
      using second = await person('alice')
      expect(await idsOf(second)).toEqual([])
      await expect(second.call('recordings.get', { params: { id } })).rejects.toMatchObject({
        code: 'NOT_FOUND',
      })
    })

    it('are all with the rule "session", each verb for itself, and for the local administrator', async () => {
      const ids = [await recorded({ user: 'bob' }), await recorded({ user: 'carol' })]
      using lister = await person('lister', { allow: ['list'] })
      expect((await idsOf(lister)).sort()).toEqual([...ids].sort())
      await expect(
        lister.call('recordings.get', { params: { id: ids[0] ?? '' } }),
      ).rejects.toMatchObject({ code: 'NOT_FOUND' })
      using reader = await person('reader', { allow: ['read'] })
      expect(await idsOf(reader)).toEqual([])
      expect(await reader.call('recordings.get', { params: { id: ids[0] ?? '' } })).toMatchObject({
        user: 'bob',
      })
      using admin = new ApiClient(await api.admin())
      expect(await idsOf(admin)).toHaveLength(2)
    })

    it('are none, their own neither, when a role denies it', async () => {
      using alice = await person('alice', { allow: ['list', 'read'], deny: ['list', 'read'] })
      const id = await recorded()
      await expect(idsOf(alice)).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
      await expect(alice.call('recordings.get', { params: { id } })).rejects.toMatchObject({
        code: 'NOT_FOUND',
      })
    })

    it('are found by what they are about, page by page', async () => {
      using auditor = await person('auditor', { allow: ['list'] })
      const ids: string[] = []
      for (const user of ['a', 'b', 'a', 'b', 'a']) {
        ids.push(await recorded({ user, pod: `web-${user}`, kind: 'attach' }))
        clock.advance(1000)
      }
      const first = await auditor.call('recordings.list', { query: { user: 'a', limit: 2 } })
      const second = await auditor.call('recordings.list', {
        query: { user: 'a', limit: 2, after: first.next ?? '' },
      })
      expect([...first.items, ...second.items].map((item) => item.session_id)).toEqual(
        [4, 2, 0].map((index) => ids[index]),
      )
      expect(second.next).toBeNull()
      const from = new Date(clock.now() - 2500).toISOString()
      expect(await idsOf(auditor, { from })).toEqual([ids[4], ids[3]])
      expect(await idsOf(auditor, { pod: 'web-b', kind: 'attach' })).toEqual([ids[3], ids[1]])
      expect(await idsOf(auditor, { kube_cluster: 'east' })).toEqual([])
      for (const query of [{ from: 'yesterday' }, { after: 'nonsense' }]) {
        await expect(idsOf(auditor, query)).rejects.toMatchObject({ code: 'BAD_REQUEST' })
      }
    })

    it('are removed by whoever has a rule for that, and by nobody else, whosesoever they are', async () => {
      const id = await recorded()
      const remove = (by: ApiClient): Promise<unknown> =>
        by.call('recordings.remove', { params: { id } })
      using owner = await person('alice')
      using auditor = await person('auditor', { allow: ['list', 'read'] })
      using denied = await person('denied', { allow: ['list', 'read', 'delete'], deny: ['delete'] })
      using stranger = await person('stranger')
      for (const who of [owner, auditor, denied]) {
        await expect(remove(who)).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
      }
      await expect(remove(stranger)).rejects.toMatchObject({ code: 'NOT_FOUND' })
      expect(await api.recordings.get(id)).not.toBeNull()
      using keeper = await person('keeper', { allow: ['delete'] })
      expect(await remove(keeper)).toMatchObject({ recording: { session_id: id, user: 'alice' } })
      expect(await api.recordings.get(id)).toBeNull()
      await expect(remove(keeper)).rejects.toMatchObject({ code: 'NOT_FOUND' })
      const told = api.events.filter(({ event }) => event === 'session.recording.delete')
      const fields = {
        user: 'keeper',
        sid: id,
        session_user: 'alice',
        kubernetes_cluster: 'west',
        sha256: endOf(CHUNKS).sha256,
      }
      expect(told).toMatchObject([
        { ...fields, outcome: 'started' },
        { ...fields, outcome: 'done' },
      ])
    })

    it('are not removed while their session goes on, and are when they cannot be read', async () => {
      using keeper = await person('keeper', { allow: ['delete'] })
      const id = randomUUID()
      const remove = (): Promise<unknown> => keeper.call('recordings.remove', { params: { id } })
      await agent.call('member.recording_begin', { params: { id }, body: facts() })
      await expect(remove()).rejects.toMatchObject({ code: 'CONFLICT' })
      await writeFile(join(api.recordingsPath, dayOf(clock), id, 'recording.json'), 'damaged')
      expect(await remove()).toEqual({ recording: null })
      await expect(remove()).rejects.toMatchObject({ code: 'NOT_FOUND' })
    })

    it('are audited, each time that somebody reads one, and before he gets anything', async () => {
      using auditor = await person('auditor', { allow: ['read'] })
      const id = await recorded()
      const read = (index: string): Promise<unknown> =>
        auditor.call('recordings.chunk', { params: { id, index } })
      await read('0')
      await read('1')
      expect(accesses()).toMatchObject([
        {
          code: 'T2012I',
          user: 'auditor',
          sid: id,
          session_user: 'alice',
          kubernetes_cluster: 'west',
          cluster_name: CLUSTER,
        },
      ])
      await read('0')
      expect(accesses()).toHaveLength(2)
      clock.advance(16 * 60_000)
      await read('1')
      expect(accesses()).toHaveLength(3)
      api.spoolFails = true
      await expect(read('0')).rejects.toMatchObject({ code: 'AUDIT_UNAVAILABLE' })
    })

    it('that begin in the middle are audited too', async () => {
      using auditor = await person('auditor', { allow: ['read'] })
      const id = await recorded()
      await auditor.call('recordings.chunk', { params: { id, index: '1' } })
      expect(accesses()).toHaveLength(1)
    })
  })
})

/** The status of a raw call. */
const put = (
  { host, port, serverName, hostCa, certificate, privateKey }: ApiConnection,
  path: string,
  type: string,
  body: string | Buffer,
): Promise<number> =>
  new Promise((resolve, reject) => {
    const call = request(
      {
        host,
        port,
        servername: serverName,
        ca: hostCa,
        cert: certificate ?? undefined,
        key: privateKey ?? undefined,
        method: 'PUT',
        path,
        agent: false,
        headers: { 'content-type': type, 'content-length': Buffer.byteLength(body) },
      },
      (answer) => {
        answer.resume()
        resolve(answer.statusCode ?? 0)
      },
    )
    call.once('error', reject)
    call.end(body)
  })
