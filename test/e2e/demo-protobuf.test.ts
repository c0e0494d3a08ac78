import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { request } from 'node:https'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { decodeProtobuf, PROTOBUF_TYPE } from '../../src/demo/protobuf/decode-protobuf.ts'
import { clusters } from './support/environment.ts'

const cluster = clusters.find(({ version }) => version === '1.35')
const missing = cluster === undefined ? 'no Kubernetes 1.35 here' : null

/** The administrator's own way to a real API server. */
class ApiServer {
  readonly #base: URL
  readonly #tls: { ca: Buffer; cert: Buffer; key: Buffer }

  private constructor(base: URL, tls: { ca: Buffer; cert: Buffer; key: Buffer }) {
    this.#base = base
    this.#tls = tls
  }

  static async of(kubeconfig: string): Promise<ApiServer> {
    const config = parse(await readFile(kubeconfig, 'utf8')) as {
      clusters: { cluster: Record<string, string> }[]
      users: { user: Record<string, string> }[]
    }
    const read = async (from: Record<string, string> | undefined, name: string): Promise<Buffer> =>
      from?.[`${name}-data`] === undefined
        ? readFile(from?.[name] ?? '')
        : Buffer.from(from[`${name}-data`] ?? '', 'base64')
    const [{ cluster: where } = { cluster: {} as Record<string, string> }] = config.clusters
    const user = config.users[0]?.user
    return new ApiServer(new URL(where['server'] ?? ''), {
      ca: await read(where, 'certificate-authority'),
      cert: await read(user, 'client-certificate'),
      key: await read(user, 'client-key'),
    })
  }

  send(method: string, path: string, accept: string, body: unknown = null): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const outgoing = request(
        new URL(path, this.#base),
        {
          ...this.#tls,
          method,
          agent: false,
          headers: { accept, ...(body === null ? {} : { 'content-type': 'application/json' }) },
        },
        (incoming) => {
          const chunks: Buffer[] = []
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
          incoming.on('end', () => {
            const answer = Buffer.concat(chunks)
            if ((incoming.statusCode ?? 500) < 300) resolve(answer)
            else reject(new Error(`${method} ${path}: ${answer.toString('utf8')}`))
          })
        },
      )
      outgoing.on('error', reject)
      outgoing.end(body === null ? undefined : JSON.stringify(body))
    })
  }
}

const pod = {
  metadata: { labels: { app: 'web' }, annotations: { a: '' } },
  spec: {
    nodeSelector: { disk: 'ssd' },
    hostNetwork: true,
    terminationGracePeriodSeconds: 0,
    automountServiceAccountToken: false,
    serviceAccountName: 'builder',
    imagePullSecrets: [{ name: 'registry' }],
    tolerations: [{ key: 'k', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 0 }],
    volumes: [
      { name: 'a', emptyDir: {} },
      {
        name: 'b',
        configMap: { name: 'c', items: [{ key: 'k', path: 'p', mode: 256 }], optional: true },
      },
      { name: 'd', secret: { secretName: 's' } },
      { name: 'e', hostPath: { path: '/x', type: 'Directory' } },
    ],
    initContainers: [{ name: 'init', image: 'i', command: ['true'], args: [''] }],
    containers: [
      {
        name: 'web',
        image: 'nginx',
        workingDir: '/w',
        stdin: true,
        tty: true,
        ports: [{ name: 'http', containerPort: 80, hostPort: 80, protocol: 'TCP' }],
        env: [
          { name: 'PLAIN', value: 'v' },
          { name: 'OF', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } },
          { name: 'CM', valueFrom: { configMapKeyRef: { name: 'c', key: 'k', optional: false } } },
          { name: 'SE', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
        ],
        envFrom: [
          { prefix: 'P_', configMapRef: { name: 'c' } },
          { secretRef: { name: 's', optional: true } },
        ],
        resources: { limits: { cpu: '1500m', memory: '1Gi' }, requests: { cpu: '1' } },
        volumeMounts: [{ name: 'a', mountPath: '/a', subPath: 'x', readOnly: true }],
      },
    ],
  },
}
const selector = { matchLabels: { app: 'web' } }
const expressions = [{ key: 'app', operator: 'In', values: ['web', 'other'] }]
const meta = (name: string): object => ({
  metadata: { name, labels: { l: 'v' }, annotations: { a: 'b' }, finalizers: [] },
})
const rules = [
  { verbs: ['get', 'list'], apiGroups: ['', 'apps'], resources: ['pods'], resourceNames: ['a'] },
]
const subjects = [
  { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'joe' },
  { kind: 'ServiceAccount', name: 'default', namespace: 'default' },
]
const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' }
const RBAC = 'apis/rbac.authorization.k8s.io/v1'

/** Where, below a namespace unless it begins with `/`, and what. */
const objects: readonly (readonly [string, string, Record<string, unknown>])[] = [
  [
    'v1 ConfigMap',
    'api/v1/configmaps',
    { data: { k: 'v', empty: '' }, binaryData: { b: 'AAEC' }, immutable: true },
  ],
  ['v1 Secret', 'api/v1/secrets', { type: 'Opaque', data: { k: 'AAEC' }, immutable: false }],
  [
    'v1 ServiceAccount',
    'api/v1/serviceaccounts',
    {
      automountServiceAccountToken: false,
      imagePullSecrets: [{ name: 'r' }],
      secrets: [{ name: 's' }],
    },
  ],
  [
    'v1 Service',
    'api/v1/services',
    {
      spec: {
        type: 'NodePort',
        selector: { app: 'web' },
        externalIPs: ['192.0.2.1'],
        publishNotReadyAddresses: true,
        externalTrafficPolicy: 'Local',
        sessionAffinity: 'None',
        ports: [
          { name: 'a', port: 80, targetPort: 'http', appProtocol: 'http' },
          { name: 'b', port: 81, targetPort: 8080 },
        ],
      },
    },
  ],
  [
    'apps/v1 Deployment',
    'apis/apps/v1/deployments',
    {
      spec: {
        replicas: 0,
        selector: { ...selector, matchExpressions: expressions },
        template: pod,
        minReadySeconds: 3,
        paused: true,
        revisionHistoryLimit: 0,
        progressDeadlineSeconds: 60,
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: '25%' } },
      },
    },
  ],
  [
    'apps/v1 ReplicaSet',
    'apis/apps/v1/replicasets',
    { spec: { replicas: 0, selector, template: pod, minReadySeconds: 2 } },
  ],
  [
    'batch/v1 Job',
    'apis/batch/v1/jobs',
    {
      spec: {
        suspend: true,
        parallelism: 2,
        completions: 3,
        backoffLimit: 0,
        ttlSecondsAfterFinished: 0,
        activeDeadlineSeconds: 9,
        template: { ...pod, spec: { ...pod.spec, restartPolicy: 'Never' } },
      },
    },
  ],
  [
    'batch/v1 CronJob',
    'apis/batch/v1/cronjobs',
    {
      spec: {
        schedule: '0 0 1 1 *',
        timeZone: 'Etc/UTC',
        suspend: true,
        startingDeadlineSeconds: 60,
        concurrencyPolicy: 'Forbid',
        successfulJobsHistoryLimit: 0,
        failedJobsHistoryLimit: 2,
        jobTemplate: {
          ...meta('x'),
          spec: { template: { ...pod, spec: { ...pod.spec, restartPolicy: 'OnFailure' } } },
        },
      },
    },
  ],
  ['rbac Role', `${RBAC}/roles`, { rules }],
  ['rbac RoleBinding', `${RBAC}/rolebindings`, { subjects, roleRef }],
  [
    'rbac ClusterRole',
    `/${RBAC}/clusterroles`,
    {
      rules: [{ verbs: ['get'], nonResourceURLs: ['/metrics'] }],
      aggregationRule: { clusterRoleSelectors: [selector] },
    },
  ],
  ['rbac ClusterRoleBinding', `/${RBAC}/clusterrolebindings`, { subjects, roleRef }],
]

const reviews: readonly (readonly [string, string, Record<string, unknown>])[] = [
  [
    'SelfSubjectAccessReview',
    'authorization.k8s.io/v1',
    {
      spec: {
        resourceAttributes: {
          namespace: 'n',
          verb: 'get',
          group: 'apps',
          version: 'v1',
          resource: 'deployments',
          subresource: 'scale',
          name: 'x',
        },
      },
    },
  ],
  [
    'SelfSubjectAccessReview',
    'authorization.k8s.io/v1',
    { spec: { nonResourceAttributes: { path: '/healthz', verb: 'get' } } },
  ],
  ['SelfSubjectRulesReview', 'authorization.k8s.io/v1', { spec: { namespace: 'default' } }],
  ['SelfSubjectReview', 'authentication.k8s.io/v1', {}],
]

describe.skipIf(missing !== null)(
  `bodies in protobuf, as a real API server writes them${missing === null ? '' : ` (${missing})`}`,
  () => {
    const suffix = randomBytes(4).toString('hex')
    const namespace = `protobuf-${suffix}`
    const made: string[] = []
    let api: ApiServer

    beforeAll(async () => {
      api = await ApiServer.of(cluster?.kubeconfig ?? '')
      const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }
      await api.send('POST', '/api/v1/namespaces', 'application/json', body)
      made.push(`/api/v1/namespaces/${namespace}`)
    })
    afterAll(async () => {
      for (const path of made.reverse()) await api.send('DELETE', path, 'application/json')
    })

    it('reads a namespace as its JSON has it', async () => {
      await sameAsJson(api, `/api/v1/namespaces/${namespace}`)
    })

    it.each(objects)('reads %s as its JSON has it', async (title, path, fields) => {
      const collection = path.startsWith('/')
        ? path
        : `/${path.slice(0, path.lastIndexOf('/'))}/namespaces/${namespace}${path.slice(path.lastIndexOf('/'))}`
      const kind = title.split(' ')[1]
      const name = `protobuf-${suffix}`
      const group = /apis\/(.+)\/[^/]+$/.exec(path)?.[1] ?? 'v1'
      const object = { apiVersion: group, kind, ...meta(name), ...fields }
      await api.send('POST', collection, 'application/json', object)
      made.push(`${collection}/${name}`)
      await sameAsJson(api, `${collection}/${name}`)
    })

    it.each(reviews)('reads a %s of %s as its JSON has it', async (kind, apiVersion, fields) => {
      const path = `/apis/${apiVersion}/${kind.toLowerCase()}s`
      const object = { apiVersion, kind, ...fields }
      const json = JSON.parse(
        String(await api.send('POST', path, 'application/json', object)),
      ) as Record<string, unknown>
      const read = decodeProtobuf(await api.send('POST', path, PROTOBUF_TYPE, object))
      expect({ ...read, metadata: {} }).toEqual({ ...(meant(json) as object), metadata: {} })
    })
  },
)

/** Reads an object in both ways, again when a controller wrote it in between. */
async function sameAsJson(api: ApiServer, path: string): Promise<void> {
  for (;;) {
    const json = JSON.parse(String(await api.send('GET', path, 'application/json'))) as Stored
    const read = decodeProtobuf(await api.send('GET', path, PROTOBUF_TYPE)) as unknown as Stored
    if (read.metadata.resourceVersion !== json.metadata.resourceVersion) continue
    expect(read).toEqual(meant(json))
    return
  }
}

interface Stored extends Record<string, unknown> {
  readonly metadata: { readonly resourceVersion: string }
}

/** What a client can mean: without what the server says of itself, and without what is empty. */
function meant(json: Record<string, unknown>): unknown {
  const { status: _, ...rest } = json
  return withoutEmpty(rest, '')
}

/** Empty structures that JSON writes although nothing was said; only of a volume does `{}` say something. */
function withoutEmpty(value: unknown, name: string): unknown {
  if (Array.isArray(value)) return value.map((entry) => withoutEmpty(entry, ''))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value)
    .filter(([key]) => key !== 'managedFields' && key !== 'selfLink')
    .map(([key, entry]) => [key, key === 'emptyDir' ? entry : withoutEmpty(entry, key)] as const)
    .filter(([key, entry]) => key === 'emptyDir' || !isNothing(entry))
  return name === '' || entries.length > 0 ? Object.fromEntries(entries) : null
}

const isNothing = (value: unknown): boolean =>
  value === null || (typeof value === 'object' && Object.keys(value).length === 0)
