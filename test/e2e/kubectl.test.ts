import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestDaemon } from '../support/daemon.ts'
import { mustRun, Running, runProgram } from '../support/process.ts'
import { copyOut } from './support/copy-out.ts'
import {
  CLUSTER_VERSIONS,
  type Cluster,
  clusters,
  contextOf,
  KUBECTL_VERSIONS,
  kubectls,
  kubectlWith,
  mergedKubeconfig,
} from './support/environment.ts'

const POD = (name: string): string => `apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {app: ${name}}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: docker.io/local/busybox:1
    imagePullPolicy: Never
    command: ["sh", "-c", "mkdir -p /www; echo hello-from-pod > /www/index.html; httpd -p 8080 -h /www; i=0; while true; do echo tick $i; i=$((i+1)); sleep 1; done"]
`

describe('unmodified kubectl through Teleport', () => {
  let directory: string
  let daemon: TestDaemon
  let signed: string

  beforeAll(async () => {
    if (clusters.length === 0) return
    directory = await mkdtemp(join(tmpdir(), 'e2e-kubectl-'))
    daemon = await TestDaemon.start({ kubeconfig: await mergedKubeconfig(directory) })
    await daemon.tctl(
      'users',
      'add',
      'joe',
      '--k8s-groups=system:masters,devs',
      '--k8s-users=joe,alice',
    )
    signed = await daemon.sign('joe', '--ttl=25h')
  })
  afterAll(async () => {
    if (clusters.length === 0) return
    await daemon[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  })

  for (const clusterVersion of CLUSTER_VERSIONS) {
    const cluster = clusters.find(({ version }) => version === clusterVersion)
    for (const kubectlVersion of KUBECTL_VERSIONS) {
      const kubectl = kubectls.find(({ version }) => version === kubectlVersion)
      const missing =
        cluster === undefined
          ? 'no such cluster here'
          : kubectl === undefined
            ? 'no such kubectl here'
            : null
      it.skipIf(missing !== null)(
        `kubectl ${kubectlVersion} does its work on Kubernetes ${clusterVersion}${missing === null ? '' : ` (${missing})`}`,
        async () => {
          if (cluster === undefined || kubectl === undefined) throw new Error('skipped')
          await work(cluster, kubectl.path, kubectlVersion)
        },
      )
    }
  }

  /** The sixteen checks of a cluster that serves kubectl, and what people do besides. */
  async function work(cluster: Cluster, kubectl: string, version: string): Promise<void> {
    const cache = join(directory, `cache-${contextOf(cluster)}-${version}`)
    await mkdir(cache, { recursive: true })
    const context = `e2e.example.com-${contextOf(cluster)}`
    const ns = `e2e-${version.replace('.', '')}-${Date.now().toString(36)}`
    const raw = kubectlWith(kubectl, signed, context, cache)
    const k = async (args: readonly string[], input?: string): Promise<string> => {
      const { code, stdout, stderr } = await raw(
        ['-n', ns, ...args],
        input === undefined ? {} : { input },
      )
      if (code !== 0)
        throw new Error(`kubectl ${args.join(' ').slice(0, 200)} ended with ${code}: ${stderr}`)
      return stdout
    }
    const code = async (args: readonly string[]): Promise<number> =>
      (await raw(['-n', ns, ...args])).code

    await k(['create', 'namespace', ns])
    await expect
      .poll(() => code(['get', 'serviceaccount', 'default']), { timeout: 30_000, interval: 200 })
      .toBe(0)
    await k(['apply', '-f', '-'], POD('box'))

    // Objects: create, read, change, watch, delete.
    const configMap = (value: string): string =>
      `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cm}\ndata: {key: ${value}}\n`
    await k(['apply', '-f', '-'], configMap('one'))
    const watching = new Running(kubectl, [
      '--kubeconfig',
      signed,
      '--context',
      context,
      '-n',
      ns,
      'get',
      'configmap',
      'cm',
      '-w',
      '-o',
      'jsonpath={.data.key}{"\\n"}',
    ])
    await watching.until(({ stdout }) => stdout.includes('one'))
    await k(['apply', '--server-side', '--force-conflicts', '-f', '-'], configMap('two'))
    await watching.until(({ stdout }) => stdout.includes('two'))
    await k(['patch', 'configmap', 'cm', '-p', '{"data":{"key":"three"}}'])
    await watching.until(({ stdout }) => stdout.includes('three'))
    const editor = join(cache, 'editor')
    await writeFile(editor, '#!/bin/sh\nsed -i s/three/four/ "$1"\n', { mode: 0o755 })
    const edited = await raw(['-n', ns, 'edit', 'configmap', 'cm'], {
      env: { KUBE_EDITOR: editor },
    })
    expect(edited.stderr + edited.stdout).toContain('edited')
    await watching.until(({ stdout }) => stdout.includes('four'))
    await watching.end()
    expect(await k(['get', 'configmap', 'cm', '-o', 'jsonpath={.data.key}'])).toBe('four')
    expect(await k(['get', 'configmaps', '-o', 'name'])).toContain('configmap/cm')
    await k(['delete', 'configmap', 'cm'])
    expect(await code(['get', 'configmap', 'cm'])).toBe(1)

    // Who may do what: the cluster's RBAC, for the person and for whom the person chooses to be.
    await k(['create', 'role', 'r', '--verb=get,list', '--resource=pods,pods/log'])
    await k(['create', 'rolebinding', 'r', '--role=r', '--group=devs'])
    const asAlice = ['--as', 'alice', '--as-group', 'devs']
    await expect
      .poll(async () =>
        (await raw(['-n', ns, 'auth', 'can-i', 'list', 'pods', ...asAlice])).stdout.trim(),
      )
      .toBe('yes')
    expect(
      (await raw(['-n', ns, 'auth', 'can-i', 'create', 'pods/exec', ...asAlice])).stdout.trim(),
    ).toBe('no')
    expect(await k(['get', 'pods', ...asAlice])).toContain('box')
    const forbidden = await raw(['-n', ns, 'exec', 'box', ...asAlice, '--', 'true'])
    expect(forbidden.stderr).toMatch(/cannot (create|get) resource "pods\/exec"/)

    // Streams.
    await k(['wait', '--for=condition=Ready', 'pod/box', '--timeout=120s'])
    expect(await k(['exec', 'box', '--', 'echo', 'hi'])).toBe('hi\n')
    expect(await code(['exec', 'box', '--', 'sh', '-c', 'exit 7'])).toBe(7)
    expect((await k(['exec', '-i', 'box', '--', 'wc', '-c'], 'x'.repeat(300_000))).trim()).toBe(
      '300000',
    )
    const long = `: ${'x'.repeat(30_000)}; echo done`
    expect(await k(['exec', 'box', '--', 'sh', '-c', long])).toBe('done\n')
    const tty = await runProgram('script', [
      '-qec',
      `stty rows 41 cols 111; ${kubectl} --kubeconfig ${signed} --context ${context} -n ${ns} exec -it box -- sh -c 'sleep 0.3; tty; stty size; exit 5'`,
      '/dev/null',
    ])
    expect(tty.stdout).toContain('/dev/pts')
    expect(tty.stdout).toContain('41 111')
    expect(tty.code).toBe(5)
    const follow = new Running(kubectl, [
      '--kubeconfig',
      signed,
      '--context',
      context,
      '-n',
      ns,
      'logs',
      '-f',
      '--tail=1',
      'box',
    ])
    await follow.until(({ stdout }) => stdout.split('tick').length > 3)
    await follow.end()
    const attach = new Running(kubectl, [
      '--kubeconfig',
      signed,
      '--context',
      context,
      '-n',
      ns,
      'attach',
      'box',
    ])
    await attach.until(({ stdout }) => stdout.includes('tick'))
    await attach.end()
    const forward = new Running(kubectl, [
      '--kubeconfig',
      signed,
      '--context',
      context,
      '-n',
      ns,
      'port-forward',
      '--address',
      '127.0.0.1',
      'pod/box',
      ':8080',
    ])
    await forward.until(({ stdout }) => /127\.0\.0\.1:\d+/.test(stdout))
    const port = /127\.0\.0\.1:(\d+)/.exec(forward.stdout)?.[1] ?? ''
    for (let round = 0; round < 3; round += 1) {
      expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toContain('hello-from-pod')
    }
    await forward.end()
    const sent = join(cache, 'sent')
    await writeFile(
      sent,
      Buffer.from(Array.from({ length: 3_000_000 }, (_, index) => (index * 7919) & 255)),
    )
    await k(['cp', sent, 'box:/tmp/file'])
    const back = await copyOut((args) => raw(['-n', ns, ...args]), version, [
      'box:/tmp/file',
      join(cache, 'back'),
    ])
    expect(back.code, back.stderr).toBe(0)
    await mustRun('cmp', [sent, join(cache, 'back')])
    expect(await k(['get', '--raw', `/api/v1/namespaces/${ns}/pods/box:8080/proxy/`])).toContain(
      'hello-from-pod',
    )

    // A token of a ServiceAccount, made through us, is good where it belongs: at the API server.
    if (Number(version.slice(2)) >= 24) {
      await k(['create', 'serviceaccount', 'robot'])
      await k(['create', 'rolebinding', 'robot', '--role=r', `--serviceaccount=${ns}:robot`])
      const token = (await k(['create', 'token', 'robot'])).trim()
      expect(await asRobot(cluster, kubectl, token, ['-n', ns, 'get', 'pods'])).toContain('box')
    }

    await k(['delete', 'pod', 'box', '--wait=true', '--timeout=60s'])
    await k(['delete', 'namespace', ns, '--wait=false'])
  }

  /** Past us, with nothing but a token. */
  async function asRobot(
    cluster: Cluster,
    kubectl: string,
    token: string,
    args: readonly string[],
  ): Promise<string> {
    const view = ['--kubeconfig', cluster.kubeconfig, 'config', 'view', '--raw', '--flatten']
    const config = JSON.parse(await mustRun(kubectl, [...view, '-o', 'json'])) as {
      clusters: { cluster: { server: string; 'certificate-authority-data': string } }[]
    }
    const known = config.clusters[0]?.cluster
    if (known === undefined) throw new Error('the kubeconfig has no cluster')
    const authority = join(directory, `${contextOf(cluster)}.crt`)
    await writeFile(authority, Buffer.from(known['certificate-authority-data'], 'base64'))
    const where = ['--kubeconfig', '/dev/null', '-s', known.server]
    const who = ['--certificate-authority', authority, '--token', token]
    return mustRun(kubectl, [...where, ...who, ...args])
  }

  for (const clusterVersion of CLUSTER_VERSIONS) {
    const cluster = clusters.find(({ version }) => version === clusterVersion)
    it.skipIf(cluster === undefined)(
      `lists 20 MB of ConfigMaps on Kubernetes ${clusterVersion}`,
      async () => {
        if (cluster === undefined) throw new Error('skipped')
        const context = `e2e.example.com-${contextOf(cluster)}`
        const k = kubectlWith(cluster.kubectl, signed, context, directory)
        const ns = `e2e-large-${Date.now().toString(36)}`
        expect((await k(['create', 'namespace', ns])).code).toBe(0)
        const items = Array.from({ length: 40 }, (_, index) => ({
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: `cm-${index}`, namespace: ns },
          data: { value: `${index}`.padEnd(520_000, 'x') },
        }))
        const list = { apiVersion: 'v1', kind: 'List', items }
        const created = await k(['create', '-f', '-'], {
          input: JSON.stringify(list),
          timeoutMs: 120_000,
        })
        expect(created.stderr).toBe('')
        const { stdout } = await k(['-n', ns, 'get', 'configmaps', '-o', 'json'], {
          timeoutMs: 120_000,
        })
        expect(stdout.length).toBeGreaterThan(20_000_000)
        const names = (JSON.parse(stdout) as { items: { metadata: { name: string } }[] }).items.map(
          ({ metadata }) => metadata.name,
        )
        expect(names).toEqual(expect.arrayContaining(items.map(({ metadata }) => metadata.name)))
        await k(['delete', 'namespace', ns, '--wait=false'])
      },
    )
  }
})
