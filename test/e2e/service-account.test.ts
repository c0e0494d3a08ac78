import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { parseAllDocuments, stringify } from 'yaml'
import { TestDaemon } from '../support/daemon.ts'
import { mustRun } from '../support/process.ts'
import {
  type ApiServerEvent,
  apiServerAudit,
  type Cluster,
  kubectlWith,
} from './support/environment.ts'
import { describeWitnesses } from './support/witnesses.ts'

const PATIENTLY = { timeout: 60_000, interval: 250 }

/** The page that tells an administrator what the service needs: what is applied here is what stands there. */
const PAGE = resolve(import.meta.dirname, '../../docs/kubernetes-rights.md')

describeWitnesses('a service that may only impersonate, on Kubernetes', impersonating)

interface AdminCluster {
  readonly server: string
  readonly 'certificate-authority-data': string
}

function impersonating(cluster: Cluster): void {
  const run = `${Date.now().toString(36)}${process.pid.toString(36)}`
  const account = `teleport-serviceaccount-${run}`
  const role = `teleport-impersonation-${run}`
  const team = `team-${run}`
  const person = `joe-${run}`
  let directory: string
  let kubeconfig: string
  let daemon: TestDaemon
  let signed: string

  const direct = (args: readonly string[], input?: string): Promise<string> =>
    mustRun(cluster.kubectl, ['--kubeconfig', cluster.kubeconfig, ...args], {
      ...(input === undefined ? {} : { input }),
    })
  const file = (name: string): string => join(directory, name)

  /** The objects of the page, under names of this run. */
  async function objectsOfPage(): Promise<string> {
    const page = await readFile(PAGE, 'utf8')
    const yaml = /```yaml\n(.*?)```/s.exec(page)?.[1] ?? ''
    expect(parseAllDocuments(yaml)).toHaveLength(2)
    return yaml
      .replaceAll('teleport-impersonation', role)
      .replaceAll('teleport-serviceaccount', account)
      .replace('name: teleport\n', `name: teleport-${run}\n`)
  }

  async function newToken(): Promise<string> {
    const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} }
    await writeFile(file('request.json'), JSON.stringify(request))
    const path = `/api/v1/namespaces/default/serviceaccounts/${account}/token`
    const issued = await direct(['create', '--raw', path, '-f', file('request.json')])
    return (JSON.parse(issued) as { status: { token: string } }).status.token
  }

  /** Contexts of every kind of credential that a person would write down, and two that cannot work. */
  async function writeKubeconfig(): Promise<void> {
    const flat = await direct(['config', 'view', '--raw', '--flatten', '-o', 'json'])
    const admin = JSON.parse(flat) as { clusters: { cluster: AdminCluster }[] }
    const known = admin.clusters[0]?.cluster
    if (known === undefined) throw new Error('the kubeconfig has no cluster')
    const ca = Buffer.from(known['certificate-authority-data'], 'base64')
    await writeFile(file('ca.crt'), ca)
    const token = await newToken()
    await writeFile(file('token'), `${token}\n`, { mode: 0o600 })
    await writeFile(
      file('plugin'),
      `#!/bin/sh
echo "$1 $STYLE" >> ${file('plugin.calls')}
printf '{"apiVersion":"client.authentication.k8s.io/v1beta1","kind":"ExecCredential","status":{"token":"%s"}}' "$(cat ${file('token')})"
`,
      { mode: 0o755 },
    )
    const here = { server: known.server, 'certificate-authority-data': ca.toString('base64') }
    await writeFile(
      kubeconfig,
      stringify({
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [
          { name: 'data', cluster: here },
          {
            name: 'files',
            cluster: {
              server: known.server,
              'certificate-authority': 'ca.crt',
              'tls-server-name': 'kubernetes.default.svc',
            },
          },
          {
            name: 'no-ca',
            cluster: { server: known.server, 'certificate-authority': 'missing.crt' },
          },
        ],
        users: [
          { name: 'token', user: { token } },
          { name: 'file', user: { tokenFile: file('token') } },
          {
            name: 'plugin',
            user: {
              exec: {
                apiVersion: 'client.authentication.k8s.io/v1beta1',
                command: './plugin',
                args: ['get-token'],
                env: [{ name: 'STYLE', value: 'eks' }],
                interactiveMode: 'Never',
              },
            },
          },
        ],
        contexts: [
          { name: 'by-token', context: { cluster: 'data', user: 'token' } },
          { name: 'by-file', context: { cluster: 'files', user: 'file' } },
          { name: 'by-plugin', context: { cluster: 'files', user: 'plugin' } },
          { name: 'broken-ca', context: { cluster: 'no-ca', user: 'token' } },
          { name: 'broken-user', context: { cluster: 'data', user: 'nobody' } },
        ],
      }),
      { mode: 0o600 },
    )
  }

  const start = (): Promise<TestDaemon> =>
    TestDaemon.start({ kubeconfig, directory, labels: { env: 'prod' } })
  const kubectl = (context: string): ReturnType<typeof kubectlWith> =>
    kubectlWith(cluster.kubectl, signed, `e2e.example.com-${context}`, directory)
  const log = (): string[] => daemon.process.stderr.split('\n')

  const stack = new AsyncDisposableStack()
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'e2e-account-'))
    stack.defer(() => rm(directory, { recursive: true, force: true }))
    kubeconfig = file('clusters.kubeconfig')
    const create = async (kind: string, name: string, ...flags: string[]): Promise<void> => {
      await direct(['create', kind, name, ...flags])
      stack.defer(async () => void (await direct(['delete', kind, name, '--wait=false'])))
    }
    await create('serviceaccount', account)
    await create('namespace', team)
    await direct(['apply', '-f', '-'], await objectsOfPage())
    stack.defer(async () => {
      await direct(['delete', 'clusterrolebinding', `teleport-${run}`])
      await direct(['delete', 'clusterrole', role])
    })
    const view = ['create', 'rolebinding', 'see', '-n', team, '--clusterrole=view']
    await direct([...view, `--group=${team}`])
    await writeKubeconfig()
    daemon = await start()
    stack.defer(() => daemon[Symbol.asyncDispose]())
    await daemon.tctl('users', 'add', person, `--k8s-groups=${team}`)
    signed = await daemon.sign(person, '--ttl=1h')
  })
  afterAll(() => stack[Symbol.asyncDispose]())

  const asAccount = (): string => `system:serviceaccount:default:${account}`
  const requestsTo = async (path: string): Promise<ApiServerEvent[]> =>
    (await apiServerAudit(cluster)).filter(({ requestURI }) => requestURI.split('?')[0] === path)

  it('serves each context that works, and says of the others why they do not', async () => {
    const listed = JSON.parse(await daemon.tctl('kube', 'ls', '--format=json')) as {
      metadata: { name: string; labels: object }
    }[]
    expect(listed.map(({ metadata }) => metadata.name)).toEqual([
      'by-file',
      'by-plugin',
      'by-token',
    ])
    for (const { metadata } of listed) expect(metadata.labels).toEqual({ env: 'prod' })
    const errors = log().filter((line) => line.includes('context cannot be served'))
    expect(errors.find((line) => line.includes('broken-ca'))).toContain('missing.crt')
    expect(errors.find((line) => line.includes('broken-user'))).toContain('nobody')
    expect(errors).toHaveLength(2)
  })

  it('finds its rights complete and not too many, by the rules of the page', async () => {
    // The check has run when the account's own requests are in the API server's log.
    await expect
      .poll(
        async () =>
          (await apiServerAudit(cluster)).filter(
            ({ user, objectRef }) =>
              user.username === asAccount() && objectRef?.resource === 'selfsubjectaccessreviews',
          ),
        PATIENTLY,
      )
      .not.toHaveLength(0)
    await expect
      .poll(() => kubectl('by-plugin')(['get', '--raw', '/version']), PATIENTLY)
      .toMatchObject({
        code: 0,
      })
    expect(
      log().filter((line) =>
        /lacks rights|may do everything|does not need|not be checked/.test(line),
      ),
    ).toEqual([])
  })

  it.each(['by-token', 'by-file', 'by-plugin'])(
    'gives a person what Kubernetes gives him, and itself nothing: %s',
    async (context) => {
      const path = `/api/v1/namespaces/${team}/configmaps`
      const before = (await requestsTo(path)).length
      const seen = await kubectl(context)(['get', '--raw', path])
      expect(seen, seen.stderr).toMatchObject({ code: 0 })
      const refused = await kubectl(context)(['get', 'secrets', '-n', team])
      expect(refused.stderr).toContain(`User "${person}" cannot list resource "secrets"`)
      await expect
        .poll(async () => (await requestsTo(path)).length, PATIENTLY)
        .toBeGreaterThan(before)
      for (const { user, impersonatedUser } of (await requestsTo(path)).slice(before)) {
        expect(user.username).toBe(asAccount())
        expect(impersonatedUser?.username).toBe(person)
      }
      // The account's own credential, by itself: without impersonation it opens nothing.
      for (const resource of ['configmaps', 'secrets', 'nodes']) {
        const can = ['auth', 'can-i', 'list', resource, `--as=${asAccount()}`, '-A']
        expect(await direct(can).catch((error: unknown) => String(error))).toMatch(/\bno\b/)
      }
    },
  )

  it('runs a plugin with its arguments and variables, and once for all requests', async () => {
    for (let count = 0; count < 3; count += 1) {
      await kubectl('by-plugin')(['get', '--raw', `/api/v1/namespaces/${team}/configmaps`])
    }
    const calls = (await readFile(file('plugin.calls'), 'utf8')).trim().split('\n')
    expect(calls).toEqual(['get-token eks'])
  })

  it('names the right that is missing, and passes on what the API server says of it', async () => {
    const groupless = (await objectsOfPage()).replace(
      'resources: [users, groups, serviceaccounts]',
      'resources: [users, serviceaccounts]',
    )
    await direct(['apply', '-f', '-'], groupless)
    await daemon.stop()
    daemon = await start()
    const complaint = (): string | undefined => log().find((line) => line.includes('lacks rights'))
    await expect.poll(complaint, PATIENTLY).toContain('impersonate groups')
    signed = await daemon.sign(person, '--ttl=1h')
    const refused = await kubectl('by-token')([
      'get',
      '--raw',
      `/api/v1/namespaces/${team}/configmaps`,
    ])
    expect(refused.code).toBe(1)
    expect(refused.stderr).toMatch(/cannot impersonate resource "groups"/)
    await expect
      .poll(() => daemon.events(`--user=${person}`, '--event=kube.request'), PATIENTLY)
      .toContainEqual(expect.objectContaining({ response_code: 403, outcome: 'done' }))
  })

  it('warns of an account that is half an administrator, by the rights that it does not need', async () => {
    const strong = `strong-${run}`
    await direct(['create', 'clusterrole', strong, '--verb=get,list', '--resource=secrets'])
    stack.defer(async () => void (await direct(['delete', 'clusterrole', strong])))
    const to = `--serviceaccount=default:${account}`
    await direct(['create', 'clusterrolebinding', strong, `--clusterrole=${strong}`, to])
    stack.defer(async () => void (await direct(['delete', 'clusterrolebinding', strong])))
    await daemon.stop()
    daemon = await start()
    const warning = (): string | undefined => log().find((line) => line.includes('does not need'))
    await expect.poll(warning, PATIENTLY).toContain('excess=["get secrets","list secrets"]')
  })
}
