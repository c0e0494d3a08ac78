import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { TestDaemon } from '../support/daemon.ts'
import { type Finished, mustRun, runProgram } from '../support/process.ts'
import { type Cluster, clusters, contextOf, mergedKubeconfig } from './support/environment.ts'

const BIN = resolve(import.meta.dirname, '../../bin')
const HOUR_S = 3600

const cluster = clusters.find(({ version }) => version === '1.35')
const missing = cluster === undefined ? 'no Kubernetes 1.35 here' : null

describe.skipIf(missing !== null)(
  `the lines of the guide, as they stand${missing === null ? '' : ` (${missing})`}`,
  () => guide(cluster as Cluster),
)

/** A daemon configured by the guide's own snippet of proxy_service, and a shell beside it. */
function guide(real: Cluster): void {
  let directory: string
  let daemon: TestDaemon

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'e2e-seed-'))
    const kubeconfig = await mergedKubeconfig(directory, [real])
    daemon = await TestDaemon.start({
      kubeconfig,
      config: {
        proxy_service: {
          kube_public_addr: undefined,
          kubernetes: { enabled: 'yes', public_addr: [], kubeconfig_file: kubeconfig },
        },
        kubernetes_service: { enabled: 'no', kubeconfig_file: undefined },
      },
    })
  })
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  })

  /** Runs lines as a person's shell would: the product and kubectl on the PATH, the configuration in its place. */
  const shell = (lines: string): Promise<Finished> =>
    runProgram('bash', ['-euo', 'pipefail', '-c', lines], {
      cwd: directory,
      env: {
        PATH: [BIN, dirname(real.kubectl), process.env['PATH']].join(delimiter),
        HOME: directory,
        TELEPORT_CONFIG_FILE: daemon.configFile,
      },
    })
  const succeed = async (lines: string): Promise<Finished> => {
    const finished = await shell(lines)
    expect(finished, finished.stderr).toMatchObject({ code: 0 })
    return finished
  }

  /** What openssl reads in the certificate of a kubeconfig. */
  async function certificate(): Promise<{ livesS: number; text: string }> {
    const config = parse(await readFile(join(directory, 'kubeconfig'), 'utf8')) as {
      users: { user: { 'client-certificate-data': string } }[]
    }
    const pem = join(directory, 'certificate.pem')
    const data = config.users[0]?.user['client-certificate-data'] ?? ''
    await writeFile(pem, Buffer.from(data, 'base64'))
    const text = await mustRun('openssl', ['x509', '-in', pem, '-noout', '-enddate', '-text'])
    const end = /^notAfter=(.+)$/m.exec(text)?.[1] ?? ''
    return { livesS: (Date.parse(end) - Date.now()) / 1000, text }
  }

  it('add local users with groups and with users', async () => {
    await succeed(`tctl users add joe --k8s-groups="system:masters"
tctl users add jenkins --k8s-users="jenkins"`)
    const { stdout } = await succeed('tctl get users --format=json')
    const traits = (JSON.parse(stdout) as { metadata: { name: string }; spec: object }[]).map(
      ({ metadata, spec }) => [metadata.name, spec],
    )
    expect(Object.fromEntries(traits)).toMatchObject({
      joe: { traits: { kubernetes_groups: ['system:masters'] } },
      jenkins: { traits: { kubernetes_users: ['jenkins'] } },
    })
    await succeed('tctl users rm jenkins')
  })

  it('sign for a year, and for 25 hours over the same file', async () => {
    await succeed('tctl users add jenkins')
    for (const [ttl, hours] of [
      ['8760h', 8760],
      ['25h', 25],
    ] as const) {
      const { stdout, stderr } = await succeed(
        `tctl auth sign --user=jenkins --format=kubernetes --out=kubeconfig --ttl=${ttl}`,
      )
      expect(stdout).toContain('The credentials have been written to kubeconfig')
      expect(stderr).not.toContain('max_session_ttl')
      const { livesS, text } = await certificate()
      expect(livesS).toBeGreaterThan(hours * HOUR_S - 120)
      expect(livesS).toBeLessThanOrEqual(hours * HOUR_S)
      expect(text).toContain('TLS Web Client Authentication')
      expect(text).toContain('id-ecPublicKey')
      expect(text).not.toContain('CA:TRUE')
    }
    const { stdout } = await succeed('cat kubeconfig; stat -c %a kubeconfig')
    expect(stdout).toContain('certificate-authority-data:')
    expect(stdout.trim().split('\n').at(-1)).toBe('600')
  })

  it('let kubectl work with the kubeconfig, as whom the API server knows', async () => {
    const context = `e2e.example.com-${contextOf(real)}`
    const refused = await shell(`kubectl --kubeconfig kubeconfig --context ${context} get pods`)
    expect(refused.stderr).toContain('User "jenkins" cannot list resource "pods"')
    const ns = `seed-${Date.now().toString(36)}`
    const direct = (...args: string[]): Promise<string> =>
      mustRun(real.kubectl, ['--kubeconfig', real.kubeconfig, ...args])
    await direct('create', 'namespace', ns)
    try {
      const grant = ['--clusterrole=view', '--user=jenkins']
      await direct('create', 'rolebinding', 'robots', '-n', ns, ...grant)
      await succeed(`kubectl --kubeconfig kubeconfig --context ${context} get pods -n ${ns}`)
    } finally {
      await direct('delete', 'namespace', ns, '--wait=false')
    }
  })

  it('dump a role, edit it, create it again', async () => {
    await succeed(`tctl get roles/admin > admin.yaml`)
    const file = join(directory, 'admin.yaml')
    const role = parse(await readFile(file, 'utf8')) as {
      spec: { allow: { kubernetes_groups: string[] } }
    }
    role.spec.allow.kubernetes_groups = ['system:masters', '{{external.trait_name}}']
    await writeFile(file, JSON.stringify(role))
    // Without -f an existing role is not overwritten; with it, and unchanged since, it is.
    expect((await shell('tctl create admin.yaml')).code).not.toBe(0)
    await succeed('tctl create -f admin.yaml')
    const { stdout } = await succeed('tctl get roles/admin --format=json')
    expect(stdout).toContain('{{external.trait_name}}')
  })

  it('take the role of the guide in version v3', async () => {
    await writeFile(
      join(directory, 'guide.yaml'),
      `kind: role
version: v3
metadata:
  name: guide
spec:
  allow:
    kubernetes_groups: ["system:masters", "{{external.trait_name}}"]
    logins: ['{{email.local(external.email)}}']
`,
    )
    await succeed('tctl create -f guide.yaml && tctl users add kim --roles=guide')
    const { stdout } = await succeed(
      `tctl auth sign --user=kim --format=kubernetes --out=kim.kubeconfig --ttl=1h
kubectl --kubeconfig kim.kubeconfig --context e2e.example.com-${contextOf(real)} auth whoami -o jsonpath='{.status.userInfo.username} {.status.userInfo.groups}'`,
    )
    expect(stdout).toContain('kim ["system:masters","system:authenticated"]')
  })

  it('cap what is signed by an explicit max_session_ttl only, and say so', async () => {
    await writeFile(
      join(directory, 'short.yaml'),
      `kind: role
version: v7
metadata: {name: short}
spec:
  options: {max_session_ttl: 10h}
  allow: {kubernetes_labels: {'*': '*'}, kubernetes_groups: [viewers]}
`,
    )
    await succeed('tctl create -f short.yaml && tctl users update jenkins --set-roles=access,short')
    const { stdout, stderr } = await succeed(
      'tctl auth sign --user=jenkins --format=kubernetes --out=kubeconfig --ttl=8760h',
    )
    expect(stdout).toContain('The credentials have been written to kubeconfig')
    expect(stderr).toContain('max_session_ttl of role "short"')
    const { livesS } = await certificate()
    expect(livesS).toBeLessThanOrEqual(10 * HOUR_S)
    expect(livesS).toBeGreaterThan(10 * HOUR_S - 120)
  })
}
