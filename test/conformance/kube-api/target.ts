import { randomBytes } from 'node:crypto'
import { it } from 'vitest'
import type { KubeAnswer, KubeClient } from '../../support/kube-client.ts'

/** A Kubernetes API that the sentences are held against. */
export interface KubeApiTarget {
  /** `1.35`; the demo cluster says what it follows. */
  readonly version: string
  /** An image whose `sh` runs here, without being pulled. */
  readonly image: string
  open(): Promise<OpenTarget>
}

export interface OpenTarget extends AsyncDisposable {
  readonly client: KubeClient
}

export const isAtLeast = (target: KubeApiTarget, minor: number): boolean =>
  Number(target.version.split('.')[1]) >= minor

/** A sentence that is true from a version on is said of no older one; of those it is not left out, it is not claimed. */
export const itSince =
  (target: KubeApiTarget, minor: number) =>
  (name: string, test: () => Promise<void>): void => {
    if (isAtLeast(target, minor)) it(`${name} (since 1.${minor})`, test)
  }

/** A name that nobody else uses. */
export const fresh = (prefix: string): string => `${prefix}-${randomBytes(4).toString('hex')}`

/** Asks again until an answer is as wanted; the test's own time is the limit. */
export async function eventually(
  ask: () => Promise<KubeAnswer>,
  wanted: (answer: KubeAnswer) => boolean,
): Promise<KubeAnswer> {
  for (;;) {
    const answer = await ask()
    if (wanted(answer)) return answer
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** A namespace of its own for a test; it is emptied in the background. */
export async function makeNamespace(client: KubeClient, prefix: string): Promise<string> {
  const name = fresh(prefix)
  const made = await client.post('/api/v1/namespaces', { metadata: { name } })
  if (made.status !== 201) throw new Error(made.text)
  // A pod needs it, and a controller makes it.
  await eventually(
    () => client.get(`/api/v1/namespaces/${name}/serviceaccounts/default`),
    ({ status }) => status === 200,
  )
  return name
}

export const configMap = (
  name: string,
  data: Record<string, string> = {},
  labels = {},
): object => ({
  metadata: { name, labels },
  data,
})

export const deployment = (name: string, image: string, replicas = 1): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, labels: { app: name } },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { terminationGracePeriodSeconds: 1, containers: [container('main', image)] },
    },
  },
})

export const container = (name: string, image: string): object => ({
  name,
  image,
  imagePullPolicy: 'Never',
  command: ['sh', '-c', 'while true; do sleep 1; done'],
  env: [
    { name: 'A', value: '1' },
    { name: 'B', value: '2' },
  ],
  ports: [{ containerPort: 8080 }],
})

export const pod = (name: string, image: string): object => ({
  metadata: { name, labels: { app: name } },
  spec: { terminationGracePeriodSeconds: 1, containers: [container('main', image)] },
})
