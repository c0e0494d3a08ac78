import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { formatProxyHeader, PROXIED_ALPN } from '../../../src/protocol/index.ts'
import { closed } from '../../support/closed.ts'
import { Estate, PERSON } from './support/estate.ts'
import { Follower } from './support/follower.ts'

const PATIENTLY = { timeout: 60_000, interval: 100 }
const podsOf = (namespace: string): string => `/api/v1/namespaces/${namespace}/pods`

/** All in processes of their own: auth, two proxies behind a balancer, an agent that dials out and one that is dialled. */
describe('two proxies behind a load balancer', () => {
  let estate: Estate
  beforeAll(async () => {
    estate = await Estate.open({
      proxies: 2,
      agents: { out: { clusters: ['tunnelled'] }, in: { clusters: ['direct'], direct: true } },
    })
  })
  afterAll(() => estate?.[Symbol.asyncDispose]())

  it.each(['tunnelled', 'direct'])(
    'bring the address of the person to the service that is %s',
    async (cluster) => {
      using client = estate.person(cluster)
      expect((await client.get(podsOf(`of-${cluster}`))).status).toBe(200)
      const addresses = async (): Promise<unknown[]> =>
        (await estate.events('--event=kube.request'))
          .filter(({ request_path: path }) => path === podsOf(`of-${cluster}`))
          .map((event) => event['addr.remote'])
      await expect.poll(addresses, PATIENTLY).toEqual([`${PERSON.address}:${PERSON.port}`])
    },
  )

  describe('what another says of whom he brings', () => {
    const refused = async (socket: ReturnType<typeof connect>): Promise<string> => {
      let heard = ''
      socket.on('data', (chunk: Buffer) => {
        heard += chunk.toString('latin1')
      })
      await closed(socket)
      return heard
    }
    const port = (): number => estate.directPorts.get('in') ?? 0

    it('is no ClientHello when it is said openly', async () => {
      const socket = connect({ port: port(), host: '127.0.0.1' })
      socket.write(formatProxyHeader(PERSON))
      expect(await refused(socket)).not.toContain('HTTP')
    })

    it.each(['nobody', 'alice', 'a kubernetes service'])(
      'is not heard when %s says it',
      async (who) => {
        const { ca, cert, key, servername } = estate.door('direct').tls
        const kept = join(estate.directory, 'out', 'data', 'member-identity.json')
        const agent = JSON.parse(await readFile(kept, 'utf8')) as Record<string, string>
        const shown =
          who === 'alice'
            ? { cert, key }
            : who === 'nobody'
              ? {}
              : { cert: agent['certificate'], key: agent['private_key'] }
        const socket = connectTls({
          port: port(),
          host: '127.0.0.1',
          ca,
          servername,
          ...shown,
          ALPNProtocols: [PROXIED_ALPN],
        })
        let shaken = false
        socket.once('secureConnect', () => {
          shaken = true
          socket.write(formatProxyHeader(PERSON))
          socket.write('GET /version HTTP/1.1\r\nhost: x\r\n\r\n')
        })
        expect(await refused(socket)).toBe('')
        // It had the service in front of it, and was sent away for what it is.
        expect(shaken).toBe(true)
      },
    )
  })

  it('serve on while either of them restarts, and watches are back by themselves', async () => {
    using tunnelled = new Follower(estate, 'tunnelled')
    using direct = new Follower(estate, 'direct')
    const followers = [tunnelled, direct]
    for (const [index, proxy] of estate.proxies.entries()) {
      proxy.running.child.kill('SIGTERM')
      // A request is a connection of its own: the balancer finds the proxy that is there.
      for (const { cluster } of followers) {
        const status = async (): Promise<number> => {
          using client = estate.person(cluster)
          return await client.get(podsOf('default')).then(
            (answer) => answer.status,
            // Whom the kernel took in the moment in which it closed its port.
            () => 0,
          )
        }
        await expect.poll(status, PATIENTLY).toBe(200)
      }
      // What it carries still it would carry for twenty seconds more; who cannot wait says it twice.
      await proxy.end('SIGTERM')
      await proxy.start()
      // Until it has its tunnel it sends people away for a second, and clients ask again.
      const answers = async (): Promise<number[]> => {
        const statuses: number[] = []
        for (const { cluster } of [...followers, ...followers]) {
          using client = estate.person(cluster)
          statuses.push((await client.get(podsOf('default'))).status)
        }
        return statuses
      }
      await expect.poll(answers, PATIENTLY).toEqual([200, 200, 200, 200])
      for (const one of followers) {
        await estate.mark(one.cluster, `after-${index}`)
        await expect.poll(() => one.has(`after-${index}`), PATIENTLY).toBe(true)
      }
    }
    for (const { wrong, begun } of followers) {
      expect(wrong).toEqual([])
      expect(begun).toBeGreaterThan(1)
    }
  })
})
