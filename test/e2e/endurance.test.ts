import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestDaemon } from '../support/daemon.ts'
import { mustRun, Running } from '../support/process.ts'
import { connectionsTo, residentBytes } from '../support/sockets.ts'
import { type Cluster, clusters, contextOf, mergedKubeconfig } from './support/environment.ts'
import { type Credentials, open, signedIn } from './support/wire.ts'

const cluster = clusters.find(({ version }) => version === '1.35')
const missing = cluster === undefined ? 'no Kubernetes 1.35 here' : null

const SILENCE_MS = 6 * 60_000
const READERS = 1000
const OBJECTS = 20
const OBJECT_BYTES = 900_000
const ABORTS = 10_000
/** Attackers come from another address than the people whom they disturb. */
const ELSEWHERE = '127.0.0.2'
const PATIENTLY = { timeout: 120_000, interval: 250 }

describe.skipIf(missing !== null)(
  `what goes on for long, and what tries to stop it${missing === null ? '' : ` (${missing})`}`,
  () => endurance(cluster as Cluster),
)

function endurance(real: Cluster): void {
  const namespace = `endurance-${Date.now().toString(36)}`
  const quiet = `${namespace}-quiet`
  let directory: string
  let daemon: TestDaemon
  let kubeconfig: string
  let credentials: Credentials
  let serverName: string

  const direct = (args: readonly string[], input?: string): Promise<string> =>
    mustRun(real.kubectl, ['--kubeconfig', real.kubeconfig, ...args], {
      ...(input === undefined ? {} : { input }),
    })
  const asJoe = (args: readonly string[]): readonly string[] => [
    '--kubeconfig',
    kubeconfig,
    '--context',
    `e2e.example.com-${contextOf(real)}`,
    ...args,
  ]
  const throughUs = (...args: readonly string[]): Promise<string> =>
    mustRun(real.kubectl, asJoe(args))

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'e2e-endurance-'))
    daemon = await TestDaemon.start({ kubeconfig: await mergedKubeconfig(directory, [real]) })
    await daemon.tctl('users', 'add', 'joe', '--k8s-groups=system:masters')
    kubeconfig = await daemon.sign('joe', '--ttl=8h')
    const config = await signedIn(kubeconfig)
    credentials = config.credentials
    serverName = config.doors.get(`e2e.example.com-${contextOf(real)}`)?.serverName ?? ''
    await direct(['create', 'namespace', namespace])
    await direct(['create', 'namespace', quiet])
    const item = (index: number): object => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: `large-${index}`, namespace },
      data: { text: String(index).padStart(OBJECT_BYTES, '.') },
    })
    for (let index = 0; index < OBJECTS; index += 1) {
      await direct(['create', '-f', '-'], JSON.stringify(item(index)))
    }
  })
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]()
    await direct(['delete', 'namespace', namespace, quiet, '--wait=false'])
    await rm(directory, { recursive: true, force: true })
  })

  async function dial(protocol: 'h2' | 'http/1.1'): Promise<TLSSocket> {
    const socket = open({ port: daemon.ports.kube, serverName }, credentials, {
      ALPNProtocols: [protocol],
    })
    await once(socket, 'secureConnect')
    socket.on('error', () => {})
    return socket
  }
  async function dialHttp2(): Promise<ClientHttp2Session> {
    const socket = await dial('h2')
    const session = connectHttp2('https://localhost', { createConnection: () => socket })
    session.on('error', () => {})
    return session
  }
  const request = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
  const watchPath = (of: string): string =>
    `/api/v1/namespaces/${of}/configmaps?watch=true&resourceVersion=0`

  /** The value of a metric of the daemon. */
  async function metric(name: string): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${daemon.ports.diag}/metrics`)).text()
    const line = text.split('\n').find((one) => one.startsWith(name))
    if (line === undefined) throw new Error(`no metric ${name}`)
    return Number(line.slice(line.lastIndexOf(' ') + 1))
  }
  const inFlight = (): Promise<number> => metric('teleport_kubernetes_server_in_flight_requests')
  const alive = async (): Promise<void> => {
    expect(await throughUs('get', 'namespace', quiet, '-o', 'name')).toBe(`namespace/${quiet}\n`)
  }

  describe('beside a watch that is silent for six minutes', () => {
    let begun: number
    let kubectl: Running
    let http1: TLSSocket
    let http2: ClientHttp2Session
    const heard = { http1: '', http2: '' }

    afterAll(async () => {
      await kubectl.end('SIGKILL')
      http1.destroy()
      http2.destroy()
    })

    it('a watch begins: by kubectl, by HTTP/1.1, by HTTP/2', async () => {
      kubectl = new Running(real.kubectl, [
        ...asJoe(['get', 'configmaps', '-n', quiet, '-w', '-o', 'name']),
      ])
      http1 = await dial('http/1.1')
      http1.on('data', (chunk: Buffer) => {
        heard.http1 += chunk.toString()
      })
      http1.write(request(watchPath(quiet)))
      http2 = await dialHttp2()
      const stream = http2.request({ ':path': watchPath(quiet) })
      stream.on('error', () => {})
      stream.on('data', (chunk: Buffer) => {
        heard.http2 += chunk.toString()
      })
      // Each of them lists what every namespace has, and then there is nothing to say.
      await kubectl.until(({ stdout }) => stdout.includes('kube-root-ca.crt'))
      await expect.poll(() => heard.http1).toContain('kube-root-ca.crt')
      await expect.poll(() => heard.http2).toContain('kube-root-ca.crt')
      begun = Date.now()
      heard.http1 = ''
      heard.http2 = ''
    })
    it('a thousand stalled readers hold little memory, and nobody else waits', async () => {
      const [before, flying] = [await residentBytes(daemon.process.pid), await inFlight()]
      const stalled: TLSSocket[] = []
      for (let count = 0; count < READERS; count += 1) {
        const socket = await dial('http/1.1')
        socket.write(request(watchPath(namespace)))
        await once(socket, 'readable')
        stalled.push(socket)
      }
      expect(await inFlight()).toBe(flying + READERS)
      await alive()
      const grown = (await residentBytes(daemon.process.pid)) - before
      // Each could hold 18 MB if we read ahead of it.
      expect(grown / READERS).toBeLessThan(1024 * 1024)

      // A reader that goes on has lost nothing.
      const [one, ...others] = stalled
      if (one === undefined) throw new Error('no reader')
      let text = ''
      one.on('data', (chunk: Buffer) => {
        text += chunk.toString()
      })
      const names = (): number => new Set(text.match(/"name":"large-\d+"/g)).size
      await expect.poll(names, PATIENTLY).toBe(OBJECTS)

      one.destroy()
      for (const socket of others) socket.destroy()
      await expect.poll(inFlight, PATIENTLY).toBe(flying)
    })

    it('a thousand stalled readers that share connections do not stall each other', async () => {
      const flying = await inFlight()
      const sessions: ClientHttp2Session[] = []
      for (let index = 0; index < 10; index += 1) {
        const session = await dialHttp2()
        sessions.push(session)
        for (let count = 0; count < READERS / 10; count += 1) {
          const stream = session.request({ ':path': watchPath(namespace) })
          stream.on('error', () => {})
          await once(stream, 'readable')
        }
      }
      expect(await inFlight()).toBe(flying + READERS)
      await alive()
      for (const session of sessions) {
        const stream = session.request({ ':path': `/api/v1/namespaces/${quiet}` })
        const [headers] = (await once(stream, 'response')) as [Record<string, unknown>]
        expect(headers[':status']).toBe(200)
        stream.resume()
        await once(stream, 'end')
      }
      for (const session of sessions) session.destroy()
      await expect.poll(inFlight, PATIENTLY).toBe(flying)
    })

    it('ten thousand streams that are aborted leave nothing behind', async () => {
      const flying = await inFlight()
      const connections = await connectionsTo(daemon.ports.kube)
      const storm = async (): Promise<void> => {
        const session = await dialHttp2()
        for (let count = 0; count < ABORTS / 10; count += 1) {
          const stream = session.request({
            ':path': watchPath(count % 2 === 0 ? namespace : quiet),
          })
          stream.on('error', () => {})
          // Some before anything came, some amid the answer.
          if (count % 3 === 0) await once(stream, 'response')
          stream.close(8)
          await once(stream, 'close')
        }
        expect(session.destroyed).toBe(false)
        session.destroy()
      }
      const storms = Promise.all(Array.from({ length: 10 }, storm))
      await alive()
      await storms
      await alive()
      await expect.poll(inFlight, PATIENTLY).toBe(flying)
      await expect.poll(() => metric('teleport_audit_spool_pending_events'), PATIENTLY).toBe(0)
      await expect.poll(() => connectionsTo(daemon.ports.kube), PATIENTLY).toBe(connections)
    })

    it.each([
      ['the Kubernetes port', 'kube'],
      ['the web port', 'web'],
      ['the auth port', 'auth'],
    ] as const)('a flood of slow handshakes at %s is cut, and others come in', async (_, name) => {
      const port = daemon.ports[name]
      const connections = await connectionsTo(port)
      const sockets = Array.from({ length: 600 }, () => slowly(port))
      await Promise.all(sockets.map((socket) => once(socket, 'connect')))
      // The beginning of a ClientHello, a byte a second.
      const hello = Buffer.concat([Buffer.from('16030102000100', 'hex'), Buffer.alloc(512)])
      let at = 0
      const drip = setInterval(() => {
        for (const socket of sockets) {
          if (socket.writable) socket.write(hello.subarray(at, at + 1))
        }
        at += 1
      }, 1000)
      try {
        await sleep(3000)
        if (name === 'kube') await alive()
        else await daemon.tctl('status')
        await expect.poll(() => connectionsTo(port), PATIENTLY).toBe(connections)
      } finally {
        clearInterval(drip)
        for (const socket of sockets) socket.destroy()
      }
    })

    it('heads of requests that never end are cut, with words', async () => {
      const connections = await connectionsTo(daemon.ports.kube)
      const sockets = await Promise.all(Array.from({ length: 100 }, () => dial('http/1.1')))
      const said = sockets.map(() => '')
      for (const [index, socket] of sockets.entries()) {
        socket.on('data', (chunk: Buffer) => {
          said[index] += chunk.toString()
        })
        socket.write('GET /version HTTP/1.1\r\nHost: x\r\nX-Slow: ')
      }
      const drip = setInterval(() => {
        for (const socket of sockets) if (socket.writable) socket.write('x')
      }, 1000)
      try {
        await alive()
        await expect.poll(() => connectionsTo(daemon.ports.kube), PATIENTLY).toBe(connections)
      } finally {
        clearInterval(drip)
        for (const socket of sockets) socket.destroy()
      }
      for (const words of said) expect(words).toContain('408 Request Timeout')
    })

    it('the watch is alive after the silence', async () => {
      await sleep(Math.max(0, begun + SILENCE_MS - Date.now()))
      expect(heard).toEqual({ http1: '', http2: '' })
      await direct(['create', 'configmap', 'at-last', '-n', quiet])
      await kubectl.until(({ stdout }) => stdout.includes('configmap/at-last'))
      await expect.poll(() => heard.http1).toContain('"name":"at-last"')
      await expect.poll(() => heard.http2).toContain('"name":"at-last"')
    })
  })

  function slowly(port: number): Socket {
    const socket = connect({ port, host: '127.0.0.1', localAddress: ELSEWHERE })
    socket.on('error', () => {})
    return socket
  }
}
