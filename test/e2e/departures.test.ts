import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect as connectHttp2 } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestDaemon } from '../support/daemon.ts'
import { mustRun, Running } from '../support/process.ts'
import { connectionsTo } from '../support/sockets.ts'
import { type Cluster, clusters, contextOf, mergedKubeconfig } from './support/environment.ts'
import { open, signedIn } from './support/wire.ts'

const cluster = clusters.find(({ version }) => version === '1.35')
const missing = cluster === undefined ? 'no Kubernetes 1.35 here' : null
const WATCH = '/api/v1/namespaces/default/configmaps?watch=true&resourceVersion=0'

describe.skipIf(missing !== null)(
  `clients that leave without a word${missing === null ? '' : ` (${missing})`}`,
  () => departures(cluster as Cluster),
)

function departures(real: Cluster): void {
  let directory: string
  let daemon: TestDaemon
  let kubeconfig: string

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'e2e-departures-'))
    daemon = await TestDaemon.start({ kubeconfig: await mergedKubeconfig(directory, [real]) })
    await daemon.tctl('users', 'add', 'joe', '--k8s-groups=system:masters')
    kubeconfig = await daemon.sign('joe', '--ttl=8h')
  })
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  })

  async function dial(protocol: 'h2' | 'http/1.1'): Promise<{ raw: Socket; socket: TLSSocket }> {
    const { credentials, doors } = await signedIn(kubeconfig)
    const serverName = doors.get(`e2e.example.com-${contextOf(real)}`)?.serverName ?? null
    const raw = connect(daemon.ports.kube, '127.0.0.1')
    await once(raw, 'connect')
    const socket = open({ port: daemon.ports.kube, serverName }, credentials, {
      socket: raw,
      ALPNProtocols: [protocol],
    })
    await once(socket, 'secureConnect')
    expect(socket.alpnProtocol).toBe(protocol)
    return { raw, socket }
  }

  const watches = async (agent: string): Promise<unknown[]> =>
    (await daemon.events('--user=joe', '--event=kube.request'))
      .filter((event) => event['user_agent'] === agent && event['kube_verb'] === 'watch')
      .map((event) => event['outcome'])

  it.each(['FIN', 'RST'] as const)('over HTTP/2, with a %s', async (how) => {
    const agent = `h2-${how}`
    const { raw, socket } = await dial('h2')
    const session = connectHttp2('https://localhost', { createConnection: () => socket })
    session.on('error', () => {})
    for (let count = 0; count < 3; count += 1) {
      const stream = session.request({ ':path': WATCH, 'user-agent': agent })
      stream.on('error', () => {})
      await new Promise((resolve) => stream.once('data', resolve))
    }
    expect(await connectionsTo(daemon.ports.kube)).toBe(1)
    if (how === 'FIN') raw.end()
    else raw.resetAndDestroy()
    await expect
      .poll(() => watches(agent), { timeout: 20_000 })
      .toEqual(['aborted', 'aborted', 'aborted'])
    await expect.poll(() => connectionsTo(daemon.ports.kube)).toBe(0)
    session.destroy()
  })

  it.each(['FIN', 'RST'] as const)('over HTTP/1.1, with a %s', async (how) => {
    const agent = `h1-${how}`
    const { raw, socket } = await dial('http/1.1')
    socket.on('error', () => {})
    socket.write(`GET ${WATCH} HTTP/1.1\r\nHost: x\r\nUser-Agent: ${agent}\r\n\r\n`)
    await new Promise((resolve) => socket.once('data', resolve))
    if (how === 'FIN') raw.end()
    else raw.resetAndDestroy()
    await expect.poll(() => watches(agent), { timeout: 20_000 }).toEqual(['aborted'])
    await expect.poll(() => connectionsTo(daemon.ports.kube)).toBe(0)
  })

  it('as a kubectl that is killed', async () => {
    const watch = new Running(real.kubectl, [
      '--kubeconfig',
      kubeconfig,
      '--context',
      `e2e.example.com-${contextOf(real)}`,
      'get',
      'configmaps',
      '-w',
      '-o',
      'name',
    ])
    await watch.until(({ stdout }) => stdout.includes('kube-root-ca.crt'))
    // So far it has a list; the watch after that stands when it tells of what came later.
    const name = `departure-${process.pid}`
    const direct = (...args: readonly string[]): Promise<string> =>
      mustRun(real.kubectl, ['--kubeconfig', real.kubeconfig, ...args, 'configmap', name])
    await direct('create')
    await watch.until(({ stdout }) => stdout.includes(name))
    await watch.end('SIGKILL')
    await direct('delete')
    await expect
      .poll(
        async () =>
          (await daemon.events('--user=joe', '--event=kube.request'))
            .filter(
              (event) =>
                String(event['user_agent']).startsWith('kubectl') && event['kube_verb'] === 'watch',
            )
            .map((event) => event['outcome']),
        { timeout: 20_000 },
      )
      .toEqual(['aborted'])
  })
}
