import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, get } from 'node:http'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { KubeConfig, PortForward } from '@kubernetes/client-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestDaemon } from '../support/daemon.ts'
import { mustRun, Running } from '../support/process.ts'
import {
  ABSENT,
  CLUSTER_VERSIONS,
  type Cluster,
  clusters,
  contextOf,
  KUBECTL_VERSIONS,
  kubectls,
  mergedKubeconfig,
} from './support/environment.ts'

/** Serves at two ports, says everything again at a third, and has something large to give. */
const SERVES =
  'mkdir -p /one /two; echo one > /one/index.html; echo two > /two/index.html; dd if=/dev/urandom of=/one/big bs=1M count=100 2>/dev/null; sha256sum /one/big | cut -c1-64 > /one/sum; httpd -p 8080 -h /one; httpd -p 8081 -h /two; nc -ll -p 8082 -e /bin/cat & while true; do sleep 1; done'

const OBJECTS = JSON.stringify({
  apiVersion: 'v1',
  kind: 'List',
  items: [
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'box', labels: { app: 'box' } },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [
          {
            name: 'main',
            image: 'docker.io/local/busybox:1',
            imagePullPolicy: 'Never',
            command: ['sh', '-c', SERVES],
            readinessProbe: { httpGet: { path: '/sum', port: 8080 }, periodSeconds: 1 },
          },
        ],
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'box' },
      spec: { selector: { app: 'box' }, ports: [{ port: 80, targetPort: 8080 }] },
    },
  ],
})

const WORDS = { timeout: 60_000, interval: 100 } as const

describe('port-forward through Teleport', () => {
  let directory: string
  let daemon: TestDaemon
  let signed: string
  const namespaces = new Map<Cluster, string>()

  beforeAll(async () => {
    if (clusters.length === 0) return
    directory = await mkdtemp(join(tmpdir(), 'e2e-forward-'))
    daemon = await TestDaemon.start({ kubeconfig: await mergedKubeconfig(directory) })
    await daemon.tctl('users', 'add', 'joe', '--k8s-groups=system:masters')
    signed = await daemon.sign('joe', '--ttl=25h')
    for (const cluster of clusters) {
      const namespace = `forward-${Date.now().toString(36)}`
      namespaces.set(cluster, namespace)
      await direct(cluster, 'create', 'namespace', namespace)
      // Pods need it, and a controller makes it a moment after the namespace.
      for (let found = ''; !found.includes('/default'); ) {
        found = await direct(cluster, 'get', 'serviceaccounts', '-o', 'name')
      }
      await mustRun(
        cluster.kubectl,
        ['--kubeconfig', cluster.kubeconfig, '-n', namespace, 'apply', '-f', '-'],
        { input: OBJECTS },
      )
    }
    for (const cluster of clusters) {
      await direct(cluster, 'wait', '--for=condition=Ready', 'pod/box', '--timeout=120s')
    }
  }, 240_000)
  afterAll(async () => {
    if (clusters.length === 0) return
    await daemon[Symbol.asyncDispose]()
    for (const [cluster, namespace] of namespaces) {
      await direct(cluster, 'delete', 'namespace', namespace, '--wait=false')
    }
    await rm(directory, { recursive: true, force: true })
  })

  const direct = (cluster: Cluster, ...args: string[]): Promise<string> =>
    mustRun(cluster.kubectl, [
      '--kubeconfig',
      cluster.kubeconfig,
      '-n',
      namespaces.get(cluster) ?? '',
      ...args,
    ])

  /** A running `kubectl port-forward`, and the local ports, in order. */
  async function forwarding(
    cluster: Cluster,
    kubectl: string,
    ...args: string[]
  ): Promise<{ running: Running; ports: number[] }> {
    const running = new Running(kubectl, [
      '--kubeconfig',
      signed,
      '--context',
      `e2e.example.com-${contextOf(cluster)}`,
      '-n',
      namespaces.get(cluster) ?? '',
      'port-forward',
      '--address=127.0.0.1',
      ...args,
    ])
    const wanted = args.filter((arg) => arg.startsWith(':')).length
    const pattern = /127\.0\.0\.1:(\d+) ->/g
    await running.until(({ stdout }) => [...stdout.matchAll(pattern)].length === wanted)
    return { running, ports: [...running.stdout.matchAll(pattern)].map(([, port]) => Number(port)) }
  }

  const hashOf = async (port: number): Promise<string> => {
    const hash = createHash('sha256')
    const response = await fetch(`http://127.0.0.1:${port}/big`)
    for await (const chunk of response.body ?? []) hash.update(chunk as Uint8Array)
    return hash.digest('hex')
  }

  for (const clusterVersion of CLUSTER_VERSIONS) {
    const cluster = clusters.find(({ version }) => version === clusterVersion)
    for (const kubectlVersion of KUBECTL_VERSIONS) {
      const kubectl = kubectls.find(({ version }) => version === kubectlVersion)
      const isMissing = cluster === undefined || kubectl === undefined
      it.skipIf(isMissing)(
        `kubectl ${kubectlVersion} reaches ports of pods and services on Kubernetes ${clusterVersion}${isMissing ? ' (not here)' : ''}`,
        async () => {
          await work(cluster ?? ABSENT, kubectl?.path ?? '')
        },
        180_000,
      )
    }

    it.skipIf(cluster === undefined)(
      `a client that speaks plain WebSocket reaches a port on Kubernetes ${clusterVersion}`,
      async () => {
        await overWebSocket(cluster ?? ABSENT)
      },
    )

    it.skipIf(cluster === undefined)(
      `a port-forward ends at once when its pod does, on Kubernetes ${clusterVersion}`,
      async () => {
        await untilThePodIsGone(cluster ?? ABSENT)
      },
    )
  }

  async function work(cluster: Cluster, kubectl: string): Promise<void> {
    const { running, ports } = await forwarding(cluster, kubectl, 'pod/box', ':8080', ':8081')
    await using _running = running
    const [one = 0, two = 0] = ports
    const text = async (port: number, path = '/'): Promise<string> =>
      (await fetch(`http://127.0.0.1:${port}${path}`)).text()
    expect(await Promise.all([text(one), text(two)])).toEqual(['one\n', 'two\n'])
    // Fifty at once, on connections of their own.
    const agent = new Agent({ keepAlive: false })
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => page(index % 2 === 0 ? one : two, agent)),
    )
    expect(answers).toEqual(Array.from({ length: 50 }, (_, i) => (i % 2 === 0 ? 'one\n' : 'two\n')))
    const [sum, hash] = await Promise.all([text(one, '/sum'), hashOf(one)])
    expect(hash).toBe(sum.trim())

    const service = await forwarding(cluster, kubectl, 'svc/box', ':80')
    await using _service = service.running
    expect(await text(service.ports[0] ?? 0)).toBe('one\n')

    const echoing = await forwarding(cluster, kubectl, 'pod/box', ':8082')
    await using _echoing = echoing.running
    const said = Buffer.from(Array.from({ length: 3_000_000 }, (_, at) => (at * 7919) & 255))
    expect((await echo(echoing.ports[0] ?? 0, said)).equals(said)).toBe(true)

    // A port at which nobody listens: in words, as without us.
    const nobody = await forwarding(cluster, kubectl, 'pod/box', ':9999')
    await using _nobody = nobody.running
    connect(nobody.ports[0] ?? 0, '127.0.0.1').on('error', () => {})
    await expect.poll(() => nobody.running.stderr, WORDS).toMatch(/an error occurred forwarding/)
    expect(nobody.running.stderr).toMatch(/refused|exit status/)
  }

  async function overWebSocket(cluster: Cluster): Promise<void> {
    const config = new KubeConfig()
    config.loadFromFile(signed)
    config.setCurrentContext(`e2e.example.com-${contextOf(cluster)}`)
    const forward = new PortForward(config, false)
    const sockets: Socket[] = []
    const server = createServer((socket) => {
      sockets.push(socket)
      const output = new PassThrough()
      output.pipe(socket)
      void forward.portForward(namespaces.get(cluster) ?? '', 'box', [8080], output, null, socket)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const sum = await page(port, new Agent({ keepAlive: false }), '/sum')
    expect(await hashOf(port)).toBe(sum.trim())
    for (const socket of sockets) socket.destroy()
    server.close()
  }

  async function untilThePodIsGone(cluster: Cluster): Promise<void> {
    const [kubectl = { path: '' }] = kubectls.filter(({ version }) => version === '1.35')
    const gone = OBJECTS.replaceAll('"box"', '"gone"')
    await mustRun(
      cluster.kubectl,
      ['--kubeconfig', cluster.kubeconfig, '-n', namespaces.get(cluster) ?? '', 'apply', '-f', '-'],
      { input: gone },
    )
    await direct(cluster, 'wait', '--for=condition=Ready', 'pod/gone', '--timeout=120s')
    const { running } = await forwarding(cluster, kubectl.path, 'pod/gone', ':8080')
    await direct(cluster, 'delete', 'pod', 'gone')
    await expect.poll(() => running.stderr, WORDS).toContain('lost connection to pod')
    await running.end()
  }
})

/** A page over a connection of its own. */
function page(port: number, agent: Agent, path = '/'): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ port, host: '127.0.0.1', agent, path }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.once('end', () => resolve(text))
    }).once('error', reject)
  })
}

/** Says something, and what comes back. */
function echo(port: number, said: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const got: Buffer[] = []
    let bytes = 0
    const socket = connect(port, '127.0.0.1', () => socket.write(said))
    socket.once('error', reject)
    socket.on('data', (chunk: Buffer) => {
      got.push(chunk)
      bytes += chunk.length
      if (bytes < said.length) return
      socket.destroy()
      resolve(Buffer.concat(got))
    })
    socket.once('close', () => resolve(Buffer.concat(got)))
  })
}
