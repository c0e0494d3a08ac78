import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Estate } from './support/estate.ts'

const MAPS = '/api/v1/namespaces/default/configmaps'
const PATIENTLY = { timeout: 60_000, interval: 100 }

/** A proxy behind a balancer that says whose connections are whose, an agent that dials back, and one that may not; each a process. */
describe('agents that dial back', () => {
  const stack = new AsyncDisposableStack()
  let estate: Estate

  beforeAll(async () => {
    estate = stack.use(
      await Estate.open({
        proxies: 1,
        agents: {
          plain: { clusters: ['c1'] },
          inside: { clusters: ['c2'], teleport: { tunnel_dial_back: 'no' } },
        },
      }),
    )
  })
  afterAll(() => stack[Symbol.asyncDispose]())

  const proxy = (): Estate['proxies'][number] => {
    const [first] = estate.proxies
    if (first === undefined) throw new Error('there is no proxy')
    return first
  }
  const counted = (name: string): Promise<number> => proxy().metric(`teleport_tunnel_${name}`)
  /** As each kubectl does: a connection of its own. */
  const ask = async (cluster: string): Promise<number> => {
    using client = estate.person(cluster)
    return (await client.get(MAPS)).status
  }

  it('carry people beside the tunnel, with the address that the balancer said', async () => {
    await expect
      .poll(async () => ((await ask('c1')) === 200 ? counted('warm_dial_backs') : 0), PATIENTLY)
      .toBeGreaterThan(0)
    const before = await counted('dial_back_connections')
    for (let person = 0; person < 10; person += 1) expect(await ask('c1')).toBe(200)
    // On a busy machine one or the other may come late.
    expect(await counted('dial_back_connections')).toBeGreaterThan(before + 5)
    await expect
      .poll(() => estate.tctl('audit', 'ls', '--format=json'), PATIENTLY)
      .toContain('203.0.113.7:')
  })

  it('carry them within the tunnel where their file says so', async () => {
    const before = await counted('dial_back_connections')
    const streams = await counted('stream_connections')
    for (let person = 0; person < 5; person += 1) expect(await ask('c2')).toBe(200)
    expect(await counted('dial_back_connections')).toBe(before)
    expect(await counted('stream_connections')).toBe(streams + 5)
  })

  it('end with the agent, and come back with it', async () => {
    using client = estate.person('c1')
    using watch = client.watch(`${MAPS}?watch=true`)
    await watch.until(({ type }) => type === 'ADDED')
    const agent = estate.agents.get('plain')
    await agent?.end('SIGKILL')
    await expect.poll(() => counted('warm_dial_backs'), PATIENTLY).toBe(0)
    await agent?.start()
    const before = await counted('dial_back_connections')
    await expect
      .poll(async () => {
        await ask('c1').catch(() => 0)
        return counted('dial_back_connections')
      }, PATIENTLY)
      .toBeGreaterThan(before)
  })

  it('are told from strangers, whom the proxy counts and does not answer', async () => {
    const refused = (): Promise<number> =>
      proxy()
        .metric('teleport_gateway_refused{reason="dialBack"}')
        .catch(() => 0)
    const before = await refused()
    const heard: Buffer[] = []
    const stranger = connect({ host: '127.0.0.1', port: estate.balancers[0]?.port ?? 0 })
    stranger.on('error', () => {})
    stranger.on('data', (chunk: Buffer) => heard.push(chunk))
    stranger.write(Buffer.concat([Buffer.from([0xdb, 1]), Buffer.alloc(48, 7)]))
    await expect.poll(() => stranger.closed, PATIENTLY).toBe(true)
    expect(heard).toEqual([])
    expect(await refused()).toBe(before + 1)
    expect(await ask('c1')).toBe(200)
  })
})
