import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { connect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { silentLogger, systemClock } from '../../../src/core/index.ts'
import { openDemoCluster } from '../../../src/demo/index.ts'
import { authServerName } from '../../../src/protocol/index.ts'
import { TestDaemon } from '../../support/daemon.ts'
import { mustRun, Running } from '../../support/process.ts'

const BIN = resolve(import.meta.dirname, '../../../bin')

interface Kubeconfig {
  'current-context'?: string
  clusters: { cluster: { server: string } }[]
  contexts: { name: string }[]
}

/** What `tctl` writes and prints for other programs, by the real commands. */
describe('tctl with a running daemon', () => {
  const stack = new AsyncDisposableStack()
  let daemon: TestDaemon
  beforeAll(async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tctl-files-'))
    stack.defer(() => rm(directory, { recursive: true, force: true }))
    const demo = stack.use(await openDemoCluster({ clock: systemClock, log: silentLogger }))
    const kubeconfig = join(directory, 'kubeconfig')
    const one = parse(demo.kubeconfig()) as { contexts: { name: string }[] }
    const [context] = one.contexts
    one.contexts = ['first', 'second'].map((name) => ({ ...context, name }))
    await writeFile(kubeconfig, JSON.stringify(one), { mode: 0o600 })
    daemon = stack.use(await TestDaemon.start({ kubeconfig }))
    await daemon.tctl('users', 'add', 'jenkins', '--k8s-groups=system:masters')
  })
  afterAll(() => stack[Symbol.asyncDispose]())
  const at = (name: string): string => join(daemon.directory, name)

  it.each(['teleport', 'tctl', 'tsh'])('%s version tells which version it is', async (program) => {
    const { version } = JSON.parse(await readFile(resolve(BIN, '../package.json'), 'utf8')) as {
      version: string
    }
    expect(await mustRun(join(BIN, program), ['version'])).toContain(version)
  })

  it('auth sign --format=tls: three private files that openssl verifies and that the API takes', async () => {
    await daemon.tctl(
      'auth',
      'sign',
      '--user=jenkins',
      '--format=tls',
      `--out=${at('jenkins')}`,
      '--ttl=2h',
    )
    for (const end of ['key', 'crt', 'cas']) {
      expect((await stat(at(`jenkins.${end}`))).mode & 0o777).toBe(0o600)
    }
    const shown = [
      'x509',
      '-in',
      at('jenkins.crt'),
      '-noout',
      '-subject',
      '-enddate',
      '-ext',
      'extendedKeyUsage',
    ]
    const text = await mustRun('openssl', shown)
    expect(text).toMatch(/CN ?= ?jenkins/)
    expect(text).toContain('TLS Web Client Authentication')
    const ends = Date.parse(/notAfter=(.*)/.exec(text)?.[1] ?? '')
    expect(ends - Date.now()).toBeGreaterThan(119 * 60_000)
    expect(ends - Date.now()).toBeLessThanOrEqual(120 * 60_000)
    const publicOf = async (args: string[]): Promise<string> => mustRun('openssl', args)
    expect(await publicOf(['pkey', '-in', at('jenkins.key'), '-pubout'])).toBe(
      await publicOf(['x509', '-in', at('jenkins.crt'), '-noout', '-pubkey']),
    )
    const socket = connect({
      port: daemon.ports.auth,
      host: '127.0.0.1',
      servername: authServerName('e2e.example.com'),
      ca: await readFile(at('jenkins.cas')),
      cert: await readFile(at('jenkins.crt')),
      key: await readFile(at('jenkins.key')),
    })
    socket.write('GET /v1/roles HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
    let answer = ''
    for await (const chunk of socket) answer += String(chunk)
    // He is known, and his roles do not open this.
    expect(answer).toMatch(/^HTTP\/1\.1 403 /)
    expect(answer).toContain('ACCESS_DENIED')
  })

  it('auth sign --kube-cluster-name selects one cluster, and --proxy says where it is', async () => {
    const out = at('selected')
    const sign = ['auth', 'sign', '--user=jenkins', '--format=kubernetes', `--out=${out}`]
    const read = async (): Promise<Kubeconfig> => parse(await readFile(out, 'utf8')) as Kubeconfig
    await daemon.tctl(...sign)
    expect((await read())['current-context'] ?? '').toBe('')
    await daemon.tctl(...sign, '--kube-cluster-name=second', '--proxy=k8s.example.com:4443')
    const selected = await read()
    expect(selected['current-context']).toBe('e2e.example.com-second')
    expect(selected.contexts).toHaveLength(2)
    for (const { cluster } of selected.clusters) {
      expect(cluster.server).toMatch(/^https:\/\/k8s\.example\.com:4443(\/|$)/)
    }
    const none = await daemon.tryTctl([...sign, '--kube-cluster-name=third'])
    expect(none.code).not.toBe(0)
    expect(none.stderr).toContain('third')
    expect(await read()).toEqual(selected)
  })

  it('auth sign replaces no file that it did not write, unless it is told to', async () => {
    const out = at('precious')
    await writeFile(out, 'precious\n')
    const sign = ['auth', 'sign', '--user=jenkins', '--format=kubernetes', `--out=${out}`]
    const refused = await daemon.tryTctl(sign)
    expect(refused.code).not.toBe(0)
    expect(refused.stderr).toContain('exists, and was not written by this command')
    expect(refused.stderr).toContain('--overwrite')
    expect(await readFile(out, 'utf8')).toBe('precious\n')
    await daemon.tctl(...sign, '--overwrite')
    expect(await readFile(out, 'utf8')).toContain('client-certificate-data')
    expect((await stat(out)).mode & 0o777).toBe(0o600)
    await daemon.tctl(...sign)
  })

  it('audit tail prints what comes, as lines of JSON, and ends with ctrl-c', async () => {
    await using tail = new Running(join(BIN, 'tctl'), [
      '-c',
      daemon.configFile,
      'audit',
      'tail',
      '--event=user.create',
      '--format=json',
    ])
    let added = 0
    const names = (): string[] =>
      tail.stdout
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as { name: string; outcome: string })
        .map(({ name, outcome }) => `${name} ${outcome}`)
    await expect
      .poll(
        async () => {
          await daemon.tctl('users', 'add', `tailed-${added++}`, '--k8s-groups=devs')
          return names().length
        },
        { timeout: 40_000 },
      )
      .toBeGreaterThan(1)
    // A change that was seen underway is shown once more when it is done, and never twice as the same.
    const printed = names()
    expect(new Set(printed).size).toBe(printed.length)
    expect(printed.every((name) => name.startsWith('tailed-'))).toBe(true)
    expect(await tail.end('SIGINT')).toBe(0)
  })
})
