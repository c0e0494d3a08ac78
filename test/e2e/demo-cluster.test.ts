import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silentLogger, systemClock } from '../../src/core/index.ts'
import { type DemoCluster, openDemoCluster } from '../../src/demo/index.ts'
import type { Finished } from '../support/process.ts'
import { KUBECTL_VERSIONS, kubectls, kubectlWith } from './support/environment.ts'

const MANIFEST = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "web:1", ports: [{containerPort: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {a: "1"}
`

/** Unmodified kubectls, old and new, at a cluster that is none. */
describe('kubectl and the demo cluster', () => {
  let directory: string
  let demo: DemoCluster
  let kubeconfig: string
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'e2e-demo-'))
    demo = await openDemoCluster({ clock: systemClock, log: silentLogger })
    kubeconfig = join(directory, 'demo.kubeconfig')
    const administrator = { user: 'kubectl', groups: ['system:masters'] }
    await writeFile(kubeconfig, demo.kubeconfig(administrator), { mode: 0o600 })
  })
  afterAll(async () => {
    await demo[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  })

  for (const version of KUBECTL_VERSIONS) {
    const kubectl = kubectls.find((candidate) => candidate.version === version)
    const missing = kubectl === undefined ? ' (no such kubectl here)' : ''
    it.skipIf(kubectl === undefined)(`kubectl ${version} does its work${missing}`, async () => {
      const cache = join(directory, `cache-${version}`)
      await mkdir(cache)
      const raw = kubectlWith(kubectl?.path ?? '', kubeconfig, null, cache)
      const ns = `e2e-${version.replace('.', '')}`
      const run = async (args: readonly string[], input?: string): Promise<string> => {
        const done = await raw(args, input === undefined ? {} : { input })
        expect(done.code, `${args.join(' ')}: ${done.stderr}`).toBe(0)
        return done.stdout
      }
      const fails = (args: readonly string[], input?: string): Promise<Finished> =>
        raw(args, input === undefined ? {} : { input })

      expect(await run(['get', 'pods', '-A'])).toContain('hello-')
      expect(await run(['get', 'nodes', '-o', 'wide'])).toContain('Teleport demo, in memory')
      expect(await run(['api-resources'])).toContain('deployments')
      expect(await run(['explain', 'deployment.spec.strategy'])).toContain('rollingUpdate')
      expect(await run(['auth', 'can-i', '--list'])).toContain('*.*')
      const nobody = ['auth', 'can-i', 'delete', 'pods', '--as=nobody', '--as-group=none']
      expect((await fails(nobody)).stdout).toBe('no\n')

      await run(['create', 'ns', ns])
      const n = (...args: string[]): string[] => ['-n', ns, ...args]
      expect(await run(n('apply', '-f', '-'), MANIFEST)).toContain('deployment.apps/web created')
      expect(await run(n('rollout', 'status', 'deployment/web'))).toContain(
        'successfully rolled out',
      )
      const changed = MANIFEST.replace('web:1', 'web:2').replace('"1"', '"2"')
      expect(await run(n('diff', '-f', '-'), changed).catch(() => '')).toBe('')
      expect(await run(n('apply', '-f', '-'), changed)).toContain('deployment.apps/web configured')
      expect(await run(n('rollout', 'status', 'deployment/web'))).toContain(
        'successfully rolled out',
      )
      const contested = await fails(n('apply', '--server-side', '-f', '-'), MANIFEST)
      expect(contested.stderr).toContain('conflict with "kubectl-client-side-apply"')
      await run(n('apply', '--server-side', '--force-conflicts', '-f', '-'), MANIFEST)
      const bogus = await fails(n('apply', '-f', '-'), `${MANIFEST}bogus: true\n`)
      expect(bogus.stderr).toContain('unknown field "bogus"')
      await run(n('scale', 'deployment/web', '--replicas=3'))
      await run(n('rollout', 'restart', 'deployment/web'))
      await run(n('rollout', 'status', 'deployment/web'))
      await run(n('rollout', 'undo', 'deployment/web'))
      await run(n('expose', 'deployment/web', '--name=other', '--port=81'))
      await run(n('label', 'configmap', 'settings', 'x=y'))
      await run(n('annotate', 'configmap', 'settings', 'x=y'))
      await run(n('set', 'image', 'deployment/web', 'web=web:3'))
      await run(n('wait', '--for=condition=Available', 'deployment/web', '--timeout=60s'))
      expect(await run(n('describe', 'deployment', 'web'))).toContain('ScalingReplicaSet')
      expect(await run(n('get', 'events'))).toContain('Scheduled')

      await run(n('run', 'one', '--image=shell:1'))
      await run(n('wait', '--for=condition=Ready', 'pod/one', '--timeout=60s'))
      expect(await run(n('exec', 'one', '--', 'echo', 'hi'))).toBe('hi\n')
      expect((await fails(n('exec', 'one', '--', 'sh', '-c', 'exit 3'))).code).toBe(3)
      expect(await run(n('exec', '-i', 'one', '--', 'cat'), 'piped')).toBe('piped')
      expect(await run(n('logs', 'one', '--tail=5'))).toContain('made up')
      expect((await fails(n('top', 'pods'))).stderr).toMatch(/Metrics API not available/i)
      await run(n('delete', 'pod', 'one', '--grace-period=1'))
      await run(['delete', 'ns', ns])
      expect((await fails(['get', 'ns', ns])).stderr).toContain('NotFound')
    })
  }
})
