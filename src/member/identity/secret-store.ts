import { MemberError } from '../errors.ts'
import type { InCluster } from './in-cluster.ts'
import type { IdentityStore } from './types.ts'

const KEY = 'identity.json'
/** Whose a Secret is, for people who look at it. */
const LABELS = { 'app.kubernetes.io/managed-by': 'teleport' } as const

/** Where an agent in a pod keeps its identity: a Secret by the name of its pod. */
export const stateSecretName = (pod: string): string => `${pod}-state`

/**
 * Keeps the identity in a Secret beside the pod, `<pod>-state`: a pod has no disk of its own that outlives it. The pod's account
 * needs get, create and update on secrets of its own namespace.
 */
export function secretStore(
  api: InCluster,
  names: { readonly namespace: string; readonly pod: string },
): IdentityStore {
  const name = stateSecretName(names.pod)
  const place = `Secret ${names.namespace}/${name}`
  const all = secretsPath(names.namespace)
  const one = `${all}/${encodeURIComponent(name)}`
  const read = async (): Promise<Readonly<Record<string, unknown>> | null> => {
    const { status, body } = await api.call('GET', one)
    if (status === 404) return null
    if (status !== 200) throw refused(place, 'read', status, body)
    return body
  }
  return {
    place,
    async load() {
      const secret = await read()
      const data = fieldsOf(secret?.['data'])[KEY]
      return typeof data === 'string' ? Buffer.from(data, 'base64').toString('utf8') : null
    },
    async save(text) {
      const before = await read()
      const metadata = fieldsOf(before?.['metadata'])
      const secret = {
        apiVersion: 'v1',
        kind: 'Secret',
        type: 'Opaque',
        metadata: {
          ...metadata,
          name,
          namespace: names.namespace,
          labels: { ...fieldsOf(metadata['labels']), ...LABELS },
        },
        data: {
          ...fieldsOf(before?.['data']),
          [KEY]: Buffer.from(text, 'utf8').toString('base64'),
        },
      }
      // With the revision that was read: nobody else writes it, and if somebody does, the next attempt sees it.
      const { status, body } =
        before === null ? await api.call('POST', all, secret) : await api.call('PUT', one, secret)
      if (status !== 200 && status !== 201) throw refused(place, 'write', status, body)
    },
  }
}

const secretsPath = (namespace: string): string =>
  `/api/v1/namespaces/${encodeURIComponent(namespace)}/secrets`

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? { ...value } : {}

/** The API server's words, which never quote a Secret's content in a refusal. */
function refused(
  place: string,
  verb: string,
  status: number,
  body: Readonly<Record<string, unknown>>,
): MemberError {
  const message = typeof body['message'] === 'string' ? body['message'].slice(0, 300) : ''
  const hint =
    status === 403
      ? '. The pod’s ServiceAccount needs a Role with get, create and update on secrets in its namespace; the charts have it'
      : ''
  return new MemberError(
    'MEMBER_STATE_UNAVAILABLE',
    `cannot ${verb} ${place}: ${status} ${message}${hint}`,
  )
}
