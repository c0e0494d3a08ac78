import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { shapes } from '../../src/demo/schema/shapes.ts'
import type { Schema } from '../../src/demo/schema/types.ts'
import { describeKubeApi } from '../conformance/kube-api/describe-kube-api.ts'
import { KubeClient } from '../support/kube-client.ts'
import { CLUSTER_VERSIONS, clusters } from './support/environment.ts'

/** What the demo cluster claims, asserted of real clusters: an old one and a new one. */
for (const version of CLUSTER_VERSIONS) {
  const cluster = clusters.find((candidate) => candidate.version === version)
  if (cluster === undefined) {
    describe(`kube api of Kubernetes ${version}`, () => {
      it.skip(`no such cluster here`, () => expect.unreachable())
    })
    continue
  }
  describeKubeApi(`of Kubernetes ${version}`, {
    version,
    image: 'docker.io/local/busybox:1',
    async open() {
      const client = await KubeClient.open(await readFile(cluster.kubeconfig, 'utf8'))
      return {
        client,
        async [Symbol.asyncDispose]() {
          client[Symbol.dispose]()
        },
      }
    },
  })
}

type Property = Readonly<Record<string, unknown>>

/** What a field is, in a word or two, as OpenAPI has it and as our shapes have it. */
function wordsOfProperty(property: Property): string {
  const list = property['x-kubernetes-list-type'] ?? 'atomic'
  const keys = (property['x-kubernetes-list-map-keys'] ?? []) as string[]
  if (property['type'] !== 'array') return 'one'
  return `list ${list === 'map' ? keys.join('+') : String(list)}, merged by ${String(property['x-kubernetes-patch-merge-key'] ?? 'nothing')}`
}

function wordsOfSchema(schema: Schema): string {
  if (schema.type !== 'list') return 'one'
  const { identity, mergeKey } = schema
  return `list ${typeof identity === 'string' ? identity : identity.join('+')}, merged by ${mergeKey ?? 'nothing'}`
}

describe('the shapes of the demo cluster', () => {
  const newest = clusters.find(({ version }) => version === CLUSTER_VERSIONS.at(-1))
  it.skipIf(newest === undefined)('are those of a real cluster, field by field', async () => {
    using client = await KubeClient.open(await readFile(newest?.kubeconfig ?? '', 'utf8'))
    const { body } = await client.get('/openapi/v2')
    const definitions = body.definitions as Record<
      string,
      { properties?: Record<string, Property> }
    >
    const problems: string[] = []
    for (const shape of shapes.values()) {
      const [, event] = /^Events(Event\w*)$/.exec(shape.name) ?? []
      const wanted = event === undefined ? `.v1.${shape.name}` : `events.v1.${event}`
      const found = Object.keys(definitions).filter(
        (name) =>
          name.endsWith(wanted) &&
          // The core group's, where younger groups have one of the same name.
          !(event === undefined && /^io\.k8s\.api\.events\./.test(name)),
      )
      const properties = found.map((name) => definitions[name]?.properties ?? {})
      for (const [field, { schema }] of shape.fields) {
        const fits = properties.some((all) => {
          const property = all[field]
          // What we take as it is has no words.
          const deep = schema.type === 'list' && schema.items.type === 'any'
          return (
            property !== undefined && (deep || wordsOfProperty(property) === wordsOfSchema(schema))
          )
        })
        if (!fits) problems.push(`${shape.name}.${field}: ${wordsOfSchema(schema)}`)
      }
    }
    expect(problems).toEqual([])
  })
})
