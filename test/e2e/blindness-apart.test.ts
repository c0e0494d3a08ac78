import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { Estate } from '../integration/daemon/support/estate.ts'
import { findInFile, findInMemory } from '../support/dump.ts'
import type { ServiceProcess } from '../support/service-process.ts'

const CLUSTER = 'vault'

/** Three processes with three directories: whoever takes over the auth service or a proxy has no Secret by that. */
describe('auth, a proxy and a kubernetes service apart', () => {
  const canary = (name: string): string => `canary-${name}-${randomBytes(16).toString('hex')}`
  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  const [down, up] = [canary('down'), canary('up')]
  const namespace = `blind-${randomBytes(6).toString('hex')}`
  const path = `/api/v1/namespaces/${namespace}/secrets`
  const bodies = {
    'what was read': down,
    'what was read, in base64': base64(down),
    'what was written': up,
    'what was written, in base64': base64(up),
  }
  const needles = { ...bodies, 'the path': namespace }
  let estate: Estate
  let watching: Disposable

  beforeAll(async () => {
    estate = await Estate.open({ proxies: 1, agents: { agent: { clusters: [CLUSTER] } } })
    using administrator = await estate.administrator(CLUSTER)
    await administrator.post('/api/v1/namespaces', { metadata: { name: namespace } })
    const secret = (name: string, value: string): object => ({
      metadata: { name },
      data: { value: base64(value) },
    })
    expect((await administrator.post(path, secret('read', down))).status).toBe(201)
    // Through a connection that the agent has dialled back, which is plain but for the person's own TLS.
    let person = estate.person(CLUSTER)
    const isDialledBack = async (): Promise<boolean> => {
      person[Symbol.dispose]()
      person = estate.person(CLUSTER)
      const before = await dialBacks()
      expect((await person.get('/version')).status).toBe(200)
      return (await dialBacks()) > before
    }
    await vi.waitUntil(isDialledBack, { timeout: 60_000, interval: 100 })
    expect((await person.post(path, secret('written', up))).status).toBe(201)
    for (let round = 0; round < 20; round += 1) {
      expect((await person.get(path)).text).toContain(base64(down))
    }
    // And one that is open while we look.
    const watch = person.watch(`${path}?watch=true`)
    await watch.until(({ object }) => object.metadata.name === 'written')
    watching = {
      [Symbol.dispose]() {
        watch[Symbol.dispose]()
        person[Symbol.dispose]()
      },
    }
    // What the service says of it has arrived.
    await vi.waitUntil(allTold, { timeout: 120_000, interval: 200 })
  })
  afterAll(async () => {
    watching?.[Symbol.dispose]()
    await estate?.[Symbol.asyncDispose]()
  })

  const dialBacks = async (): Promise<number> =>
    (await estate.proxies[0]?.metric('teleport_tunnel_dial_back_connections')) ?? 0

  const allTold = async (): Promise<boolean> => {
    const events = await estate.events('--event=kube.request')
    return events.filter((event) => event['request_path'] === path).length > 20
  }

  const onDisk = async ({ directory }: ServiceProcess): Promise<Set<string>> => {
    const found = new Set<string>()
    const entries = await readdir(directory, { recursive: true, withFileTypes: true })
    for (const entry of entries.filter((one) => one.isFile())) {
      const traces = await findInFile(join(entry.parentPath, entry.name), needles)
      for (const trace of traces) found.add(trace)
    }
    return found
  }

  it('the kubernetes service, which ends the TLS, has it all in its memory, and no body on its disk', async () => {
    const agent = estate.agents.get('agent') as ServiceProcess
    const traces = await findInMemory(agent.running.pid, needles)
    expect(traces).toEqual(expect.arrayContaining(['the path', 'what was read, in base64']))
    for (const trace of await onDisk(agent)) expect(trace).toBe('the path')
  })

  it('the proxy knows neither what was asked nor what was said', async () => {
    const [proxy] = estate.proxies as [ServiceProcess]
    const { servername = '' } = estate.door(CLUSTER).tls
    const traces = await findInMemory(proxy.running.pid, {
      ...needles,
      'the server name': servername,
    })
    // The name shows that the search finds what went by.
    expect(traces).toEqual(['the server name'])
    expect(await onDisk(proxy)).toEqual(new Set())
  })

  it('the auth service knows who asked for what, and nothing of what was said', async () => {
    expect(await findInMemory(estate.auth.running.pid, needles)).toEqual(['the path'])
    expect(await onDisk(estate.auth)).toEqual(new Set(['the path']))
  })
})
