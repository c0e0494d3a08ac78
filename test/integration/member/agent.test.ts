import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { GenericEvent } from '../../../src/audit/index.ts'
import type { KubeClient } from '../../support/kube-client.ts'
import {
  type AgentParty,
  CLUSTER,
  delivered,
  MovableClock,
  Parties,
  role,
  user,
} from './support/parties.ts'

const PODS = '/api/v1/namespaces/demo/pods'
const MAPS = '/api/v1/namespaces/demo/configmaps'
const HOUR_MS = 3_600_000

/** An agent and an auth service as two processes would be: nothing in common but a socket. */
describe('a kubernetes service away from auth', () => {
  let parties: Parties
  let agent: AgentParty
  let clock: MovableClock
  let connect: (agent: AgentParty) => KubeClient
  let alice: KubeClient

  beforeEach(async () => {
    parties = await Parties.open()
    clock = new MovableClock()
    agent = await parties.agent(await parties.auth.link('agent-1', 'token'), { clock })
    await agent.start()
    connect = await parties.person('alice')
    // The certificate's user and role came after the agent's first state at the latest.
    await expect.poll(() => agent.agent.member.access.current().revision).toBeGreaterThan(0)
    alice = connect(agent)
  })
  afterEach(() => parties[Symbol.asyncDispose]())

  it('serves by what the auth service says, and delivers each event once, stamped', async () => {
    expect((await alice.get(PODS)).status).toBe(200)
    expect((await alice.post(MAPS, { metadata: { name: 'made' } })).status).toBe(201)
    await delivered(agent)
    const events = await parties.auth.requests()
    expect(
      events.map((event) =>
        ['verb', 'outcome', 'user', 'server_id', 'delivered_by'].map(
          (name) => (event as GenericEvent)[name],
        ),
      ),
    ).toEqual([
      ['GET', 'done', 'alice', 'agent-1', 'agent-1'],
      ['POST', 'done', 'alice', 'agent-1', 'agent-1'],
    ])
  })

  it('cuts a watch when a lock comes, and when a role is taken away', async () => {
    using admin = await parties.auth.admin()
    const cut = async (withdraw: () => Promise<unknown>): Promise<void> => {
      await expect.poll(async () => (await alice.get(PODS)).status).toBe(200)
      const watch = alice.watch(`${MAPS}?watch=true`)
      await watch.until(({ type }) => type === 'ADDED')
      await withdraw()
      await watch.until(({ type }) => type === 'ERROR')
      watch[Symbol.dispose]()
    }
    const target = { target: { user: 'alice' }, message: 'ask Bob' }
    await cut(() =>
      admin.call('locks.create', {
        body: { kind: 'lock', version: 'v2', metadata: { name: 'l1' }, spec: target },
      }),
    )
    expect((await alice.get(PODS)).body.message).toContain('ask Bob')
    await admin.call('locks.delete', { params: { name: 'l1' } })
    await cut(() =>
      admin.call('users.upsert', { params: { name: 'alice' }, body: user('alice', []) }),
    )
    expect((await alice.get(PODS)).status).toBe(403)
  })

  it('ends what is underway under a name that is another’s by now, and serves nobody there until it is its own again', async () => {
    const { joining, kubeClusters } = parties.auth.service
    const free = async (): Promise<void> => {
      await joining.names.free(CLUSTER)
      await kubeClusters.forget(CLUSTER)
    }
    await expect.poll(async () => (await alice.get(PODS)).status).toBe(200)
    const watch = alice.watch(`${MAPS}?watch=true`)
    await watch.until(({ type }) => type === 'ADDED')
    await free()
    await joining.names.claim(CLUSTER, 'the token of others')
    await watch.until(({ type }) => type === 'ERROR')
    watch[Symbol.dispose]()
    // By a connection that was there before.
    expect((await alice.get(PODS)).status).not.toBe(200)
    await free()
    await expect.poll(async () => (await connect(agent).get(PODS)).status).toBe(200)
  })

  it('tells within its registry how the cluster is, and that it is gone when the agent stops', async () => {
    const status = async (): Promise<Record<string, unknown> | undefined> => {
      using admin = await parties.auth.admin()
      const { items } = await admin.call('kube_clusters.list', {})
      return items.find(({ metadata }) => metadata.name === CLUSTER)?.status
    }
    await expect.poll(status).toMatchObject({
      online: true,
      health: 'healthy',
      problem: null,
      services: 1,
      kubernetes_version: 'v1.35.0+demo',
    })
    await agent.stop()
    expect(await status()).toMatchObject({ online: false, health: 'offline', services: 0 })
  })

  it('goes on without auth, also after a restart, and delivers what happened once auth is back', async () => {
    await alice.get(PODS)
    await delivered(agent)
    await parties.auth.stop()
    expect((await alice.get(PODS)).status).toBe(200)
    expect((await alice.post(MAPS, { metadata: { name: 'meanwhile' } })).status).toBe(201)
    await agent.stop()

    clock.aheadMs += HOUR_MS
    await agent.start()
    alice = connect(agent)
    expect((await alice.get(PODS)).status).toBe(200)
    expect((await alice.delete(`${MAPS}/meanwhile`)).status).toBe(200)
    expect(agent.agent.member.spool.stats().pendingEvents).toBeGreaterThanOrEqual(4)
    expect(agent.agent.member.access.locksAgeMs(clock.now())).toBeGreaterThanOrEqual(HOUR_MS)

    await parties.auth.start()
    await delivered(agent)
    await expect.poll(() => agent.agent.member.access.locksAgeMs(clock.now())).toBe(0)
    const seen = (await parties.auth.requests()).map(({ verb, outcome }) => `${verb} ${outcome}`)
    expect(seen).toEqual(['GET done', 'GET done', 'POST done', 'GET done', 'DELETE done'])
  })

  it('knows after its machine has slept that it heard of no locks meanwhile, before a call has failed', async () => {
    const ageMs = (): number => agent.agent.member.access.locksAgeMs(clock.now())
    await expect.poll(ageMs).toBe(0)
    clock.aheadMs += HOUR_MS
    expect(ageMs()).toBeGreaterThanOrEqual(HOUR_MS)
    // Any word will do.
    using admin = await parties.auth.admin()
    await admin.call('roles.create', { body: role('news', {}) })
    await expect.poll(ageMs).toBe(0)
  })

  it('refuses roles with strict locks when it did not hear of locks for too long, and all when the state is too old', async () => {
    using admin = await parties.auth.admin()
    await admin.call('cluster_settings.update', {
      body: {
        kind: 'cluster_settings',
        version: 'v1',
        metadata: { name: 'cluster-settings' },
        spec: { offline_access_ttl: '10m' },
      },
    })
    await admin.call('roles.create', { body: role('strict', { lock: 'strict' }) })
    await admin.call('users.create', { body: user('bob', ['strict']) })
    const bob = (await parties.person('bob'))(agent)
    await expect.poll(async () => (await bob.get(PODS)).status).toBe(200)
    await parties.auth.stop()
    await expect.poll(() => agent.agent.member.access.locksAgeMs(Date.now() + 1)).toBeGreaterThan(0)
    clock.aheadMs += 6 * 60_000
    expect((await bob.get(PODS)).body).toMatchObject({ reason: 'ServiceUnavailable' })
    expect((await alice.get(PODS)).status).toBe(200)
    clock.aheadMs += 5 * 60_000
    expect((await alice.get(PODS)).body).toMatchObject({
      reason: 'ServiceUnavailable',
      message: expect.stringContaining('the auth service was not heard of since'),
    })
  })

  it('keeps its state where only its user reads it, and uses none that was altered or is from elsewhere', async () => {
    const path = join(agent.directory, 'member-state.json')
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect((await stat(join(agent.directory, 'member-certificates.json'))).mode & 0o777).toBe(0o600)
    const good = await readFile(path, 'utf8')
    await agent.stop()
    await parties.auth.stop()

    const signed = JSON.parse(good) as { statement: string; signature: string; state: string }
    const altered = (fields: Partial<typeof signed>): string =>
      JSON.stringify({ ...signed, ...fields })
    const foreign = await Parties.open()
    parties.stack.use(foreign)
    const other = await foreign.agent(await foreign.auth.link('agent-1', 'token'))
    await other.start()
    const elsewhere = await readFile(join(other.directory, 'member-state.json'), 'utf8')
    for (const text of [
      altered({ state: signed.state.replace('"env":"test"', '"*":"*"') }),
      altered({
        statement: signed.statement.replace(/"expires_ms":\d+/, '"expires_ms":9999999999999'),
      }),
      altered({ signature: '' }),
      elsewhere,
      '{}',
      'torn',
    ]) {
      expect(text).not.toBe(good)
      await writeFile(path, text)
      const giveUp = new AbortController()
      setTimeout(() => giveUp.abort(new Error('no state')), 200)
      await expect(agent.start(giveUp.signal)).rejects.toThrow('no state')
    }
    await writeFile(path, good)
    clock.aheadMs += 13 * HOUR_MS
    const giveUp = new AbortController()
    setTimeout(() => giveUp.abort(new Error('no state')), 200)
    await expect(agent.start(giveUp.signal)).rejects.toThrow('no state')
    clock.aheadMs = 0
    await agent.start()
    expect((await connect(agent).get(PODS)).status).toBe(200)
  })

  it('serves nothing under a name that belongs to another lineage, and says whose fault it is', async () => {
    const errors: string[] = []
    const log = {
      debug: () => {},
      info: () => {},
      warn: () => {},
      error: (fields: Readonly<Record<string, unknown>>) =>
        void errors.push(String(fields['reason'])),
      child: () => log,
    }
    const thief = await parties.agent(await parties.auth.link('agent-2', 'other'), { log })
    await thief.start()
    await expect(connect(thief).get(PODS)).rejects.toThrow()
    expect(errors.join('\n')).toContain('tctl rm kube_server/demo')
    const friend = await parties.agent(await parties.auth.link('agent-3', 'token'))
    await friend.start()
    expect((await connect(friend).get(PODS)).status).toBe(200)
    using admin = await parties.auth.admin()
    const { items } = await admin.call('kube_clusters.list', {})
    expect(items[0]?.status.services).toBe(2)
  })

  it('stores no event of a service that speaks for another, or for a cluster that is not its own', async () => {
    const link = await parties.auth.link('agent-4', 'token')
    using calls = link.calls(5000)
    const [genuine] = await (async () => {
      await alice.get(PODS)
      await delivered(agent)
      return parties.auth.requests()
    })()
    if (genuine === undefined) throw new Error('there is no event')
    const forge = (fields: Record<string, unknown>): typeof genuine => ({
      ...genuine,
      server_id: 'agent-4',
      uid: 'forged',
      ...fields,
    })
    const forged = [
      forge({ server_id: 'agent-1' }),
      forge({}),
      forge({ event: 'user.create' }),
      forge({ cluster_name: 'another' }),
    ]
    const { refused } = await calls.call('member.events', { body: { events: forged } })
    expect(refused.map(({ message }) => message)).toEqual([
      'it names another service',
      'it is about a Kubernetes cluster that the service may not serve',
      'user.create is not an event of a kubernetes service',
      'it is of another Teleport cluster',
    ])
    expect(await parties.auth.requests()).toEqual([genuine])
  })
})
