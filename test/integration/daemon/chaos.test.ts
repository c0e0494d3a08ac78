import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Estate } from './support/estate.ts'
import { Follower, LogFollower } from './support/follower.ts'

const WATCHES = 200
const LOGS = 20
const SLOW_READERS = 10
/** TELEPORT_TEST_CUT_SECONDS says otherwise. */
const CUT_MS = 1000 * Number(process.env['TELEPORT_TEST_CUT_SECONDS'] ?? 30)
const PATIENTLY = { timeout: 120_000, interval: 100 }
const CLUSTERS = ['c1', 'c2', 'c3', 'c4', 'c5'] as const

/**
 * Three agents, five clusters (three of them with two agents), two proxies; everybody a process that can be killed. People's
 * connections go by dial-backs to two of the agents, and within the tunnels of the third.
 */
describe('an estate in bad times', () => {
  let estate: Estate
  const watches: Follower[] = []
  const logs: LogFollower[] = []
  const slow: TLSSocket[] = []
  let round = 0

  beforeAll(async () => {
    estate = await Estate.open({
      proxies: 2,
      tunnelsApart: true,
      agents: {
        north: { clusters: ['c1', 'c2', 'c3'] },
        south: { clusters: ['c3', 'c4', 'c5'] },
        west: { clusters: ['c5', 'c1'], teleport: { tunnel_dial_back: 'no' } },
      },
    })
    for (const cluster of CLUSTERS) await fill(cluster)
    const pods = await Promise.all(CLUSTERS.map(podOf))
    for (let count = 0; count < WATCHES; count += 1) {
      const cluster = CLUSTERS[count % CLUSTERS.length] ?? 'c1'
      watches.push(new Follower(estate, cluster))
    }
    for (let count = 0; count < LOGS; count += 1) {
      const index = count % CLUSTERS.length
      const pod = pods[index] ?? { namespace: '', name: '' }
      logs.push(new LogFollower(estate, CLUSTERS[index] ?? 'c1', pod))
    }
    for (let count = 0; count < SLOW_READERS; count += 1) slow.push(await stall('c1'))
  })
  afterAll(async () => {
    for (const one of [...watches, ...logs]) one[Symbol.dispose]()
    for (const socket of slow) socket.destroy()
    await estate?.[Symbol.asyncDispose]()
  })

  /** More than anybody who does not read gets. */
  const fill = async (cluster: string): Promise<void> => {
    using client = await estate.administrator(cluster)
    for (let count = 0; count < 4; count += 1) {
      const data = { cluster, text: 'x'.repeat(1_000_000) }
      const made = await client.post('/api/v1/namespaces/default/configmaps', {
        metadata: { name: `large-${count}` },
        data,
      })
      expect(made.status).toBe(201)
    }
  }

  const podOf = async (cluster: string): Promise<{ namespace: string; name: string }> => {
    using client = await estate.administrator(cluster)
    const { body } = await client.get('/api/v1/pods')
    return body.items[0].metadata as { namespace: string; name: string }
  }

  /** Asks for megabytes and reads nothing. */
  const stall = async (cluster: string): Promise<TLSSocket> => {
    const { port, tls } = estate.door(cluster)
    const socket = connect({ host: '127.0.0.1', port, ...tls })
    socket.on('error', () => {})
    await once(socket, 'secureConnect')
    socket.pause()
    socket.write('GET /api/v1/configmaps HTTP/1.1\r\nhost: k\r\n\r\n')
    return socket
  }

  /** All that follows hears of what happens now, in its own cluster and in no other, and who asks is answered by the right one. */
  const allThere = async (): Promise<void> => {
    round += 1
    const mark = `round-${round}`
    const before = logs.map(({ lines }) => lines)
    for (const cluster of CLUSTERS) await estate.mark(cluster, mark)
    const missing = (): number => watches.filter((watch) => !watch.has(mark)).length
    await expect.poll(missing, PATIENTLY).toBe(0)
    const silent = (): number => logs.filter(({ lines }, index) => lines === before[index]).length
    await expect.poll(silent, PATIENTLY).toBe(0)
    for (const cluster of CLUSTERS) {
      const answer = async (): Promise<unknown> => {
        using client = estate.person(cluster)
        return (await client.get(`/api/v1/namespaces/default/configmaps/${cluster}`)).body?.data
      }
      await expect.poll(answer, PATIENTLY).toEqual({ cluster })
    }
    expect(watches.flatMap(({ wrong }) => wrong)).toEqual([])
  }

  /** How many connections of people went so, since their proxies started. */
  const went = async (way: 'dial_back' | 'stream'): Promise<number> => {
    const counted = estate.proxies.map((proxy) =>
      proxy.metric(`teleport_tunnel_${way}_connections`),
    )
    return (await Promise.all(counted)).reduce((sum, one) => sum + one, 0)
  }

  it('carries 200 watches, 20 logs and readers that have stopped', async () => {
    await allThere()
    expect(await went('dial_back')).toBeGreaterThan(0)
    expect(await went('stream')).toBeGreaterThan(0)
  })

  it('gets everything back when a proxy is killed, and when that comes back the other', async () => {
    for (const proxy of estate.proxies) {
      await proxy.end('SIGKILL')
      await allThere()
      await proxy.start()
      await allThere()
    }
    expect(await went('dial_back')).toBeGreaterThan(0)
    expect(await went('stream')).toBeGreaterThan(0)
  })

  it.each(['north', 'south', 'west'])(
    'gets everything back when the agent %s is killed',
    async (name) => {
      const agent = estate.agents.get(name)
      await agent?.end('SIGKILL')
      await agent?.start()
      await allThere()
    },
  )

  it('gets everything back after the network was cut', async () => {
    for (const balancer of estate.balancers) balancer.cut()
    await new Promise((done) => setTimeout(done, CUT_MS))
    for (const balancer of estate.balancers) balancer.heal()
    await allThere()
  })

  it('ends watches with an error after which clients ask again when an API server has gone silent', async () => {
    const network = estate.networks.get('c4')
    const ofSilent = watches.filter(({ cluster }) => cluster === 'c4')
    const others = watches.filter(({ cluster }) => cluster !== 'c4')
    const begun = others.map((watch) => watch.begun)
    const errors = ofSilent.map((watch) => watch.errors.length)
    network?.silence()
    const told = (): boolean =>
      ofSilent.every((watch, index) => watch.errors.length > (errors[index] ?? 0))
    await expect.poll(told, PATIENTLY).toBe(true)
    // What an API server says of an error inside: client-go goes on from where it was.
    expect(new Set(ofSilent.flatMap((watch) => watch.errors))).toEqual(new Set([500]))
    expect(others.map((watch) => watch.begun)).toEqual(begun)
    network?.heal()
    network?.cut()
    await allThere()
  })
})
