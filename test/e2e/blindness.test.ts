import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TLSSocket, connect as tlsConnect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { serverCertificate } from '../support/certificates.ts'
import { TestDaemon } from '../support/daemon.ts'
import { findInFile, findInMemory, openFiles } from '../support/dump.ts'
import { freePort } from '../support/free-port.ts'
import { type Finished, mustRun, runProgram } from '../support/process.ts'
import {
  apiServerAudit,
  type Cluster,
  clusters,
  contextOf,
  mergedKubeconfig,
} from './support/environment.ts'
import { Gateway } from './support/gateway.ts'
import type { GatewayProcessOptions } from './support/gateway-process.ts'
import { type Credentials, open, signedIn, talk } from './support/wire.ts'

const [real, other] = [...clusters].sort((a, b) => b.version.localeCompare(a.version))
const missing =
  real?.auditLog == null || other === undefined ? 'no two real clusters with audit logs here' : null
const PLAIN_NAME = 'plain.blindness.example.com'

describe.skipIf(missing !== null)(
  `a gateway in a process of its own${missing === null ? '' : ` (${missing})`}`,
  () => blindness(real as Cluster, other as Cluster),
)

function blindness(cluster: Cluster, second: Cluster): void {
  const run = randomBytes(6).toString('hex')
  const namespace = `blind-${run}`
  const person = `person-${run}`
  const stack = new AsyncDisposableStack()
  let directory: string
  let daemon: TestDaemon
  let kubeconfig: string
  let credentials: Credentials
  let serverName: string
  let secondName: string
  let servicePort: number

  const direct = (...args: readonly string[]): Promise<string> =>
    mustRun(cluster.kubectl, ['--kubeconfig', cluster.kubeconfig, ...args])
  /** kubectl, told to go by this gateway. */
  const through = (gateway: Gateway, ...args: readonly string[]): Promise<Finished> =>
    runProgram(cluster.kubectl, [
      '--kubeconfig',
      kubeconfig,
      `--context=e2e.example.com-${contextOf(cluster)}`,
      `--server=https://127.0.0.1:${gateway.port}`,
      // Another server than the configuration’s has no name there.
      `--tls-server-name=${serverName}`,
      ...args,
    ])

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'e2e-blindness-'))
    stack.defer(() => rm(directory, { recursive: true, force: true }))
    servicePort = await freePort()
    daemon = stack.use(
      await TestDaemon.start({
        kubeconfig: await mergedKubeconfig(directory, [cluster, second]),
        config: { kubernetes_service: { listen_addr: `127.0.0.1:${servicePort}` } },
      }),
    )
    await daemon.tctl('users', 'add', person, '--k8s-groups=system:masters')
    kubeconfig = await daemon.sign(person, '--ttl=8h')
    const config = await signedIn(kubeconfig)
    credentials = config.credentials
    serverName = config.doors.get(`e2e.example.com-${contextOf(cluster)}`)?.serverName ?? ''
    secondName = config.doors.get(`e2e.example.com-${contextOf(second)}`)?.serverName ?? ''
    await direct('create', 'namespace', namespace)
    stack.defer(async () => {
      await direct('delete', 'namespace', namespace, '--wait=false')
    })
  })
  afterAll(() => stack[Symbol.asyncDispose]())

  const start = (options: Partial<GatewayProcessOptions>): Promise<Gateway> =>
    Gateway.start(directory, { servicePort, ...options })

  const creations = async (name: string): Promise<number> =>
    (await apiServerAudit(cluster)).filter(
      ({ requestURI, verb, responseStatus }) =>
        verb === 'create' && requestURI.includes(`/${name}/`) && responseStatus !== undefined,
    ).length
  /** Creates something in a namespace of its own name, by hand, so that nothing but this request has that name. */
  const post = (name: string): string => {
    const body = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } })
    return `POST /api/v1/namespaces/${name}/configmaps HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  }
  /** A connection that has carried a request and its answer. */
  async function working(gateway: Gateway): Promise<{ socket: TLSSocket; closed: Promise<void> }> {
    const door = { port: gateway.port, serverName }
    const socket = open(door, credentials, { ALPNProtocols: ['http/1.1'] })
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    socket.on('error', () => socket.destroy())
    socket.write('GET /version HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(socket, 'data')
    return { socket, closed }
  }
  const warnings = (): string[] =>
    daemon.process.stderr.split('\n').filter((line) => line.includes('changed on their way'))

  it('knows neither who speaks nor what is said, in its memory or on its disk', async () => {
    const canary = (name: string): string => `canary-${name}-${randomBytes(16).toString('hex')}`
    const [down, up, plainly] = [canary('down'), canary('up'), canary('plain')]
    const base64 = (text: string): string => Buffer.from(text).toString('base64')
    const secrets = {
      'what was read': down,
      'what was read, in base64': base64(down),
      'what was written': up,
      'what was written, in base64': base64(up),
      'the path': namespace,
      'the person': person,
    }
    const listening: Socket[] = []
    const plain = createServer((socket) => listening.push(socket.resume()))
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve))
    const plainPort = (plain.address() as AddressInfo).port
    await using gateway = await start({
      plain: { serverName: PLAIN_NAME, port: plainPort },
    })
    // What goes through the same gateway without TLS does leave traces: the search would find them.
    const talker = connect(gateway.port, '127.0.0.1')
    talker.on('error', () => {})
    talker.write(await helloFor(PLAIN_NAME))
    await expect.poll(() => listening.length).toBe(1)
    talker.write(plainly.repeat(1000))

    const create = ['create', 'secret', 'generic', '-n', namespace]
    await direct(...create, 'read', `--from-literal=x=${down}`)
    expect(await through(gateway, ...create, 'written', `--from-literal=x=${up}`)).toMatchObject({
      code: 0,
    })
    for (let round = 0; round < 20; round += 1) {
      const read = await through(gateway, 'get', 'secrets', '-n', namespace, '-o', 'json')
      expect(read.stdout).toContain(base64(down))
    }
    // And one whose connection is open while we look.
    const { socket } = await working(gateway)
    let answer = ''
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString()
    })
    const path = `/api/v1/namespaces/${namespace}/secrets?watch=1&resourceVersion=0`
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
    await expect.poll(() => answer).toContain(base64(up))

    const traces = await findInMemory(gateway.process.pid, {
      ...secrets,
      'what went by without TLS': plainly,
      'the server name': serverName,
    })
    expect(traces).toEqual(['the server name', 'what went by without TLS'])
    // The service ends the TLS, so there it all is.
    const service = await findInMemory(daemon.process.pid, secrets)
    expect(service).toEqual(
      expect.arrayContaining(['the path', 'the person', 'what was read, in base64']),
    )

    const files = await openFiles(gateway.process.pid)
    expect(files.filter((file) => !file.endsWith('.ts'))).toEqual([])
    expect(await readdir(gateway.home)).toEqual([])
    const control = join(directory, 'control')
    await writeFile(control, `${'x'.repeat(5_000_000)}${down}`)
    expect(await findInFile(control, secrets)).toEqual(['what was read'])

    socket.destroy()
    talker.destroy()
    for (const one of listening) one.destroy()
    plain.close()
  })

  it('that alters a request is noticed: nothing of it goes up, and the service says so', async () => {
    const [honest, altered] = [`one-${run}`, `two-${run}`]
    await using gateway = await start({ kind: 'hostile' })
    const door = { port: gateway.port, serverName }
    const fine = await talk(door, credentials, post(honest), { answers: 1 })
    expect(fine.answers).toMatchObject([{ status: 404 }])

    const { socket, closed } = await working(gateway)
    let answer = ''
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString()
    })
    await gateway.command('up')
    socket.write(post(altered))
    await closed
    expect(answer).toBe('')
    await expect.poll(warnings).toHaveLength(1)
    await expect.poll(() => creations(honest)).toBe(1)
    expect(await creations(altered)).toBe(0)
  })

  it('that alters an answer is noticed by the client', async () => {
    await using gateway = await start({ kind: 'hostile' })
    expect(await through(gateway, 'get', '--raw', '/version')).toMatchObject({ code: 0 })
    const { socket } = await working(gateway)
    const failed = new Promise<NodeJS.ErrnoException>((resolve) => socket.once('error', resolve))
    await gateway.command('down')
    socket.write('GET /version HTTP/1.1\r\nHost: x\r\n\r\n')
    expect((await failed).code).toBe('ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC')
    expect((await through(gateway, 'get', '--raw', '/version')).code).not.toBe(0)
  })

  it('that sends a request a second time, on its connection or a new one, has it done once', async () => {
    const [whole, again] = [`three-${run}`, `four-${run}`]
    await using recorder = await start({ kind: 'hostile' })
    const fine = await talk({ port: recorder.port, serverName }, credentials, post(whole), {
      answers: 1,
    })
    expect(fine.answers).toMatchObject([{ status: 404 }])
    // The service answers the ClientHello, which anyone may send, and ends it at what was made for another.
    expect(await recorder.command('replay')).toMatch(/replayed \["\d{3,} bytes, closed"\]/)

    await using doubler = await start({ kind: 'hostile' })
    const { socket, closed } = await working(doubler)
    await doubler.command('twice')
    const before = warnings().length
    socket.write(post(again))
    await closed
    await expect.poll(() => warnings().length).toBe(before + 1)
    await expect.poll(() => creations(whole)).toBe(1)
    await expect.poll(() => creations(again)).toBe(1)
  })

  it('that leads a client to another cluster is noticed by the client', async () => {
    await using straight = await start({ kind: 'hostile' })
    expect(await through(straight, 'get', '--raw', '/version')).toMatchObject({ code: 0 })
    await using astray = await start({
      kind: 'hostile',
      rename: { from: serverName, to: secondName },
    })
    const { code, stderr } = await through(astray, 'get', '--raw', '/version')
    expect(code).not.toBe(0)
    expect(stderr).toMatch(/tls: |x509: /)
  })

  it('that answers itself is refused, and does not learn who asked', async () => {
    const pair = await serverCertificate(serverName)
    await using gateway = await start({ kind: 'impostor', pair })
    // Who trusts its authority is deceived by it: the impostor does work.
    const deceived = await talk(
      { port: gateway.port, serverName },
      { ...credentials, ca: pair.ca },
      'GET /version HTTP/1.1\r\nHost: x\r\n\r\n',
    )
    expect(deceived.answers).toMatchObject([{ status: 200, body: '{}' }])
    await gateway.process.until(({ stdout }) => stdout.includes(`shown CN=${person}`))
    const before = gateway.process.stdout.length
    const { code, stdout, stderr } = await through(gateway, 'get', '--raw', '/version')
    expect(code).not.toBe(0)
    expect(stdout).toBe('')
    expect(stderr).toContain('x509: certificate signed by unknown authority')
    await gateway.process.until((one) => one.stdout.slice(before).includes('refused'))
    expect(gateway.process.stdout.slice(before)).not.toContain('shown')
  })
}

/** The first bytes of a TLS client. */
async function helloFor(name: string): Promise<Buffer> {
  const catcher = createServer()
  await new Promise<void>((resolve) => catcher.listen(0, '127.0.0.1', resolve))
  const arrived = once(catcher, 'connection') as Promise<[Socket]>
  const client = tlsConnect({
    port: (catcher.address() as AddressInfo).port,
    host: '127.0.0.1',
    servername: name,
  })
  client.on('error', () => {})
  const [socket] = await arrived
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  client.destroy()
  socket.destroy()
  catcher.close()
  return bytes
}
