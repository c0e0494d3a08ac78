import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ApiClient } from '../../../src/client/index.ts'
import type { SessionResource } from '../../../src/contract/index.ts'
import type { KubeClient } from '../../support/kube-client.ts'
import { runningPod, Shell } from '../../support/kube-shell.ts'
import { type AgentParty, MovableClock, Parties, role } from './support/parties.ts'

const PODS = '/api/v1/namespaces/demo/pods'
const PATIENTLY = { timeout: 10_000 }
const HOSTS = ['agent-1', 'agent-2'] as const

/** Two kubernetes services of one cluster and an auth service, as three processes would be. */
describe('sessions of services away from auth', () => {
  let parties: Parties
  let agents: readonly [AgentParty, AgentParty]
  let clock: MovableClock
  let pipe: { up: boolean }
  let alice: (agent: AgentParty) => KubeClient
  let admin: ApiClient
  let pod: string

  beforeEach(async () => {
    parties = await Parties.open()
    clock = new MovableClock()
    pipe = { up: true }
    const [one, two] = HOSTS
    agents = [
      await parties.agent(await parties.auth.link(one, 'token', pipe), { clock }),
      await parties.agent(await parties.auth.link(two, 'token'), { clock }),
    ]
    for (const agent of agents) await agent.start()
    alice = await parties.person('alice')
    admin = parties.stack.use(await parties.auth.admin())
    const client = alice(agents[0])
    await expect.poll(async () => (await client.get(PODS)).status, PATIENTLY).toBe(200)
    await expect.poll(async () => (await alice(agents[1]).get(PODS)).status, PATIENTLY).toBe(200)
    pod = await runningPod(client)
  })
  afterEach(() => parties[Symbol.asyncDispose]())

  const open = async (agent: AgentParty): Promise<Shell> =>
    parties.stack.use(await Shell.open(alice(agent), pod))
  const listed = async (): Promise<SessionResource[]> =>
    (await admin.call('sessions.list', {})).items
  const count = async (): Promise<number> => (await listed()).length

  async function limit(max: number): Promise<void> {
    const revisions = agents.map(({ agent }) => agent.member.access.current().revision)
    const limited = role('dev', { max_kubernetes_connections: max })
    await admin.call('roles.upsert', { params: { name: 'dev' }, body: limited })
    for (const [index, { agent }] of agents.entries()) {
      await expect
        .poll(() => agent.member.access.current().revision, PATIENTLY)
        .toBeGreaterThan(revisions[index] ?? 0)
    }
  }

  it('are listed with the service through which they go, and are gone when they end', async () => {
    const first = await open(agents[0])
    await expect.poll(listed, PATIENTLY).toMatchObject([
      {
        kind: 'exec',
        user: 'alice',
        kube_cluster: 'demo',
        namespace: 'demo',
        pod,
        command: ['cat'],
        server_id: 'agent-1',
      },
    ])
    const second = await open(agents[1])
    await expect
      .poll(async () => (await listed()).map((one) => one.server_id), PATIENTLY)
      .toEqual(['agent-2', 'agent-1'])
    first[Symbol.dispose]()
    second[Symbol.dispose]()
    await expect.poll(count, PATIENTLY).toBe(0)
  })

  it('end in words when an administrator ends them, and only those', async () => {
    const [first, second] = [await open(agents[0]), await open(agents[1])]
    await expect.poll(count, PATIENTLY).toBe(2)
    const [mine] = (await listed()).filter((one) => one.server_id === 'agent-2')
    const answer = await admin.call('sessions.remove', {
      params: { id: mine?.session_id ?? '' },
      body: { message: 'maintenance begins' },
    })
    expect(answer).toMatchObject({ ended: true, session: { user: 'alice' } })
    await expect.poll(() => second.isOver, PATIENTLY).toBe(true)
    expect(second.said).toContain('this session was ended by @admin: maintenance begins')
    await expect.poll(count, PATIENTLY).toBe(1)
    expect(first.isOver).toBe(false)
    const { items } = await admin.call('events.list', { query: { event: 'session.terminate' } })
    expect(items).toMatchObject([{ user: '@admin', sid: mine?.session_id, session_user: 'alice' }])
  })

  it('are told anew to an auth service that was away', async () => {
    await open(agents[0])
    await expect.poll(count, PATIENTLY).toBe(1)
    await parties.auth.stop()
    const second = await open(agents[0])
    await parties.auth.start()
    using again = await parties.auth.admin()
    await expect
      .poll(async () => (await again.call('sessions.list', {})).items.length, { timeout: 20_000 })
      .toBe(2)
    second[Symbol.dispose]()
    await expect
      .poll(async () => (await again.call('sessions.list', {})).items.length, PATIENTLY)
      .toBe(1)
  })

  it('are forgotten at once when their service stops', async () => {
    await open(agents[0])
    await open(agents[1])
    await expect.poll(count, PATIENTLY).toBe(2)
    await agents[0].stop()
    expect((await listed()).map((one) => one.server_id)).toEqual(['agent-2'])
  })

  describe('with a limit', () => {
    it('are counted over both services', async () => {
      await limit(2)
      const first = await open(agents[0])
      await open(agents[1])
      for (const agent of agents) {
        await expect(open(agent)).rejects.toThrow('you have 2 sessions already')
      }
      first[Symbol.dispose]()
      await expect.poll(count, PATIENTLY).toBe(1)
      await open(agents[1])
    })

    it('that are short do not stand in each other’s way', async () => {
      await limit(1)
      for (let turn = 0; turn < 5; turn += 1) {
        const shell = await open(agents[0])
        shell[Symbol.dispose]()
        await expect
          .poll(() => agents[0].agent.kube.forwarder.sessions.list(), PATIENTLY)
          .toEqual([])
      }
    })

    it('leave no place taken when they do not begin', async () => {
      await limit(1)
      await expect(Shell.open(alice(agents[0]), 'nobody')).rejects.toThrow()
      await open(agents[0])
    })

    it('are counted by each service for itself while auth is away', async () => {
      await limit(1)
      await open(agents[1])
      pipe.up = false
      await open(agents[0])
      await expect(open(agents[0])).rejects.toThrow('you have 1 session already')
    })
  })
})
