import {
  type FieldProblem,
  forbiddenField,
  invalidValue,
  required,
  unsupportedValue,
} from '../api-error.ts'
import {
  at,
  isObject,
  type JsonObject,
  listAt,
  numberAt,
  objectAt,
  put,
  sameJson,
  textAt,
  textsAt,
} from '../json.ts'
import { ageColumn, labelsText, NONE, nameColumn } from './format.ts'
import { fill } from './pod-spec.ts'
import { conditionOf } from './pods.ts'
import type { ResourceEnv, ResourceType } from './types.ts'
import { ALL_VERBS, statusOf } from './verbs.ts'

const core = {
  group: '',
  version: 'v1',
  categories: [],
  subresources: [],
  verbs: ALL_VERBS,
} as const

export const namespaces: ResourceType = {
  ...core,
  resource: 'namespaces',
  singular: 'namespace',
  kind: 'Namespace',
  shape: 'Namespace',
  namespaced: false,
  shortNames: ['ns'],
  verbs: ALL_VERBS.filter((verb) => verb !== 'deletecollection'),
  subresources: [{ name: 'finalize', kind: 'Namespace', verbs: ['update'] }, statusOf('Namespace')],
  says: 'A room for names: objects in it have names of their own, and end with it.',
  nameRule: 'label',
  columns: [
    nameColumn,
    { name: 'Status', type: 'string', cell: (object) => textAt(object, 'status', 'phase') },
    ageColumn,
  ],
  prepareCreate(object) {
    put(object, ['spec'], { finalizers: ['kubernetes'] })
    put(object, ['status'], { phase: 'Active' })
    labelWithName(object)
  },
  prepareUpdate(object, old) {
    put(object, ['spec'], objectAt(old, 'spec'))
    put(object, ['status'], objectAt(old, 'status'))
    labelWithName(object)
  },
  fields: (object) => ({ 'status.phase': textAt(object, 'status', 'phase') }),
}

const labelWithName = (object: JsonObject): void =>
  put(
    object,
    ['metadata', 'labels', 'kubernetes.io/metadata.name'],
    textAt(object, 'metadata', 'name'),
  )

export const nodes: ResourceType = {
  ...core,
  resource: 'nodes',
  singular: 'node',
  kind: 'Node',
  shape: 'Node',
  namespaced: false,
  shortNames: ['no'],
  subresources: [statusOf('Node')],
  says: 'A machine that runs pods. The demo cluster has one, and it is no machine.',
  columns: [
    nameColumn,
    { name: 'Status', type: 'string', cell: nodeStatusText },
    { name: 'Roles', type: 'string', cell: rolesText },
    ageColumn,
    { name: 'Version', type: 'string', cell: (node) => nodeInfo(node, 'kubeletVersion') },
    {
      name: 'Internal-IP',
      type: 'string',
      wide: true,
      cell: (node) => address(node, 'InternalIP'),
    },
    {
      name: 'External-IP',
      type: 'string',
      wide: true,
      cell: (node) => address(node, 'ExternalIP'),
    },
    { name: 'OS-Image', type: 'string', wide: true, cell: (node) => nodeInfo(node, 'osImage') },
    {
      name: 'Kernel-Version',
      type: 'string',
      wide: true,
      cell: (node) => nodeInfo(node, 'kernelVersion'),
    },
    {
      name: 'Container-Runtime',
      type: 'string',
      wide: true,
      cell: (node) => nodeInfo(node, 'containerRuntimeVersion'),
    },
  ],
  prepareUpdate(node, old) {
    put(node, ['status'], objectAt(old, 'status'))
  },
  fields: (node) => ({ 'spec.unschedulable': String(at(node, 'spec', 'unschedulable') === true) }),
}

function nodeStatusText(node: JsonObject): string {
  const ready = conditionOf(node, 'Ready')
  const word = ready === 'True' ? 'Ready' : ready === '' ? 'Unknown' : 'NotReady'
  return at(node, 'spec', 'unschedulable') === true ? `${word},SchedulingDisabled` : word
}

const ROLE_LABEL = 'node-role.kubernetes.io/'
function rolesText(node: JsonObject): string {
  const roles = Object.keys(textsAt(node, 'metadata', 'labels'))
    .filter((key) => key.startsWith(ROLE_LABEL))
    .map((key) => key.slice(ROLE_LABEL.length))
  return roles.length === 0 ? NONE : roles.sort().join(',')
}

const nodeInfo = (node: JsonObject, name: string): string =>
  textAt(node, 'status', 'nodeInfo', name) || '<unknown>'

function address(node: JsonObject, type: string): string {
  const found = listAt(node, 'status', 'addresses').find((item) => textAt(item, 'type') === type)
  return textAt(found, 'address') || NONE
}

const SERVICE_TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'] as const

export const services: ResourceType = {
  ...core,
  resource: 'services',
  singular: 'service',
  kind: 'Service',
  shape: 'Service',
  namespaced: true,
  shortNames: ['svc'],
  categories: ['all'],
  subresources: [statusOf('Service')],
  says: 'A name and an address in front of pods. In the demo cluster nothing listens there.',
  nameRule: 'service',
  columns: [
    nameColumn,
    { name: 'Type', type: 'string', cell: (service) => textAt(service, 'spec', 'type') },
    {
      name: 'Cluster-IP',
      type: 'string',
      cell: (service) => textAt(service, 'spec', 'clusterIP') || NONE,
    },
    { name: 'External-IP', type: 'string', cell: externalIp },
    { name: 'Port(s)', type: 'string', cell: portsText },
    ageColumn,
    {
      name: 'Selector',
      type: 'string',
      wide: true,
      cell: (service) => labelsText(textsAt(service, 'spec', 'selector')),
    },
  ],
  prepareCreate(service, env) {
    defaultService(service, env)
    put(service, ['status'], { loadBalancer: {} })
  },
  prepareUpdate(service, old, env) {
    const spec = objectAt(service, 'spec')
    put(service, ['spec'], spec)
    // Whoever leaves the address out keeps it.
    for (const key of ['clusterIP', 'clusterIPs']) {
      const value = at(old, 'spec', key)
      if (!Object.hasOwn(spec, key) && value !== undefined) spec[key] = structuredClone(value)
    }
    defaultService(service, env)
    put(service, ['status'], objectAt(old, 'status'))
  },
  validate: validateService,
  fields: (service) => ({
    'spec.clusterIP': textAt(service, 'spec', 'clusterIP'),
    'spec.type': textAt(service, 'spec', 'type'),
  }),
}

function externalIp(service: JsonObject): string {
  const listed = listAt(service, 'spec', 'externalIPs').join(',')
  switch (textAt(service, 'spec', 'type')) {
    case 'ExternalName':
      return textAt(service, 'spec', 'externalName')
    case 'LoadBalancer':
      return listed || '<pending>'
    default:
      return listed || NONE
  }
}

function portsText(service: JsonObject): string {
  const ports = listAt(service, 'spec', 'ports').map((port) => {
    const node = numberAt(port, 'nodePort') ?? 0
    return `${numberAt(port, 'port')}${node > 0 ? `:${node}` : ''}/${textAt(port, 'protocol')}`
  })
  return ports.length === 0 ? NONE : ports.join(',')
}

const FIRST_NODE_PORT = 30_000
const NODE_PORTS = 2768

function defaultService(service: JsonObject, env: ResourceEnv): void {
  const spec = objectAt(service, 'spec')
  put(service, ['spec'], spec)
  fill(spec, { type: 'ClusterIP', sessionAffinity: 'None' })
  const outside = spec['type'] === 'NodePort' || spec['type'] === 'LoadBalancer'
  for (const port of listAt(spec, 'ports')) {
    if (!isObject(port)) continue
    fill(port, { protocol: 'TCP', targetPort: port['port'] ?? 0 })
    if (outside) fill(port, { nodePort: FIRST_NODE_PORT + env.random(NODE_PORTS) })
  }
  if (spec['type'] === 'ExternalName') return
  const wanted = textAt(spec, 'clusterIP')
  const ip = wanted === '' ? `10.96.${env.random(256)}.${1 + env.random(254)}` : wanted
  put(spec, ['clusterIP'], ip)
  put(spec, ['clusterIPs'], [ip])
  fill(spec, {
    ipFamilies: ['IPv4'],
    ipFamilyPolicy: 'SingleStack',
    internalTrafficPolicy: 'Cluster',
    ...(outside ? { externalTrafficPolicy: 'Cluster' } : {}),
  })
}

function validateService(service: JsonObject, old: JsonObject | null): FieldProblem[] {
  const problems: FieldProblem[] = []
  const type = textAt(service, 'spec', 'type')
  if (!(SERVICE_TYPES as readonly string[]).includes(type)) {
    problems.push(unsupportedValue('spec.type', type, SERVICE_TYPES))
  }
  const ports = listAt(service, 'spec', 'ports')
  const headless = textAt(service, 'spec', 'clusterIP') === 'None'
  if (ports.length === 0 && type !== 'ExternalName' && !headless)
    problems.push(required('spec.ports'))
  for (const [index, port] of ports.entries()) {
    const number = numberAt(port, 'port') ?? 0
    if (number < 1 || number > 65_535) {
      const why = 'must be between 1 and 65535, inclusive'
      problems.push(invalidValue(`spec.ports[${index}].port`, number, why))
    }
    if (ports.length > 1 && textAt(port, 'name') === '')
      problems.push(required(`spec.ports[${index}].name`))
  }
  const before = old === null ? '' : textAt(old, 'spec', 'clusterIP')
  const now = textAt(service, 'spec', 'clusterIP')
  if (before !== '' && now !== before && type !== 'ExternalName') {
    problems.push(invalidValue('spec.clusterIPs[0]', now, 'may not change once set'))
  }
  return problems
}

export const endpoints: ResourceType = {
  ...core,
  resource: 'endpoints',
  singular: 'endpoints',
  kind: 'Endpoints',
  shape: 'Endpoints',
  namespaced: true,
  shortNames: ['ep'],
  says: 'The addresses behind a service.',
  columns: [nameColumn, { name: 'Endpoints', type: 'string', cell: endpointsText }, ageColumn],
}

const SHOWN_ENDPOINTS = 3
function endpointsText(object: JsonObject): string {
  const all = listAt(object, 'subsets').flatMap((subset) =>
    listAt(subset, 'addresses').flatMap((item) => {
      const ports = listAt(subset, 'ports')
      const ip = textAt(item, 'ip')
      return ports.length === 0 ? [ip] : ports.map((port) => `${ip}:${numberAt(port, 'port')}`)
    }),
  )
  if (all.length === 0) return NONE
  const more = all.length - SHOWN_ENDPOINTS
  return `${all.slice(0, SHOWN_ENDPOINTS).join(',')}${more > 0 ? ` + ${more} more...` : ''}`
}

/** Objects that say themselves that they stay as they are. */
function immutable(object: JsonObject, old: JsonObject | null): FieldProblem[] {
  if (old === null || at(old, 'immutable') !== true) return []
  const why = 'field is immutable when `immutable` is set'
  return ['data', 'binaryData', 'immutable']
    .filter((name) => !sameJson(at(object, name), at(old, name)))
    .map((name) => forbiddenField(name, why))
}

const DATA_KEY = /^[-._a-zA-Z0-9]+$/
function validateKeys(object: JsonObject, ...fields: readonly string[]): FieldProblem[] {
  return fields.flatMap((field) =>
    Object.keys(objectAt(object, field))
      .filter((key) => !DATA_KEY.test(key) || key.length > 253 || key === '.' || key === '..')
      .map((key) =>
        invalidValue(
          `${field}[${key}]`,
          key,
          "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
        ),
      ),
  )
}

const entries = (object: JsonObject, ...fields: readonly string[]): number =>
  fields.reduce((sum, field) => sum + Object.keys(objectAt(object, field)).length, 0)

export const configmaps: ResourceType = {
  ...core,
  resource: 'configmaps',
  singular: 'configmap',
  kind: 'ConfigMap',
  shape: 'ConfigMap',
  namespaced: true,
  shortNames: ['cm'],
  says: 'Settings as text, for pods to read.',
  columns: [
    nameColumn,
    {
      name: 'Data',
      type: 'string',
      cell: (object) => entries(object, 'data', 'binaryData'),
    },
    ageColumn,
  ],
  validate: (object, old) => [
    ...validateKeys(object, 'data', 'binaryData'),
    ...immutable(object, old),
  ],
}

export const secrets: ResourceType = {
  ...core,
  resource: 'secrets',
  singular: 'secret',
  kind: 'Secret',
  shape: 'Secret',
  namespaced: true,
  shortNames: [],
  says: 'Settings that not everybody may read. In the demo cluster they are kept in memory only.',
  columns: [
    nameColumn,
    { name: 'Type', type: 'string', cell: (object) => textAt(object, 'type') },
    { name: 'Data', type: 'string', cell: (object) => entries(object, 'data') },
    ageColumn,
  ],
  prepareCreate: mergeStringData,
  prepareUpdate: mergeStringData,
  validate(object, old) {
    const problems = [...validateKeys(object, 'data'), ...immutable(object, old)]
    if (old !== null && textAt(object, 'type') !== textAt(old, 'type')) {
      problems.push(invalidValue('type', textAt(object, 'type'), 'field is immutable'))
    }
    return problems
  },
  fields: (object) => ({ type: textAt(object, 'type') }),
}

/** stringData is for writing only: it becomes data. */
function mergeStringData(object: JsonObject): void {
  fill(object, { type: 'Opaque' })
  for (const [key, value] of Object.entries(textsAt(object, 'stringData'))) {
    put(object, ['data', key], Buffer.from(value, 'utf8').toString('base64'))
  }
  delete object['stringData']
}

export const serviceaccounts: ResourceType = {
  ...core,
  resource: 'serviceaccounts',
  singular: 'serviceaccount',
  kind: 'ServiceAccount',
  shape: 'ServiceAccount',
  namespaced: true,
  shortNames: ['sa'],
  says: 'Who a pod is when it asks the API. The demo cluster gives out no tokens.',
  columns: [nameColumn, ageColumn],
}
