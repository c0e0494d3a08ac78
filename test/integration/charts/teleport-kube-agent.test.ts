import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { parseConfig } from '../../../src/daemon/config/index.ts'
import {
  Helm,
  helmPath,
  isHook,
  type KubeObject,
  namesOf,
  only,
  withoutHelm,
} from '../../support/helm.ts'
import { configOf, expectRestricted, IMPERSONATION } from './rules.ts'

const CHART = 'teleport-kube-agent'
const ENOUGH = {
  roles: 'kube',
  proxyAddr: 'proxy.example.com:3080',
  authToken: '866c6c114724a0fa4d4d73216afd99fb',
  kubeClusterName: 'prod',
}

describe.skipIf(helmPath === null)(`the chart ${CHART}${withoutHelm}`, () => {
  let helm: Helm
  beforeAll(async () => {
    helm = await Helm.open()
  })
  afterAll(() => helm[Symbol.asyncDispose]())

  const render = (values: object = {}, ...flags: string[]): Promise<KubeObject[]> =>
    helm.template(CHART, { ...ENOUGH, ...values }, ...flags)
  /** What helm says of values that cannot be. */
  const complaint = async (values: object): Promise<string> => {
    const { code, stderr } = await helm.tryTemplate(CHART, values)
    expect(code, stderr).not.toBe(0)
    return stderr
  }

  it('passes the strict linter', async () => {
    const file = await helm.values(ENOUGH)
    const said = await helm.mustRun('lint', '--strict', `charts/${CHART}`, '-f', file)
    expect(said).toContain('0 chart(s) failed')
  })

  it('makes these objects of four values, and no other', async () => {
    const objects = await render()
    expect(namesOf(objects.filter((object) => !isHook(object)))).toEqual([
      'ClusterRole/ns-rel',
      'ClusterRoleBinding/ns-rel',
      'ConfigMap/rel',
      'Role/rel',
      'RoleBinding/rel',
      'Secret/teleport-kube-agent-join-token',
      'Service/rel',
      'ServiceAccount/rel',
      'StatefulSet/rel',
    ])
    expect(namesOf(objects.filter(isHook))).toEqual([
      'ConfigMap/rel-config-check',
      'Job/rel-config-check',
      'Job/rel-delete-state',
      'Role/rel-delete-state',
      'RoleBinding/rel-delete-state',
      'ServiceAccount/rel-delete-state',
    ])
    for (const { metadata, kind } of objects) {
      expect(metadata.namespace, kind).toBe(kind.startsWith('Cluster') ? undefined : 'ns')
      expect(metadata.labels).toMatchObject({ 'app.kubernetes.io/instance': 'rel' })
    }
  })

  it('writes the configuration of an agent', async () => {
    expect(configOf(await render({ labels: { env: 'prod' } }))).toEqual({
      version: 'v3',
      teleport: {
        data_dir: '/var/lib/teleport/data',
        proxy_server: 'proxy.example.com:3080',
        join_params: { method: 'token', token_name: '/etc/teleport-secrets/auth-token' },
        log: { severity: 'INFO', output: 'stderr', format: { output: 'text' } },
      },
      kubernetes_service: { enabled: true, kube_cluster_name: 'prod', labels: { env: 'prod' } },
      auth_service: { enabled: false },
      proxy_service: { enabled: false },
      ssh_service: { enabled: false },
    })
  })

  it('writes one that the daemon takes as it is meant', async () => {
    const pin = `sha256:${'a'.repeat(64)}`
    expect(configOf(await render({ caPin: pin }))).toEqual(configOf(await render({ caPin: [pin] })))
    const config = parseConfig(stringify(configOf(await render({ caPin: [pin] }))), 'teleport.yaml')
    expect(config).toMatchObject({
      auth: { enabled: false },
      proxy: { enabled: false },
      kube: { enabled: true, kubeClusterName: 'prod' },
      joining: {
        server: { kind: 'proxy', addresses: [{ host: 'proxy.example.com', port: 3080 }] },
        token: { kind: 'file', path: '/etc/teleport-secrets/auth-token' },
        caPins: [pin],
      },
    })
  })

  it('merges teleportConfig: objects merge, lists replace, null takes away', async () => {
    const config = configOf(
      await render({
        labels: { env: 'prod' },
        caPin: [`sha256:${'a'.repeat(64)}`],
        teleportConfig: {
          teleport: { nodename: 'x', ca_pin: ['sha256:b'], log: null },
          kubernetes_service: { labels: { team: 'a' } },
        },
      }),
    )
    expect(config['teleport']).toEqual({
      data_dir: '/var/lib/teleport/data',
      nodename: 'x',
      proxy_server: 'proxy.example.com:3080',
      join_params: { method: 'token', token_name: '/etc/teleport-secrets/auth-token' },
      ca_pin: ['sha256:b'],
    })
    expect(config['kubernetes_service']).toMatchObject({ labels: { env: 'prod', team: 'a' } })
  })

  it('keeps the token in its Secret and nowhere else', async () => {
    const objects = await render()
    expect(only(objects, 'Secret')['stringData']).toEqual({ 'auth-token': ENOUGH.authToken })
    const others = objects.filter(({ kind }) => kind !== 'Secret')
    expect(JSON.stringify(others)).not.toContain(ENOUGH.authToken)
  })

  it('gives the agent impersonation and its own state, and nothing more', async () => {
    const objects = await render({ highAvailability: { replicaCount: 2 } })
    expect(only(objects, 'ClusterRole')['rules']).toEqual(IMPERSONATION)
    expect(only(objects, 'ClusterRoleBinding')).toMatchObject({
      roleRef: { kind: 'ClusterRole', name: 'ns-rel' },
      subjects: [{ kind: 'ServiceAccount', name: 'rel', namespace: 'ns' }],
    })
    expect(only(objects, 'Role', 'rel')['rules']).toEqual([
      { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
      {
        apiGroups: [''],
        resources: ['secrets'],
        resourceNames: ['rel-0-state', 'rel-1-state'],
        verbs: ['get', 'update', 'patch'],
      },
    ])
    expect(only(objects, 'RoleBinding', 'rel')).toMatchObject({
      roleRef: { kind: 'Role', name: 'rel' },
      subjects: [{ kind: 'ServiceAccount', name: 'rel', namespace: 'ns' }],
    })
  })

  it('lets the job at the end delete states by their names, and read none', async () => {
    const objects = await render()
    const [rule, ...rest] = only(objects, 'Role', 'rel-delete-state')['rules']
    expect(rest).toEqual([])
    expect(rule).toMatchObject({ resources: ['secrets'], verbs: ['delete'] })
    expect(rule.resourceNames).toEqual(
      Array.from({ length: 16 }, (_, index) => `rel-${index}-state`),
    )
    const job = only(objects, 'Job', 'rel-delete-state')
    expect(job.metadata.annotations).toMatchObject({ 'helm.sh/hook': 'post-delete' })
    const [container] = job['spec'].template.spec.containers
    expect(container.args).toEqual(['kube-state', 'delete'])
    expect(container.env.map(({ name }: { name: string }) => name)).toEqual([
      'KUBE_NAMESPACE',
      'RELEASE_NAME',
    ])
  })

  it('checks the configuration that it installs before it installs anything', async () => {
    const objects = await render()
    const job = only(objects, 'Job', 'rel-config-check')
    expect(job.metadata.annotations?.['helm.sh/hook']).toBe('pre-install,pre-upgrade')
    expect(job['spec'].template.spec.containers[0].args).toEqual([
      'configure',
      '--test',
      '/etc/teleport/teleport.yaml',
    ])
    expect(job['spec'].template.spec.automountServiceAccountToken).toBe(false)
    expect(only(objects, 'ConfigMap', 'rel-config-check')['data']).toEqual(
      only(objects, 'ConfigMap', 'rel')['data'],
    )
    const without = await render({ validateConfigOnDeploy: false })
    expect(namesOf(without).filter((name) => name.includes('config-check'))).toEqual([])
  })

  it('runs pods that may not do anything on their node', async () => {
    expectRestricted(await render())
  })

  it('runs the pod that the agent expects', async () => {
    const { spec } = only(
      await render({ insecureSkipProxyTLSVerify: true, extraArgs: ['--debug'] }),
      'StatefulSet',
    )
    expect(spec).toMatchObject({ serviceName: 'rel', replicas: 1 })
    const pod = spec.template.spec
    expect(pod).toMatchObject({ serviceAccountName: 'rel', terminationGracePeriodSeconds: 30 })
    const [container] = pod.containers
    expect(container).toMatchObject({
      image: 'teleport:0.1.0',
      args: [
        'start',
        '--config=/etc/teleport/teleport.yaml',
        '--diag-addr=0.0.0.0:3000',
        '--insecure',
        '--debug',
      ],
      ports: [{ name: 'diag', containerPort: 3000 }],
      livenessProbe: {
        httpGet: { path: '/healthz', port: 'diag' },
        initialDelaySeconds: 5,
        periodSeconds: 5,
        failureThreshold: 6,
      },
      readinessProbe: { httpGet: { path: '/readyz', port: 'diag' }, failureThreshold: 12 },
    })
    const named = Object.fromEntries(
      container.env.map((one: { name: string; value?: string; valueFrom?: object }) => [
        one.name,
        one.value ?? one.valueFrom,
      ]),
    )
    expect(named).toEqual({
      TELEPORT_INSTALL_METHOD_HELM_KUBE_AGENT: 'true',
      TELEPORT_REPLICA_NAME: { fieldRef: { fieldPath: 'metadata.name' } },
      KUBE_NAMESPACE: { fieldRef: { fieldPath: 'metadata.namespace' } },
      RELEASE_NAME: 'rel',
      TELEPORT_KUBE_CLUSTER_DOMAIN: 'cluster.local',
    })
    expect(container.volumeMounts.map(({ mountPath }: { mountPath: string }) => mountPath)).toEqual(
      ['/etc/teleport', '/etc/teleport-secrets', '/var/lib/teleport', '/tmp'],
    )
    expect(pod.affinity.podAntiAffinity).toMatchObject({
      preferredDuringSchedulingIgnoredDuringExecution: [
        { weight: 50, podAffinityTerm: { topologyKey: 'kubernetes.io/hostname' } },
      ],
    })
    expect(spec.volumeClaimTemplates).toBeUndefined()
  })

  it('restarts pods when the configuration changes, and only then', async () => {
    const sum = async (values: object): Promise<string> => {
      const { spec } = only(await render(values), 'StatefulSet')
      return spec.template.metadata.annotations['checksum/config'] as string
    }
    expect(await sum({})).toBe(await sum({ authToken: '0123456789abcdef' }))
    expect(await sum({})).not.toBe(await sum({ labels: { env: 'dev' } }))
  })

  it('has more objects for who asks for them', async () => {
    const objects = await render({
      highAvailability: {
        replicaCount: 3,
        requireAntiAffinity: true,
        podDisruptionBudget: { enabled: true, minAvailable: 2 },
      },
      podMonitor: { enabled: true, additionalLabels: { release: 'prometheus' }, interval: '10s' },
      adminClusterRoleBinding: { create: true, name: 'admins' },
      storage: { enabled: true, storageClassName: 'fast' },
      tls: { existingCASecretName: 'our-ca' },
    })
    expect(only(objects, 'PodDisruptionBudget')['spec']).toMatchObject({ minAvailable: 2 })
    expect(only(objects, 'PodMonitor')).toMatchObject({
      metadata: { labels: { release: 'prometheus' } },
      spec: { podMetricsEndpoints: [{ port: 'diag', interval: '10s' }] },
    })
    expect(only(objects, 'ClusterRoleBinding', 'ns-rel-admin')).toMatchObject({
      roleRef: { name: 'cluster-admin' },
      subjects: [{ kind: 'Group', name: 'admins' }],
    })
    const { spec } = only(objects, 'StatefulSet')
    expect(spec.volumeClaimTemplates[0].spec).toMatchObject({
      storageClassName: 'fast',
      resources: { requests: { storage: '128Mi' } },
    })
    expect(spec.template.spec.affinity.podAntiAffinity).toHaveProperty(
      'requiredDuringSchedulingIgnoredDuringExecution',
    )
    expect(spec.template.spec.containers[0].env).toContainEqual({
      name: 'NODE_EXTRA_CA_CERTS',
      value: '/etc/teleport-tls-ca/ca.pem',
    })
  })

  it('passes on where pods go and what stands beside them', async () => {
    const placed = {
      nodeSelector: { disk: 'ssd' },
      tolerations: [{ key: 'a', operator: 'Exists' }],
      hostAliases: [{ ip: '10.0.0.1', hostnames: ['proxy.example.com'] }],
      dnsConfig: { nameservers: ['10.0.0.2'] },
      imagePullSecrets: [{ name: 'pull' }],
      priorityClassName: 'high',
      dnsPolicy: 'None',
    }
    const objects = await render({
      ...placed,
      initContainers: [{ name: 'first', image: 'busybox' }],
      extraContainers: [{ name: 'beside', image: 'busybox' }],
      extraVolumes: [{ name: 'v', emptyDir: {} }],
      extraVolumeMounts: [{ name: 'v', mountPath: '/v' }],
      extraEnv: [{ name: 'HTTPS_PROXY', value: 'http://proxy:3128' }],
      resources: { limits: { memory: '256Mi' } },
      extraLabels: { pod: { team: 'a' }, clusterRole: { team: 'b' } },
      annotations: { pod: { note: 'p' }, deployment: { note: 'd' } },
      image: 'registry.example.com:5000/teleport',
      teleportVersionOverride: '9.9.9',
    })
    const set = only(objects, 'StatefulSet')
    const pod = set['spec'].template.spec
    expect(pod).toMatchObject(placed)
    expect(pod.initContainers[0].securityContext).toMatchObject({ runAsNonRoot: true })
    expect(pod.containers.map(({ name }: { name: string }) => name)).toEqual(['teleport', 'beside'])
    expect(pod.containers[0].image).toBe('registry.example.com:5000/teleport:9.9.9')
    expect(pod.containers[0].env).toContainEqual({
      name: 'HTTPS_PROXY',
      value: 'http://proxy:3128',
    })
    expect(pod.containers[0].resources).toEqual({ limits: { memory: '256Mi' } })
    expect(set['spec'].template.metadata).toMatchObject({
      labels: { team: 'a' },
      annotations: { note: 'p' },
    })
    expect(set.metadata.annotations).toEqual({ note: 'd' })
    expect(only(objects, 'ClusterRole').metadata.labels).toMatchObject({ team: 'b' })
    for (const job of objects.filter(({ kind }) => kind === 'Job')) {
      expect(job['spec'].template.spec).toMatchObject(placed)
    }
  })

  it.each([
    ['registry/teleport@sha256:abc', 'registry/teleport@sha256:abc'],
    ['registry:5000/teleport:7', 'registry:5000/teleport:7'],
    ['registry:5000/teleport', 'registry:5000/teleport:0.1.0'],
  ])('runs the image %s as %s', async (image, runs) => {
    const { spec } = only(await render({ image }), 'StatefulSet')
    expect(spec.template.spec.containers[0].image).toBe(runs)
  })

  it('still takes the names of old', async () => {
    const objects = await render({
      logLevel: 'DEBUG',
      replicaCount: 3,
      secretName: 'my-token',
      serviceAccountName: 'my-account',
    })
    expect(configOf(objects)['teleport']).toMatchObject({ log: { severity: 'DEBUG' } })
    expect(only(objects, 'StatefulSet')['spec'].replicas).toBe(3)
    expect(only(objects, 'Secret').metadata.name).toBe('my-token')
    expect(only(objects, 'ClusterRoleBinding')['subjects'][0].name).toBe('my-account')
  })

  it('takes the token by its other name, and from a Secret that is there', async () => {
    const { authToken, ...rest } = ENOUGH
    const byOther = await helm.template(CHART, { ...rest, joinParams: { tokenName: authToken } })
    expect(only(byOther, 'Secret')['stringData']).toEqual({ 'auth-token': authToken })
    const own = await helm.template(CHART, {
      ...rest,
      joinTokenSecret: { create: false, name: 'mine' },
    })
    expect(namesOf(own).filter((name) => name.startsWith('Secret/'))).toEqual([])
    expect(only(own, 'StatefulSet')['spec'].template.spec.volumes).toContainEqual({
      name: 'join-token',
      secret: { secretName: 'mine', optional: true },
    })
  })

  it('leaves accounts and rights to who makes them himself', async () => {
    const objects = await render({ rbac: { create: false }, serviceAccount: { create: false } })
    expect(namesOf(objects).filter((name) => /Role|ServiceAccount/.test(name))).toEqual([])
  })

  it('names everything that is missing at once', async () => {
    const said = await complaint({})
    for (const value of ['proxyAddr', 'kubeClusterName', 'authToken']) {
      expect(said).toContain(`- ${value} is required: `)
    }
  })

  it('names a value that it does not know', async () => {
    expect(await complaint({ ...ENOUGH, proxyAddress: 'x' })).toContain(
      "'proxyAddress' not allowed",
    )
    expect(await complaint({ ...ENOUGH, log: { levle: 'INFO' } })).toMatch(
      /log.*'levle' not allowed/,
    )
    expect(await complaint({ ...ENOUGH, log: { level: 'LOUD' } })).toContain('/log/level')
  })

  it.each([
    [{ proxyAddr: 'https://proxy.example.com' }, 'proxyAddr: must be host:port'],
    [{ caPin: ['sha256:12'] }, 'caPin: sha256:12 is not sha256: and 64 hexadecimal digits'],
    [{ joinParams: { method: 'iam' } }, 'joinParams.method: this version knows token, not iam'],
    [{ joinParams: { tokenName: 'other' } }, 'are the same thing: give one'],
    [{ joinTokenSecret: { create: false } }, 'the token comes from your Secret'],
    [{ highAvailability: { replicaCount: 17 } }, 'must be from 1 to 16'],
    [{ highAvailability: { replicaCount: 0 } }, 'must be from 1 to 16'],
    [{ replicaCount: 0 }, '/replicaCount'],
    [{ roles: 'kube,app' }, 'this product has kube, and no app'],
    [{ roles: '' }, 'this product has kube, and no empty role'],
    [{ apps: [{ name: 'a' }] }, '- apps: there is no application access'],
    [{ appResources: [{}] }, '- appResources: there is no application access'],
    [{ databases: [{ name: 'a' }] }, '- databases: there is no database access'],
    [{ databaseResources: [{}] }, '- databaseResources: there is no database access'],
    [{ awsDatabases: [{}] }, '- awsDatabases: there is no database access'],
    [{ azureDatabases: [{}] }, '- azureDatabases: there is no database access'],
    [{ kubernetesDiscovery: [{ types: ['app'] }] }, '- kubernetesDiscovery: '],
    [{ jamfApiEndpoint: 'x' }, '- jamfApiEndpoint: there is no device trust'],
    [{ jamfClientId: 'x' }, '- jamfClientId: '],
    [{ jamfClientSecret: 'x' }, '- jamfClientSecret: '],
    [{ jamfCredentialsSecret: { create: true } }, '- jamfCredentialsSecret.create: '],
    [{ updater: { enabled: true } }, '- updater.enabled: nothing updates itself'],
    [{ enterprise: true }, '- enterprise: there is one edition'],
    [{ enterpriseImage: 'x' }, '- enterpriseImage: there is one edition'],
    [{ existingDataVolume: 'x' }, '- existingDataVolume: the agent keeps its identity in a Secret'],
    [{ podSecurityPolicy: { enabled: true } }, '- podSecurityPolicy.enabled: '],
    [{ presetRoles: { enabled: true } }, '- presetRoles.enabled: '],
    [{ log: { extraFields: ['caller'] } }, '- log.extraFields: '],
  ])('refuses %j in words', async (values, words) => {
    expect(await complaint({ ...ENOUGH, ...values })).toContain(words)
  })

  it('refuses a token that would be more than a token, and does not repeat it', async () => {
    const said = await complaint({ ...ENOUGH, authToken: 'abc"\nkind: Secret # hunter2' })
    expect(said).toContain('authToken: is no join token')
    expect(said).not.toContain('hunter2')
  })
})
