import { MAX_PODS_PER_NODE } from '../controllers/kubelet.ts'
import type { JsonObject } from '../json.ts'
import { DEMO_ANNOTATION, DEMO_NODE, DEMO_VERSION, DEMO_WORDS } from '../version.ts'

const annotations = { [DEMO_ANNOTATION]: DEMO_WORDS }

/** Namespaces that are there from the start, each telling what this is. */
export const seedNamespaces: readonly JsonObject[] = [
  'default',
  'kube-system',
  'kube-public',
  'teleport',
  'demo',
].map((name) => ({ metadata: { name, annotations: { ...annotations } } }))

/** The one node, which is no machine. */
export function seedNode(now: string): JsonObject {
  const size = { cpu: '4', memory: '8Gi', pods: String(MAX_PODS_PER_NODE) }
  const condition = (
    type: string,
    status: string,
    reason: string,
    message: string,
  ): JsonObject => ({
    type,
    status,
    reason,
    message,
    lastHeartbeatTime: now,
    lastTransitionTime: now,
  })
  return {
    metadata: {
      name: DEMO_NODE,
      annotations: { ...annotations },
      labels: {
        'kubernetes.io/hostname': DEMO_NODE,
        'kubernetes.io/os': 'linux',
        'node-role.kubernetes.io/demo': '',
      },
    },
    spec: {},
    status: {
      capacity: size,
      allocatable: { ...size },
      addresses: [
        { type: 'InternalIP', address: '192.0.2.1' },
        { type: 'Hostname', address: DEMO_NODE },
      ],
      conditions: [
        condition('MemoryPressure', 'False', 'Demo', 'nothing runs here'),
        condition('DiskPressure', 'False', 'Demo', 'nothing is written here'),
        condition('PIDPressure', 'False', 'Demo', 'there are no processes here'),
        condition('Ready', 'True', 'Demo', 'the demo cluster is ready'),
      ],
      nodeInfo: {
        architecture: 'demo',
        bootID: 'demo',
        containerRuntimeVersion: 'demo://in-memory',
        kernelVersion: 'none (demo)',
        kubeProxyVersion: '',
        kubeletVersion: DEMO_VERSION,
        machineID: 'demo',
        operatingSystem: 'linux',
        osImage: 'Teleport demo, in memory',
        systemUUID: 'demo',
      },
    },
  }
}

const labels = { app: 'hello' }

/** What somebody sees who looks around for the first time. */
export const seedDeployment: JsonObject = {
  metadata: { name: 'hello', labels: { ...labels }, annotations: { ...annotations } },
  spec: {
    replicas: 2,
    selector: { matchLabels: { ...labels } },
    template: {
      metadata: { labels: { ...labels } },
      spec: {
        containers: [
          {
            name: 'hello',
            image: 'demo/hello:1',
            ports: [{ name: 'http', containerPort: 8080 }],
            env: [{ name: 'GREETING', value: 'hello from a cluster that is held in memory' }],
          },
        ],
      },
    },
  },
}

export const seedService: JsonObject = {
  metadata: { name: 'hello', labels: { ...labels } },
  spec: { selector: { ...labels }, ports: [{ port: 80, targetPort: 'http' }] },
}

export const seedConfigMap: JsonObject = {
  metadata: { name: 'about' },
  data: { 'README.txt': `${DEMO_WORDS}\n`, GREETING: 'hello' },
}

export const seedSecret: JsonObject = {
  metadata: { name: 'hello' },
  stringData: { password: 'not-a-secret: it is in the source code of the demo' },
}
