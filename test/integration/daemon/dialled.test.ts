import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { KubeWatch } from '../../support/kube-client.ts'
import { Estate } from './support/estate.ts'

const MAPS = '/api/v1/namespaces/default/configmaps'
const CLUSTER = 'direct'
const PATIENTLY = { timeout: 60_000, interval: 200 }

/** Auth, a proxy and a kubernetes service that the proxy dials, each a process of its own. */
describe('on the way to a service that is dialled', () => {
  let estate: Estate
  beforeAll(async () => {
    estate = await Estate.open({
      proxies: 1,
      agents: { in: { clusters: [CLUSTER], direct: true } },
    })
  })
  afterAll(() => estate?.[Symbol.asyncDispose]())

  const hostId = async (service: 'kube' | 'proxy'): Promise<string> => {
    const instances = JSON.parse(await estate.tctl('inventory', 'ls', '--format=json')) as {
      metadata: { name: string }
      spec: { services: string[] }
    }[]
    return instances.find(({ spec }) => spec.services.includes(service))?.metadata.name ?? ''
  }
  /** 0: no answer at all. */
  const status = async (): Promise<number> => {
    using client = estate.person(CLUSTER)
    // Awaited here: what is returned would outlive the client.
    return await client.get(MAPS).then(
      (answer) => answer.status,
      () => 0,
    )
  }
  /** A watch that has begun, on a connection of its own. */
  const follow = async (): Promise<KubeWatch> => {
    const client = estate.stack.use(estate.person(CLUSTER))
    const watch = client.watch(`${MAPS}?watch=true`)
    await watch.until(({ type }) => type === 'ADDED')
    return watch
  }

  it('a lock on the service ends what the proxy has opened to it, until it is lifted', async () => {
    const watch = await follow()
    const said = await estate.tctl('lock', `--server-id=${await hostId('kube')}`)
    await watch.ended
    await expect.poll(status, PATIENTLY).toBe(503)
    expect(await estate.tctl('inventory', 'ls')).toMatch(/ kube .* locked /)
    await estate.tctl('rm', `lock/${/lock "([^"]+)"/.exec(said)?.[1] ?? ''}`)
    await expect.poll(status, PATIENTLY).toBe(200)
  })

  it('a proxy that starts anew while auth is dead knows it still', async () => {
    const [proxy] = estate.proxies
    const kept = join(estate.directory, 'proxy-0', 'data', 'member-direct.json')
    await expect.poll(() => readFile(kept, 'utf8'), PATIENTLY).toContain('127.0.0.1')
    await estate.auth.end('SIGKILL')
    await proxy?.end('SIGKILL')
    await proxy?.start()
    await expect.poll(status, PATIENTLY).toBe(200)
    await estate.auth.start()
  })

  it('a service that stops takes nobody any more while it lets what runs end', async () => {
    const agent = estate.agents.get('in')
    if (agent === undefined) throw new Error('there is no service')
    const { child } = agent.running
    const isTaken = async (): Promise<boolean> => {
      const socket = connect({ host: '127.0.0.1', port: estate.directPorts.get('in') ?? 0 })
      const taken = await once(socket, 'connect').then(
        () => true,
        () => false,
      )
      socket.destroy()
      return taken
    }
    using client = estate.person(CLUSTER)
    const upload = await client.dial()
    upload.on('error', () => {})
    upload.write(
      `POST ${MAPS} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\nexpect: 100-continue\r\n\r\n`,
    )
    // It is underway there.
    expect(String(await once(upload, 'data'))).toContain('100 Continue')
    let isOver = false
    for (const end of ['data', 'close']) upload.once(end, () => (isOver = true))
    expect(await isTaken()).toBe(true)
    child.kill('SIGTERM')
    await expect.poll(isTaken, PATIENTLY).toBe(false)
    expect([isOver, child.exitCode]).toEqual([false, null])
    upload.destroy()
    await agent.end('SIGTERM')
    await agent.start()
    await expect.poll(status, PATIENTLY).toBe(200)
  })

  it('a proxy that is removed brings nobody any more, and what it brought is cut', async () => {
    const watch = await follow()
    await estate.tctl('rm', `instance/${await hostId('proxy')}`)
    await watch.ended
    await expect.poll(status, PATIENTLY).toBe(0)
    await expect
      .poll(() => estate.agents.get('in')?.running.stderr)
      .toContain('a connection that a proxy brought is cut')
  })
})
