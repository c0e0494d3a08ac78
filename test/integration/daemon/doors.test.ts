import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { silentLogger, systemClock } from '../../../src/core/index.ts'
import { openDemoCluster } from '../../../src/demo/index.ts'
import { formatProxyHeader } from '../../../src/protocol/index.ts'
import { closed } from '../../support/closed.ts'
import { TestDaemon } from '../../support/daemon.ts'
import { freePort } from '../../support/free-port.ts'
import { connectionsTo } from '../../support/sockets.ts'

const PATIENTLY = { timeout: 40_000, interval: 200 }

interface Kubeconfig {
  clusters: { cluster: { 'tls-server-name': string; 'certificate-authority-data': string } }[]
  users: { user: { 'client-certificate-data': string; 'client-key-data': string } }[]
}

/** One whole daemon behind a load balancer that speaks the PROXY protocol, with every port that there is. */
describe('the doors of a daemon behind a balancer', () => {
  const stack = new AsyncDisposableStack()
  let daemon: TestDaemon
  let ports: Record<'kube' | 'web' | 'auth' | 'tunnel' | 'listen' | 'diag', number>
  let config: Kubeconfig

  beforeAll(async () => {
    const directory = await mkdtemp(join(tmpdir(), 'teleport-doors-'))
    stack.defer(() => rm(directory, { recursive: true, force: true }))
    const demo = stack.use(await openDemoCluster({ clock: systemClock, log: silentLogger }))
    const kubeconfig = join(directory, 'kubeconfig')
    await writeFile(kubeconfig, demo.kubeconfig(), { mode: 0o600 })
    const [tunnel, listen] = [await freePort(), await freePort()]
    daemon = stack.use(
      await TestDaemon.start({
        kubeconfig,
        config: {
          proxy_service: { proxy_protocol: 'on', tunnel_listen_addr: `127.0.0.1:${tunnel}` },
          kubernetes_service: { listen_addr: `127.0.0.1:${listen}` },
        },
      }),
    )
    ports = { ...daemon.ports, tunnel, listen }
    await daemon.tctl('users', 'add', 'joe', '--k8s-groups=system:masters')
    config = parse(await readFile(await daemon.sign('joe', '--ttl=1h'), 'utf8')) as Kubeconfig
  })
  afterAll(() => stack[Symbol.asyncDispose]())

  function dial(port: number): Socket {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    return socket
  }

  /** One request as the person, behind what a balancer writes first; resolves to the status. */
  async function ask(header: Buffer, path: string): Promise<number> {
    const decoded = (base64: string | undefined): Buffer => Buffer.from(base64 ?? '', 'base64')
    const cluster = config.clusters[0]?.cluster
    const user = config.users[0]?.user
    const tcp = dial(ports.kube)
    tcp.write(header)
    const socket = connectTls({
      socket: tcp,
      servername: cluster?.['tls-server-name'],
      ca: decoded(cluster?.['certificate-authority-data']),
      cert: decoded(user?.['client-certificate-data']),
      key: decoded(user?.['client-key-data']),
    })
    socket.write(`GET ${path} HTTP/1.1\r\nhost: k\r\nconnection: close\r\n\r\n`)
    const [first] = (await once(socket, 'data')) as [Buffer]
    socket.destroy()
    return Number(first.toString().split(' ')[1])
  }

  it.each([
    ['of text', Buffer.from('PROXY TCP4 192.0.2.7 192.0.2.8 4711 443\r\n'), '192.0.2.7:4711'],
    [
      'of text, over IPv6',
      Buffer.from('PROXY TCP6 2001:db8::7 2001:db8::8 4712 443\r\n'),
      '[2001:db8::7]:4712',
    ],
    ['in binary', formatProxyHeader({ address: '192.0.2.9', port: 4713 }), '192.0.2.9:4713'],
    [
      'in binary, over IPv6',
      formatProxyHeader({ address: '2001:db8::9', port: 4714 }),
      '[2001:db8::9]:4714',
    ],
  ])('a PROXY header %s: its address is in the audit log', async (_what, header, address) => {
    const name = `pod-${address.replaceAll(/\W+/g, '-')}`
    const path = `/api/v1/namespaces/default/pods/${name}x`
    expect(await ask(header, path)).toBe(404)
    const event = async (): Promise<unknown> =>
      (await daemon.events('--event=kube.request')).find(
        ({ request_path }) => request_path === path,
      )
    await expect.poll(event, PATIENTLY).toMatchObject({ 'addr.remote': address, user: 'joe' })
  })

  it.each([
    ['no PROXY header', 'kube', Buffer.from('16030102000100', 'hex')],
    ['no PROXY header', 'web', Buffer.from('16030102000100', 'hex')],
  ] as const)('%s at the port %s: nothing is served', async (_what, name, bytes) => {
    const socket = dial(ports[name])
    let heard = ''
    socket.on('data', (chunk: Buffer) => {
      heard += chunk.toString('latin1')
    })
    socket.write(bytes)
    await closed(socket)
    expect(heard).toBe('')
  })

  it('whoever is slow is cut, at every port and at every beginning', async () => {
    const hello = Buffer.from('160301020001000', 'hex')
    const slow: readonly (readonly [number, Buffer])[] = [
      [ports.kube, Buffer.from('PROXY TCP4 192.0.2.7 192')],
      [ports.kube, formatProxyHeader({ address: '192.0.2.9', port: 1 }).subarray(0, 14)],
      [ports.kube, Buffer.concat([formatProxyHeader({ address: '192.0.2.9', port: 1 }), hello])],
      [ports.web, Buffer.from('PROXY TCP4 192.0.2.7 192')],
      [ports.auth, hello],
      [ports.tunnel, hello],
      [ports.listen, hello],
      [ports.diag, Buffer.from('GET /metrics HTTP/1.1\r\nhost: x\r\nx: ')],
    ]
    const sockets = slow.flatMap(([port, bytes]) =>
      Array.from({ length: 20 }, () => {
        const socket = dial(port)
        socket.resume()
        socket.write(bytes)
        return socket
      }),
    )
    await Promise.all(
      sockets.map((socket) => new Promise<void>((done) => socket.once('close', () => done()))),
    )
    const held = (): Promise<number[]> => Promise.all(slow.map(([port]) => connectionsTo(port)))
    await expect.poll(held, PATIENTLY).toEqual(slow.map(() => 0))
    // Nobody else noticed.
    expect(await ask(formatProxyHeader({ address: '192.0.2.1', port: 2 }), '/version')).toBe(200)
    expect((await fetch(`http://127.0.0.1:${ports.diag}/readyz`)).status).toBe(200)
  })
})
