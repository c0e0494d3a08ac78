import { describe, expect, it } from 'vitest'
import { resourceTypes } from '../../../src/demo/resources/all.ts'
import { groupVersion, type ResourceType } from '../../../src/demo/resources/types.ts'
import type { KubeClient } from '../../support/kube-client.ts'
import { isAtLeast, itSince, type KubeApiTarget } from './target.ts'

const AGGREGATED =
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json'
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json'

const prefixOf = (type: ResourceType): string =>
  type.group === '' ? '/api/v1' : `/apis/${groupVersion(type)}`

export function describeDiscovery(target: KubeApiTarget, client: () => KubeClient): void {
  // Added in 1.28.
  const types = resourceTypes.filter(
    ({ resource }) => resource !== 'selfsubjectreviews' || isAtLeast(target, 28),
  )

  describe('discovery', () => {
    it('names its version', async () => {
      const { body } = await client().get('/version')
      expect(body.gitVersion).toMatch(/^v1\.\d+\.\d+/)
      expect(`${body.major}.${body.minor}`).toBe(target.version)
    })

    it.each(['/healthz', '/livez', '/readyz'])('%s says ok', async (path) => {
      expect(await client().get(path)).toMatchObject({ status: 200, text: 'ok' })
    })

    it('lists groups with their preferred version', async () => {
      expect((await client().get('/api')).body).toMatchObject({
        kind: 'APIVersions',
        versions: ['v1'],
      })
      const { body } = await client().get('/apis')
      expect(body.kind).toBe('APIGroupList')
      for (const group of new Set(types.map((type) => type.group))) {
        if (group === '') continue
        const found = body.groups.find((entry: { name: string }) => entry.name === group)
        expect(found.preferredVersion).toEqual({ groupVersion: `${group}/v1`, version: 'v1' })
        expect((await client().get(`/apis/${group}`)).body).toMatchObject({
          kind: 'APIGroup',
          name: group,
        })
      }
    })

    it.each(types.map((type) => [`${type.resource}.${type.group}`, type] as const))(
      'describes %s',
      async (_name, type) => {
        const { body } = await client().get(prefixOf(type))
        expect(body).toMatchObject({ kind: 'APIResourceList', groupVersion: groupVersion(type) })
        const entry = (name: string): Record<string, unknown> =>
          body.resources.find((resource: { name: string }) => resource.name === name) as Record<
            string,
            unknown
          >
        const found = entry(type.resource)
        expect(found).toMatchObject({
          kind: type.kind,
          namespaced: type.namespaced,
          ...(type.shortNames.length === 0 ? {} : { shortNames: type.shortNames }),
          ...(type.categories.length === 0 ? {} : { categories: type.categories }),
        })
        // Services are deleted one by one before 1.23.
        const verbs = type.verbs.filter(
          (verb) =>
            verb !== 'deletecollection' || type.resource !== 'services' || isAtLeast(target, 23),
        )
        // Of a kind that the demo only shows, a real cluster does more.
        const served = [...(found['verbs'] as string[])].sort()
        if (verbs.includes('create')) expect(served).toEqual([...verbs].sort())
        else expect(served).toEqual(expect.arrayContaining([...verbs]))
        for (const sub of type.subresources) {
          const below = entry(`${type.resource}/${sub.name}`)
          expect(below).toMatchObject({ kind: sub.kind, namespaced: type.namespaced })
          expect([...(below['verbs'] as string[])].sort()).toEqual([...sub.verbs].sort())
        }
      },
    )

    itSince(target, 30)('gives everything in one answer', async () => {
      const { headers, body } = await client().get('/apis', { headers: { Accept: AGGREGATED } })
      expect(headers['content-type']).toContain('as=APIGroupDiscoveryList')
      expect(body).toMatchObject({
        kind: 'APIGroupDiscoveryList',
        apiVersion: 'apidiscovery.k8s.io/v2',
      })
      const apps = body.items.find(
        (item: { metadata: { name: string } }) => item.metadata.name === 'apps',
      )
      const deployments = apps.versions[0].resources.find(
        (resource: { resource: string }) => resource.resource === 'deployments',
      )
      expect(deployments).toMatchObject({
        responseKind: { kind: 'Deployment' },
        scope: 'Namespaced',
        singularResource: 'deployment',
        shortNames: ['deploy'],
      })
      expect(apps.versions[0].freshness).toBe('Current')
    })

    it('answers old clients in the old form, whatever else they would take', async () => {
      const { body } = await client().get('/apis', { headers: { Accept: '*/*' } })
      expect(body.kind).toBe('APIGroupList')
    })

    it.each(
      types
        .filter(({ verbs }) => verbs.includes('list'))
        .map((type) => [`${type.resource}.${type.group}`, type] as const),
    )('prints %s in these columns', async (_name, type) => {
      const { status, body } = await client().get(`${prefixOf(type)}/${type.resource}?limit=1`, {
        headers: { Accept: TABLE },
      })
      expect({ status, kind: body.kind }).toEqual({ status: 200, kind: 'Table' })
      const served = body.columnDefinitions.filter(
        // Accounts had one of their own before 1.24.
        ({ name }: { name: string }) => type.kind !== 'ServiceAccount' || name !== 'Secrets',
      )
      const columns = served.map(
        (column: { name: string; type: string; priority: number; format: string }) =>
          `${column.name}:${typeOf(column)}:${column.priority}:${column.format}`,
      )
      expect(columns).toEqual(
        type.columns.map(
          (column) =>
            `${column.name}:${column.type}:${column.wide === true ? 1 : 0}:${column.name === 'Name' ? 'name' : ''}`,
        ),
      )
    })

    it('describes its kinds and merge keys in OpenAPI', async () => {
      const { body } = await client().get('/openapi/v2')
      const definitions = Object.values<Record<string, object[]>>(body.definitions)
      const kinds = definitions.flatMap(
        (definition) => definition['x-kubernetes-group-version-kind'] ?? [],
      )
      for (const type of types) {
        expect(kinds).toContainEqual({ group: type.group, kind: type.kind, version: type.version })
      }
      const patch = body.paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}'].patch
      expect(patch['x-kubernetes-group-version-kind']).toEqual({
        group: 'apps',
        kind: 'Deployment',
        version: 'v1',
      })
    })

    itSince(target, 27)('has an OpenAPI 3 document for each group', async () => {
      const { body } = await client().get('/openapi/v3')
      const path = body.paths['apis/apps/v1'].serverRelativeURL
      const document = (await client().get(path)).body
      const schemas = Object.values<Record<string, object[]>>(document.components.schemas)
      expect(
        schemas.some((schema) =>
          JSON.stringify(schema['x-kubernetes-group-version-kind'])?.includes('Deployment'),
        ),
      ).toBe(true)
    })

    it.each([
      ['/api/v1/nosuchthings', 404],
      ['/apis/apps/v1/nosuchthings', 404],
      ['/apis/apps/v7', 404],
      ['/openapi/v3/apis/nosuch.example/v1', 404],
    ])('%s is %i', async (path, status) => {
      expect((await client().get(path)).status).toBe(status)
    })
  })
}

/** Restarts were a number before they had a time beside them (1.22). */
const typeOf = ({ name, type }: { name: string; type: string }): string =>
  name === 'Restarts' ? 'string' : type
