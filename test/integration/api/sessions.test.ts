import { randomBytes, randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ApiClient } from '../../../src/client/index.ts'
import type { ReportedSession, ResponseOf } from '../../../src/contract/index.ts'
import { reportedSession } from '../../support/reported-session.ts'
import { TestClock } from './support/people.ts'
import { OWN_HOST_ID, TestApi } from './support/test-api.ts'

describe('sessions', () => {
  let api: TestApi
  let clock: TestClock
  let hostId: string
  let agent: ApiClient
  let series: string
  let number: number

  beforeEach(async () => {
    clock = new TestClock()
    api = await TestApi.start({ clock })
    hostId = randomUUID()
    agent = new ApiClient(await api.member(hostId, 'token'))
    series = randomBytes(16).toString('hex')
    number = 0
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

  const session = (but: Partial<ReportedSession> = {}): ReportedSession =>
    reportedSession({ started: new Date(clock.now()).toISOString(), ...but })
  /** The service's next word. */
  const say = (
    began: ReportedSession[],
    ended: string[] = [],
  ): Promise<ResponseOf<'member.sessions'>> =>
    agent.call('member.sessions', { body: { series, number: number++, began, ended } })
  const orders = (done: string[] = []): Promise<ResponseOf<'member.session_orders'>> =>
    agent.call('member.session_orders', { body: { done } })

  /** Somebody with these rules, who was there before the sessions. */
  const person = (
    user: string,
    rules?: { readonly allow?: string[]; readonly deny?: string[] },
  ): Promise<ApiClient> => api.withRules(user, 'session_tracker', rules)
  const idsOf = async (client: ApiClient, query = {}): Promise<string[]> =>
    (await client.call('sessions.list', { query })).items.map((item) => item.session_id)
  const terminations = (): unknown[] =>
    api.events.filter(({ event }) => event === 'session.terminate')

  it('are told by services, and shown with the service through which they go', async () => {
    using auditor = await person('auditor', { allow: ['list'] })
    const one = session()
    expect(await say([one])).toEqual({ known: true, refused: [] })
    expect(await auditor.call('sessions.list', {})).toEqual({
      items: [{ ...one, server_id: hostId }],
      next: null,
    })
    await say([], [one.session_id])
    expect(await idsOf(auditor)).toEqual([])
  })

  it('are filtered, and told page by page, the newest first', async () => {
    using auditor = await person('auditor', { allow: ['list'] })
    const all = Array.from({ length: 5 }, (_, index) =>
      session({
        started: new Date(clock.now() - index).toISOString(),
        user: index === 1 ? 'bob' : 'alice',
        kind: index === 2 ? 'portforward' : 'exec',
      }),
    )
    await say(all)
    const ids = all.map((one) => one.session_id)
    expect(await idsOf(auditor)).toEqual(ids)
    expect(await idsOf(auditor, { user: 'bob' })).toEqual([ids[1]])
    expect(await idsOf(auditor, { kind: 'portforward' })).toEqual([ids[2]])
    expect(await idsOf(auditor, { kube_cluster: 'east' })).toEqual([])
    const first = await auditor.call('sessions.list', { query: { limit: 2 } })
    // The last of a page may end before the next is asked for.
    await say([], [ids[1] ?? ''])
    const rest = await auditor.call('sessions.list', { query: { after: first.next ?? '' } })
    expect(rest.items.map((one) => one.session_id)).toEqual(ids.slice(2))
    expect(rest.next).toBeNull()
    await expect(auditor.call('sessions.list', { query: { after: 'x' } })).rejects.toMatchObject({
      code: 'BAD_REQUEST',
    })
  })

  it('of thousands at one service are all known', async () => {
    using auditor = await person('auditor', { allow: ['list'] })
    for (let told = 0; told < 10_000; told += 200) {
      await say(Array.from({ length: 200 }, () => session()))
    }
    let seen = 0
    let after: string | null = null
    do {
      const query: { limit: number; after?: string } =
        after === null ? { limit: 1000 } : { limit: 1000, after }
      const page = await auditor.call('sessions.list', { query })
      seen += page.items.length
      after = page.next
    } while (after !== null)
    expect(seen).toBe(10_000)
  })

  describe('for people', () => {
    it('are their own, unless a role shows more', async () => {
      using alice = await person('alice')
      using bob = await person('bob')
      using auditor = await person('auditor', { allow: ['list', 'read'] })
      const [hers, his] = [session(), session({ user: 'bob' })]
      await say([hers, his])
      expect(await idsOf(alice)).toEqual([hers.session_id])
      expect(await idsOf(alice, { user: 'bob' })).toEqual([])
      expect(await idsOf(bob)).toEqual([his.session_id])
      expect((await idsOf(auditor)).sort()).toEqual([hers.session_id, his.session_id].sort())
    })

    it('are not shown to whom a role denies them, not even one’s own', async () => {
      using alice = await person('alice', { deny: ['*'] })
      const own = session()
      await say([own])
      await expect(alice.call('sessions.list', {})).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
      await expect(
        alice.call('sessions.remove', { params: { id: own.session_id }, body: {} }),
      ).rejects.toMatchObject({ code: 'NOT_FOUND' })
    })

    it('are not those of somebody who had the name before', async () => {
      await say([session({ started: new Date(clock.now() - 1000).toISOString() })])
      using alice = await person('alice')
      expect(await idsOf(alice)).toEqual([])
    })

    it('are shown to auditors and editors, and ended by editors', async () => {
      using auditor = new ApiClient(await api.as('audrey', ['auditor']))
      using editor = new ApiClient(await api.as('ed', ['editor']))
      const one = session()
      await say([one])
      const end = (by: ApiClient): Promise<unknown> =>
        by.call('sessions.remove', { params: { id: one.session_id }, body: {} })
      expect(await idsOf(auditor)).toEqual([one.session_id])
      await expect(end(auditor)).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
      const ending = end(editor)
      const { orders: told } = await orders()
      await carriedOut(told[0]?.id)
      expect(await ending).toMatchObject({ ended: true })
    })
  })

  /** Says that an order was carried out, without waiting for the next one. */
  async function carriedOut(id = ''): Promise<void> {
    const waiting = orders([id])
    await expect.poll(() => api.sessions.orders.of(hostId)).toEqual([])
    void waiting.catch(() => {})
  }

  describe('that somebody ends', () => {
    it('end at their service, in words, and are audited with both names', async () => {
      using root = await person('root', { allow: ['*'] })
      const one = session()
      await say([one])
      const waiting = orders()
      const ending = root.call('sessions.remove', {
        params: { id: one.session_id },
        body: { message: 'maintenance' },
      })
      const { orders: told } = await waiting
      expect(told).toEqual([
        {
          id: expect.any(String) as string,
          session_id: one.session_id,
          user: 'root',
          message: 'maintenance',
        },
      ])
      // It is told until it is done.
      expect((await orders()).orders).toEqual(told)
      await carriedOut(told[0]?.id)
      expect(await ending).toMatchObject({ ended: true, session: { user: 'alice' } })
      const facts = {
        code: 'T2020I',
        user: 'root',
        sid: one.session_id,
        session_user: 'alice',
        kubernetes_cluster: 'west',
        server_id: hostId,
        message: 'maintenance',
      }
      expect(terminations()).toMatchObject([
        { ...facts, outcome: 'started' },
        { ...facts, outcome: 'done' },
      ])
    })

    it('are their own, or a role says so', async () => {
      using alice = await person('alice')
      using bob = await person('bob', { allow: ['list'] })
      const one = session()
      await say([one])
      const params = { id: one.session_id }
      await expect(bob.call('sessions.remove', { params, body: {} })).rejects.toMatchObject({
        code: 'ACCESS_DENIED',
      })
      expect(api.sessions.orders.of(hostId)).toEqual([])
      const ending = alice.call('sessions.remove', { params, body: {} })
      const { orders: told } = await orders()
      await carriedOut(told[0]?.id)
      expect(await ending).toMatchObject({ ended: true })
    })

    it('are to whom they are not shown as if they were not there', async () => {
      using bob = await person('bob')
      const one = session()
      await say([one])
      for (const id of [one.session_id, randomUUID()]) {
        const error = { code: 'NOT_FOUND', message: expect.stringContaining(id) as string }
        await expect(
          bob.call('sessions.remove', { params: { id }, body: {} }),
        ).rejects.toMatchObject(error)
      }
      expect(terminations()).toEqual([])
    })

    it('do not end when the audit log cannot be written', async () => {
      using root = await person('root', { allow: ['*'] })
      const one = session()
      await say([one])
      api.spoolFails = true
      await expect(
        root.call('sessions.remove', { params: { id: one.session_id }, body: {} }),
      ).rejects.toMatchObject({ code: 'AUDIT_UNAVAILABLE' })
      expect(api.sessions.orders.of(hostId)).toEqual([])
    })

    it('are not those of which another service says the same id', async () => {
      const otherId = randomUUID()
      using other = new ApiClient(await api.member(otherId, 'token'))
      await serve(otherId, 'west')
      using mallory = await person('mallory')
      const one = session()
      await say([one])
      await other.call('member.sessions', {
        body: { series, number: 0, began: [{ ...one, user: 'mallory' }], ended: [] },
      })
      const ending = mallory.call('sessions.remove', { params: { id: one.session_id }, body: {} })
      await expect.poll(() => api.sessions.orders.of(otherId)).toHaveLength(1)
      expect(api.sessions.orders.of(hostId)).toEqual([])
      api.sessions.orders.done(
        otherId,
        api.sessions.orders.of(otherId).map(({ id }) => id),
      )
      await ending
    })

    it.each(['two\nlines', 'an \u001b[31mescape'])('are told no %j', async (message) => {
      using root = await person('root', { allow: ['*'] })
      const one = session()
      await say([one])
      await expect(
        root.call('sessions.remove', { params: { id: one.session_id }, body: { message } }),
      ).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    })

    it('in this process end at once', async () => {
      using root = await person('root', { allow: ['*'] })
      const id = randomUUID()
      const ended: unknown[] = []
      api.sessions.addLocal(OWN_HOST_ID, {
        list: () => [
          {
            ...session(),
            sessionId: id,
            kubeCluster: 'west',
            startedMs: clock.now(),
          },
        ],
        end: (...of) => ended.push(of) > 0,
      })
      expect(await idsOf(root)).toEqual([id])
      await root.call('sessions.remove', { params: { id }, body: { message: 'stop' } })
      expect(ended).toEqual([[id, { user: 'root', message: 'stop' }]])
    })
  })

  describe('a service', () => {
    it('tells none of a Kubernetes cluster that it never served', async () => {
      using auditor = await person('auditor', { allow: ['list'] })
      const [own, foreign] = [session(), session({ kube_cluster: 'east' })]
      expect(await say([own, foreign])).toMatchObject({
        known: true,
        refused: [{ session_id: foreign.session_id }],
      })
      expect(await idsOf(auditor)).toEqual([own.session_id])
      expect(api.events.at(-1)).toMatchObject({ event: 'auth', error_code: 'SESSION_REFUSED' })
    })

    it('that was removed has none any more, and nothing to do', async () => {
      using root = new ApiClient(await api.admin())
      await say([session()])
      expect(await idsOf(root)).toHaveLength(1)
      await root.call('members.delete', { params: { name: hostId } })
      expect(await idsOf(root)).toEqual([])
      await expect(say([])).rejects.toMatchObject({ code: 'MEMBER_REMOVED' })
    })

    it('that is silent has none any more, and tells them anew when it is back', async () => {
      using root = new ApiClient(await api.admin())
      await say([session()])
      clock.advance(31_000)
      expect(await idsOf(root)).toEqual([])
      expect(await say([])).toMatchObject({ known: false })
    })

    it('is no proxy, and no person', async () => {
      using proxy = new ApiClient(await api.member(randomUUID(), 'token', ['proxy']))
      using root = new ApiClient(await api.admin())
      for (const client of [proxy, root]) {
        await expect(
          client.call('member.session_orders', { body: { done: [] } }),
        ).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
      }
    })

    it('asks whether a person may begin one more, counted over all services', async () => {
      const otherId = randomUUID()
      using other = new ApiClient(await api.member(otherId, 'token'))
      const wants = (
        client: ApiClient,
        here: string[] = [],
      ): Promise<ResponseOf<'member.session_lease'>> =>
        client.call('member.session_lease', {
          body: { session_id: randomUUID(), user: 'alice', max: 2, here },
        })
      const one = session()
      await say([one])
      expect(await wants(other)).toEqual({ granted: true, sessions: 1 })
      expect(await wants(agent, [one.session_id])).toEqual({ granted: false, sessions: 2 })
      await say([], [one.session_id])
      expect(await wants(agent)).toEqual({ granted: true, sessions: 1 })
    })
  })
})
