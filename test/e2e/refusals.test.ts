import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { serverCertificate } from '../support/certificates.ts'
import { TestDaemon } from '../support/daemon.ts'
import { freePort } from '../support/free-port.ts'
import type { OpensslAuthority } from '../support/openssl.ts'
import { Running } from '../support/process.ts'
import {
  clusters,
  contextOf,
  KUBECTL_VERSIONS,
  kubectls,
  kubectlWith,
  mergedKubeconfig,
} from './support/environment.ts'
import { type Forgery, forgery } from './support/forgery.ts'

/** The page that says what people see; this test holds it to the truth, or writes it with UPDATE_DOCS=1. */
const PAGE = resolve(import.meta.dirname, '../../docs/errors.md')
const [BEGIN, END] = ['<!-- kubectl-table -->', '<!-- /kubectl-table -->']

type Cache = 'cold' | 'warm' | 'a watch is underway'
interface Row {
  readonly refusal: string
  readonly kubectl: string
  readonly cache: Cache
  readonly printed: string
}

/** What a refusal must tell the person, whichever kubectl and cache: the word that is its cause. */
const REFUSALS = {
  CERT_UNKNOWN_AUTHORITY: /another or an outdated authority/,
  USER_GONE: /does not exist any more/,
  CLUSTER_DENIED: /access to this Kubernetes cluster is denied/,
  NO_KUBERNETES_PRINCIPALS: /no Kubernetes group and no Kubernetes user/,
  IMPERSONATION_DENIED: /impersonation of user "mallory" is not allowed/,
  CERT_EXPIRED: /certificate expired at/,
  UPSTREAM_UNREACHABLE: /is offline: its API server does not answer/,
  CERT_MISSING: /no client certificate/,
  CLUSTER_UNKNOWN: /access to this Kubernetes cluster is denied/,
  CLUSTER_OFFLINE: /is offline since .*: no service of ours serves it/,
  IMPERSONATION_AMBIGUOUS: /several Kubernetes users \(alice, bob\): choose one with --as/,
  IMPERSONATION_UNSUPPORTED: /the header impersonate-uid is not allowed/,
  UPSTREAM_TLS: /its API server is not the one that is configured/,
  UPSTREAM_CREDENTIALS: /the service has no valid credentials for it/,
  LOCKED: /you are locked out: laptop stolen, call security/,
  ADDRESS_NOT_PINNED: /wants a certificate that is bound to your address/,
  ADDRESS_PINNED: /may be used from the address of its login only/,
  CERT_NOT_YET_VALID: /valid from .*: is a clock wrong/,
  CERT_WRONG_USAGE: /not for clients/,
  CERT_WRONG_KIND: /a certificate of kind "user" is not taken here/,
  CERT_WRONG_CLUSTER: /another Teleport cluster/,
  CERT_MALFORMED: /the certificate names nobody/,
  BAD_REQUEST: /is refused/,
  UPSTREAM_RESET: /broke/,
} as const
/** Made with the cluster's own keys, each wrong in one thing. */
const FORGED: Partial<Record<RefusalName, (forged: Forgery) => OpensslAuthority>> = {
  CERT_NOT_YET_VALID: ({ issue }) =>
    issue({ notBeforeMs: Date.now() + DAY_MS, notAfterMs: Date.now() + 2 * DAY_MS }),
  CERT_WRONG_USAGE: ({ issue }) => issue({ usage: 'serverAuth' }),
  CERT_WRONG_KIND: ({ issue, host }) => issue({ issuer: host }),
  CERT_WRONG_CLUSTER: ({ issue, identity }) =>
    issue({ identity: { ...identity, teleportCluster: 'other.example.com' } }),
  CERT_MALFORMED: ({ issue }) => issue({ identity: null }),
}
const DAY_MS = 86_400_000
/** The oldest and the newest kubectl, between which words were seen to change, speak for the others here. */
const BY_ENDS: ReadonlySet<RefusalName> = new Set([
  'ADDRESS_PINNED',
  'CERT_NOT_YET_VALID',
  'CERT_WRONG_USAGE',
  'CERT_WRONG_KIND',
  'CERT_WRONG_CLUSTER',
  'CERT_MALFORMED',
  'BAD_REQUEST',
  'UPSTREAM_RESET',
])
const ENDS: readonly string[] = ['1.20', '1.35']
/** What comes from us and not from the cluster is the same in front of an old one. */
const ON_OLD_CLUSTER = [
  'CERT_MISSING',
  'CERT_UNKNOWN_AUTHORITY',
  'USER_GONE',
  'CLUSTER_DENIED',
  'NO_KUBERNETES_PRINCIPALS',
  'IMPERSONATION_DENIED',
  'LOCKED',
  'BAD_REQUEST',
] as const satisfies readonly RefusalName[]
/** Clusters that are refused as such; everything else is asked of the one that works. */
const CONTEXTS: Partial<Record<RefusalName, string>> = {
  UPSTREAM_UNREACHABLE: 'dead',
  UPSTREAM_TLS: 'another',
  UPSTREAM_CREDENTIALS: 'locked-out',
  CLUSTER_OFFLINE: 'gone',
  UPSTREAM_RESET: 'resets',
}
/** kubectl 1.20 has no `--as-uid`. */
const CANNOT_ASK: Partial<Record<RefusalName, readonly string[]>> = {
  IMPERSONATION_UNSUPPORTED: ['1.20'],
}
const FLAGS: Partial<Record<RefusalName, (user: string) => readonly string[]>> = {
  IMPERSONATION_DENIED: () => ['--as=mallory'],
  IMPERSONATION_UNSUPPORTED: (user) => [`--as=${user}`, '--as-uid=7'],
}
/** kubectl 1.20 drops what it is told in discovery, whatever the answer is, and goes on without resources. */
const BLIND = /doesn't have a resource type/

type RefusalName = keyof typeof REFUSALS

/** What is asked, where that is not `get pods`. */
const RAW: Partial<Record<RefusalName, string>> = {
  BAD_REQUEST: '/api/v1/pods?watch=true&watch=false',
}

const cluster = clusters.find(({ version }) => version === '1.35')
const oldCluster = clusters.find(({ version }) => version === '1.20')
const absent = KUBECTL_VERSIONS.filter(
  (version) => !kubectls.some((one) => one.version === version),
)
const missing =
  cluster === undefined || oldCluster === undefined
    ? 'no Kubernetes 1.35 and 1.20 here'
    : absent.length > 0
      ? `no kubectl ${absent.join(', ')} here`
      : null

describe.skipIf(missing !== null)(
  `what kubectl prints of refusals${missing === null ? '' : ` (${missing})`}`,
  () => {
    let directory: string
    let daemon: TestDaemon
    let foreign: TestDaemon
    const kubeconfigs = new Map<RefusalName, string>()
    const rows: Row[] = []
    const served = (): string => `e2e.example.com-${contextOf(required(cluster))}`
    const servedOld = (): string => `e2e.example.com-${contextOf(required(oldCluster))}`
    const stack = new AsyncDisposableStack()

    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), 'e2e-refusals-'))
      const both = [required(cluster), required(oldCluster)]
      const working = await mergedKubeconfig(directory, both)
      const resets = await startResetting(stack)
      const data = join(directory, 'daemon')
      await mkdir(data)
      // A cluster that was served once is remembered.
      const before = await withBrokenClusters(working, resets, ['gone'])
      await using earlier = await TestDaemon.start({ kubeconfig: before, directory: data })
      await earlier.stop()
      const clustersFile = await withBrokenClusters(working, resets, [])
      daemon = await TestDaemon.start({
        kubeconfig: clustersFile,
        directory: data,
        labels: { env: 'prod' },
      })
      foreign = await TestDaemon.start({ kubeconfig: clustersFile })
      for (const [name, allow] of [
        ['reaches', { kubernetes_labels: { '*': '*' }, kubernetes_groups: ['system:masters'] }],
        ['elsewhere', { kubernetes_labels: { env: 'dev' }, kubernetes_groups: ['system:masters'] }],
        ['nobody', { kubernetes_labels: { '*': '*' } }],
        ['pins', {}],
        [
          'as-told',
          {
            kubernetes_labels: { '*': '*' },
            kubernetes_groups: ['{{internal.kubernetes_groups}}'],
          },
        ],
        [
          'several',
          {
            kubernetes_labels: { '*': '*' },
            kubernetes_groups: ['system:masters'],
            kubernetes_users: ['alice', 'bob'],
          },
        ],
      ] as const) {
        await writeFile(
          join(directory, 'role.yaml'),
          stringify({
            kind: 'role',
            version: 'v7',
            metadata: { name },
            spec: { allow, options: { pin_source_ip: name === 'pins' } },
          }),
        )
        await daemon.tctl('create', '-f', join(directory, 'role.yaml'))
      }
      const sign = async (name: RefusalName, ...flags: string[]): Promise<string> => {
        const user = userOf(name)
        // A certificate is worth what it and the user's record agree on: both roles are signed, one is left.
        const roles = name === 'IMPERSONATION_AMBIGUOUS' ? 'several' : 'reaches,nobody'
        await daemon.tctl('users', 'add', user, `--roles=${roles}`)
        const path = await daemon.sign(user, ...flags)
        kubeconfigs.set(name, path)
        return path
      }
      for (const name of Object.keys(REFUSALS) as RefusalName[]) {
        const pinned = name === 'ADDRESS_PINNED' ? ['--pin-address=192.0.2.1'] : []
        await sign(name, name === 'CERT_EXPIRED' ? '--ttl=1m' : '--ttl=8h', ...pinned)
      }
      // Each kubectl fills its discovery cache while all is well; the refusals come afterwards.
      for (const { path, version } of used()) {
        const { code, stderr } = await get(path, version, 'UPSTREAM_UNREACHABLE', served(), 'warm')
        if (code !== 0) throw new Error(stderr)
        for (const broken of Object.values(CONTEXTS)) {
          await shareDiscovery(
            join(directory, `warm-${version}`, 'discovery'),
            required(kubeconfigs.get('UPSTREAM_UNREACHABLE')),
            { from: served(), to: `e2e.example.com-${broken}` },
          )
        }
      }
      for (const { path, version } of used().filter(({ version }) => ENDS.includes(version))) {
        const { code, stderr } = await get(
          path,
          version,
          'UPSTREAM_UNREACHABLE',
          servedOld(),
          'warm',
        )
        if (code !== 0) throw new Error(stderr)
      }
      for (const [name, make] of Object.entries(FORGED)) {
        const kubeconfig = required(kubeconfigs.get(name as RefusalName))
        await withCertificate(kubeconfig, async (own) => {
          const forged = await forgery(join(data, 'data'), own)
          stack.use(forged.pki)
          return make(forged)
        })
      }
      await withoutCertificate(required(kubeconfigs.get('CERT_MISSING')))
      await withUnknownName(required(kubeconfigs.get('CLUSTER_UNKNOWN')))
      await daemon.tctl('users', 'rm', 'user-gone')
      await daemon.tctl('users', 'update', 'cluster-denied', '--set-roles=elsewhere')
      await daemon.tctl('users', 'update', 'no-kubernetes-principals', '--set-roles=nobody')
      await daemon.tctl('users', 'update', 'address-not-pinned', '--set-roles=reaches,pins')
      await daemon.tctl('lock', '--user=locked', '--message=laptop stolen, call security')
      await foreign.tctl('users', 'add', 'cert-unknown-authority', '--k8s-groups=system:masters')
      await withForeignCertificate(
        required(kubeconfigs.get('CERT_UNKNOWN_AUTHORITY')),
        await foreign.sign('cert-unknown-authority'),
      )
    })
    afterAll(async () => {
      await stack[Symbol.asyncDispose]()
      await daemon[Symbol.asyncDispose]()
      await foreign[Symbol.asyncDispose]()
      await rm(directory, { recursive: true, force: true })
    })

    const used = (): typeof kubectls =>
      KUBECTL_VERSIONS.map((version) => required(kubectls.find((one) => one.version === version)))

    async function untilExpired(): Promise<void> {
      await expect
        .poll(() => expired(required(kubeconfigs.get('CERT_EXPIRED'))), {
          timeout: 120_000,
          interval: 1000,
        })
        .toBe(true)
    }

    async function get(
      path: string,
      version: string,
      refusal: RefusalName,
      context: string,
      cache: Cache,
    ): ReturnType<ReturnType<typeof kubectlWith>> {
      const warm = join(directory, `warm-${version}`)
      const home = cache === 'warm' ? warm : await mkdtemp(join(directory, 'cold-'))
      await mkdir(home, { recursive: true })
      const kubectl = kubectlWith(path, required(kubeconfigs.get(refusal)), context, home)
      const raw = RAW[refusal]
      if (raw !== undefined) return kubectl(['get', '--raw', raw])
      return kubectl(['get', 'pods', ...(FLAGS[refusal]?.(userOf(refusal)) ?? [])])
    }

    for (const refusal of Object.keys(REFUSALS) as RefusalName[]) {
      it(`${refusal}: every kubectl says why, cold and warm`, async () => {
        if (refusal === 'CERT_EXPIRED') await untilExpired()
        const broken = CONTEXTS[refusal]
        const context = broken === undefined ? served() : `e2e.example.com-${broken}`
        for (const { path, version } of used()) {
          if (CANNOT_ASK[refusal]?.includes(version) === true) continue
          if (BY_ENDS.has(refusal) && !ENDS.includes(version)) continue
          for (const cache of ['cold', 'warm'] as const) {
            const { code, stdout, stderr } = await get(path, version, refusal, context, cache)
            expect(code, stderr).not.toBe(0)
            expect(stdout).toBe('')
            rows.push({ refusal, kubectl: version, cache, printed: lastLine(stderr) })
          }
        }
        const own = rows.filter((row) => row.refusal === refusal)
        for (const { printed, kubectl, cache } of own)
          expect(printed, `kubectl ${kubectl}, ${cache}`).toMatch(
            kubectl === '1.20' && cache === 'cold' && RAW[refusal] === undefined
              ? BLIND
              : REFUSALS[refusal],
          )
      })
    }

    it('says the same in front of Kubernetes 1.20', async () => {
      for (const refusal of ON_OLD_CLUSTER) {
        for (const { path, version } of used().filter((one) => ENDS.includes(one.version))) {
          // Old kubectls are blind with a cold cache, whatever the cluster.
          const cache = version === '1.20' ? 'warm' : 'cold'
          const { code, stderr } = await get(path, version, refusal, servedOld(), cache)
          expect(code, stderr).not.toBe(0)
          const inFrontOfNew = rows.find(
            (row) => row.refusal === refusal && row.kubectl === version && row.cache === cache,
          )
          expect(lastLine(stderr), `kubectl ${version}, ${refusal}`).toBe(inFrontOfNew?.printed)
        }
      }
    })

    describe('while a watch is underway', () => {
      async function watching(user: string): Promise<{ version: string; watch: Running }[]> {
        await daemon.tctl('users', 'add', user, '--roles=as-told', '--k8s-groups=system:masters')
        const kubeconfig = await daemon.sign(user, '--ttl=1h')
        const found: { version: string; watch: Running }[] = []
        for (const { path, version } of used().filter((one) => ENDS.includes(one.version))) {
          const watch = stack.use(
            new Running(path, [
              `--kubeconfig=${kubeconfig}`,
              `--context=${served()}`,
              `--cache-dir=${join(directory, `warm-${version}`)}`,
              'get',
              'namespaces',
              '-w',
            ]),
          )
          await watch.until(({ stdout }) => stdout.includes('kube-system'))
          found.push({ version, watch })
        }
        // What was printed is the list: the watch is asked for after it.
        const underway = async (): Promise<number> => {
          const events = await daemon.events(`--user=${user}`, '--event=kube.request')
          return events.filter((event) => event['kube_verb'] === 'watch').length
        }
        await expect.poll(underway, { timeout: 60_000 }).toBe(found.length)
        return found
      }

      async function ended(
        refusal: 'ACCESS_WITHDRAWN' | 'SHUTTING_DOWN',
        watches: Awaited<ReturnType<typeof watching>>,
      ): Promise<void> {
        for (const { version, watch } of watches) {
          await expect.poll(() => watch.child.exitCode, { timeout: 60_000 }).not.toBeNull()
          rows.push({
            refusal,
            kubectl: version,
            cache: 'a watch is underway',
            printed:
              watch.stderr === ''
                ? `nothing: exit code ${watch.child.exitCode}`
                : lastLine(watch.stderr),
          })
        }
      }

      it('ACCESS_WITHDRAWN: it ends, with the words where kubectl shows them', async () => {
        const watches = await watching('access-withdrawn')
        await daemon.tctl('users', 'update', 'access-withdrawn', '--k8s-groups=nobody')
        await ended('ACCESS_WITHDRAWN', watches)
      })

      it('SHUTTING_DOWN: it ends', async () => {
        const watches = await watching('shutting-down')
        await daemon.stop()
        await ended('SHUTTING_DOWN', watches)
      })
    })

    it('and docs/errors.md says the same', async () => {
      const page = await readFile(PAGE, 'utf8')
      const [from, to] = [page.indexOf(BEGIN) + BEGIN.length, page.indexOf(END)]
      const table = tableOf(rows)
      if (process.env['UPDATE_DOCS'] === '1') {
        await writeFile(PAGE, `${page.slice(0, from)}\n${table}${page.slice(to)}`)
        return
      }
      expect(page.slice(from, to).trim()).toBe(table.trim())
    })
  },
)

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('not there')
  return value
}

/** kubectl logs each discovery attempt with a time; what it says in the end is its last line. */
const lastLine = (stderr: string): string =>
  required(stderr.trim().split('\n').at(-1)).replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '(time)')

const userOf = (name: RefusalName): string => name.toLowerCase().replaceAll('_', '-')

/** The clusters of a kubeconfig, one where nobody listens, one that is not who it should be, one that does not know us. */
async function withBrokenClusters(
  path: string,
  resets: { readonly port: number; readonly ca: string },
  further: readonly string[],
): Promise<string> {
  const config = parse(await readFile(path, 'utf8')) as {
    clusters: { name?: string; cluster: { server: string } }[]
    users: { name?: string; user: object }[]
    contexts: object[]
  }
  const { cluster } = required(config.clusters[0])
  const { user } = required(config.users[0])
  const add = (name: string, where: typeof cluster, who: object): void => {
    config.clusters.push({ name, cluster: where })
    config.users.push({ name, user: who })
    config.contexts.push({ name, context: { cluster: name, user: name } })
  }
  const dead = { server: `https://127.0.0.1:${await freePort()}` }
  add('dead', dead, { token: 'unused' })
  const { ca } = await serverCertificate('another.example.com')
  const another = {
    server: cluster.server,
    'certificate-authority-data': Buffer.from(ca).toString('base64'),
  }
  add('another', another, user)
  add('locked-out', cluster, { token: 'nonsense' })
  const resetting = {
    server: `https://127.0.0.1:${resets.port}`,
    'certificate-authority-data': Buffer.from(resets.ca).toString('base64'),
    'tls-server-name': 'resets.example.com',
  }
  add('resets', resetting, { token: 'unused' })
  for (const name of further) add(name, cluster, user)
  const file = `${path}.${['broken', ...further].join('-')}`
  await writeFile(file, stringify(config), { mode: 0o600 })
  return file
}

/** What stands in for an API server that takes requests and breaks the connection instead of an answer. */
async function startResetting(
  stack: AsyncDisposableStack,
): Promise<{ readonly port: number; readonly ca: string }> {
  const { key, certificate, ca } = await serverCertificate('resets.example.com')
  const server = stack.use(
    createServer({ key, cert: certificate }, (request) => void request.socket.destroy()),
  )
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return { port: (server.address() as AddressInfo).port, ca }
}

interface Kubeconfig {
  users: { user: { 'client-certificate-data': string; 'client-key-data': string } }[]
}

/** Puts another certificate and key where a kubeconfig has its own. */
async function withCertificate(
  path: string,
  make: (own: string) => Promise<OpensslAuthority>,
): Promise<void> {
  const config = parse(await readFile(path, 'utf8')) as Kubeconfig
  const own = required(config.users[0]).user['client-certificate-data']
  const { certificatePem, keyPem } = await make(Buffer.from(own, 'base64').toString())
  const user = {
    'client-certificate-data': Buffer.from(certificatePem).toString('base64'),
    'client-key-data': Buffer.from(keyPem).toString('base64'),
  }
  for (const entry of config.users) entry.user = user
  await writeFile(path, stringify(config))
}

async function withForeignCertificate(path: string, foreign: string): Promise<void> {
  const ours = parse(await readFile(path, 'utf8')) as Kubeconfig
  const theirs = parse(await readFile(foreign, 'utf8')) as Kubeconfig
  for (const entry of ours.users) entry.user = required(theirs.users[0]).user
  await cp(path, `${path}.before`)
  await writeFile(path, stringify(ours))
}

/** kubectl without any credential asks for a name at the terminal: this one has something, and no certificate. */
async function withoutCertificate(path: string): Promise<void> {
  const config = parse(await readFile(path, 'utf8')) as { users: { user: object }[] }
  for (const entry of config.users) entry.user = { token: 'nonsense' }
  await writeFile(path, stringify(config))
}

async function withUnknownName(path: string): Promise<void> {
  const text = await readFile(path, 'utf8')
  const unknown = `tls-server-name: k-${'a'.repeat(32)}.teleport.cluster.local`
  await writeFile(path, text.replaceAll(/tls-server-name: .*/g, unknown))
}

/** Puts what a kubectl learned of one cluster where it looks for what it knows of another: as if that had worked before. */
async function shareDiscovery(
  cache: string,
  kubeconfig: string,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<void> {
  const config = parse(await readFile(kubeconfig, 'utf8')) as {
    contexts: { name: string; context: { cluster: string } }[]
    clusters: { name: string; cluster: { server: string } }[]
  }
  // client-go names the directory of a server by its URL, without what file systems might not take.
  const directoryOf = (context: string): string => {
    const { cluster } = required(config.contexts.find(({ name }) => name === context)).context
    const { server } = required(config.clusters.find(({ name }) => name === cluster)).cluster
    return join(cache, server.replace('https://', '').replaceAll(/[^\w/.]/g, '_'))
  }
  await cp(directoryOf(from), directoryOf(to), { recursive: true })
}

async function expired(path: string): Promise<boolean> {
  const { X509Certificate } = await import('node:crypto')
  const config = parse(await readFile(path, 'utf8')) as Kubeconfig
  const data = required(config.users[0]).user['client-certificate-data']
  const { validToDate } = new X509Certificate(Buffer.from(data, 'base64'))
  return validToDate.getTime() < Date.now()
}

/** One line for each thing that is printed, with the kubectls that print it. */
function tableOf(rows: readonly Row[]): string {
  const lines = new Map<string, Row[]>()
  for (const row of rows) {
    const key = `${row.refusal} ${row.cache} ${row.printed}`
    lines.set(key, [...(lines.get(key) ?? []), row])
  }
  const cells = [...lines.values()].map((same) => {
    const { refusal, cache, printed } = required(same[0])
    return `| \`${refusal}\` | ${same.map(({ kubectl }) => kubectl).join(', ')} | ${cache} | \`${printed.replaceAll('|', '\\|')}\` |`
  })
  return `\n| refusal | kubectl | discovery cache | last line of stderr |\n| --- | --- | --- | --- |\n${cells.join('\n')}\n\n`
}
