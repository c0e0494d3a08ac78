import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { chooseStore } from '../../src/member/index.ts'
import { mustRun } from '../support/process.ts'
import type { Cluster } from './support/environment.ts'
import { describeWitnesses } from './support/witnesses.ts'

describeWitnesses('an agent’s identity in a Secret, on Kubernetes', stateOf)

/** With the rights that the chart gives, and no more. */
function stateOf(cluster: Cluster): void {
  const namespace = `agent-state-${Date.now().toString(36)}${process.pid.toString(36)}`
  let directory: string
  let env: Record<string, string>
  const direct = (args: readonly string[], input?: string): Promise<string> =>
    mustRun(cluster.kubectl, ['--kubeconfig', cluster.kubeconfig, ...args], {
      ...(input === undefined ? {} : { input }),
    })

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'teleport-state-'))
    await direct(['create', 'namespace', namespace])
    const metadata = { name: 'agent', namespace }
    const apiVersion = 'rbac.authorization.k8s.io/v1'
    const objects = [
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
      {
        apiVersion,
        kind: 'Role',
        metadata,
        rules: [
          { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
          {
            apiGroups: [''],
            resources: ['secrets'],
            resourceNames: ['agent-0-state'],
            verbs: ['get', 'update', 'patch'],
          },
        ],
      },
      {
        apiVersion,
        kind: 'RoleBinding',
        metadata,
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'agent' },
        subjects: [{ kind: 'ServiceAccount', name: 'agent', namespace }],
      },
    ]
    await direct(['apply', '-f', '-'], objects.map((object) => stringify(object)).join('---\n'))
    const request = join(directory, 'request.json')
    await writeFile(
      request,
      JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} }),
    )
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/agent/token`
    const issued = JSON.parse(await direct(['create', '--raw', path, '-f', request])) as {
      status: { token: string }
    }
    await writeFile(join(directory, 'token'), issued.status.token, { mode: 0o600 })
    const config = JSON.parse(
      await direct(['config', 'view', '--raw', '--flatten', '-o', 'json']),
    ) as { clusters: { cluster: { server: string; 'certificate-authority-data': string } }[] }
    const known = config.clusters[0]?.cluster
    const { hostname, port } = new URL(known?.server ?? '')
    await writeFile(
      join(directory, 'ca.crt'),
      Buffer.from(known?.['certificate-authority-data'] ?? '', 'base64'),
    )
    env = {
      KUBERNETES_SERVICE_HOST: hostname,
      KUBERNETES_SERVICE_PORT: port,
      KUBE_NAMESPACE: namespace,
    }
  })
  afterAll(async () => {
    await direct(['delete', 'namespace', namespace, '--wait=false'])
    await rm(directory, { recursive: true, force: true })
  })

  it('is created, read and replaced, and nothing else can be read', async () => {
    const store = chooseStore({ ...env, TELEPORT_REPLICA_NAME: 'agent-0' }, directory, directory)
    expect(await store.load()).toBeNull()
    await store.save('first')
    expect(await store.load()).toBe('first')
    await store.save('second')
    expect(await store.load()).toBe('second')
    const names = await direct(['get', 'secrets', '-n', namespace, '-o', 'name'])
    expect(names).toContain('secret/agent-0-state')
    const other = chooseStore({ ...env, TELEPORT_REPLICA_NAME: 'other-0' }, directory, directory)
    await expect(other.load()).rejects.toMatchObject({
      code: 'MEMBER_STATE_UNAVAILABLE',
      message: expect.stringContaining('403'),
    })
  })
}
