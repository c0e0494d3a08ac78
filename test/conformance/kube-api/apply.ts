import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { KubeAnswer, KubeClient } from '../../support/kube-client.ts'
import { configMap, deployment, type KubeApiTarget, makeNamespace } from './target.ts'

export function describeApply(target: KubeApiTarget, client: () => KubeClient): void {
  describe('patches', () => {
    let ns: string
    let maps: string
    let deployments: string
    beforeAll(async () => {
      ns = await makeNamespace(client(), 'patches')
      maps = `/api/v1/namespaces/${ns}/configmaps`
      deployments = `/apis/apps/v1/namespaces/${ns}/deployments`
    })
    afterAll(async () => {
      await client().delete(`/api/v1/namespaces/${ns}`)
    })

    it('as JSON patches add, replace, remove and test', async () => {
      await client().post(maps, configMap('json', { a: '1', b: '2' }))
      const { status, body } = await client().patch(`${maps}/json`, 'json', [
        { op: 'test', path: '/data/a', value: '1' },
        { op: 'replace', path: '/data/a', value: '3' },
        { op: 'remove', path: '/data/b' },
        { op: 'add', path: '/metadata/labels', value: { 'x/y': 'z' } },
      ])
      expect([status, body.data, body.metadata.labels]).toEqual([200, { a: '3' }, { 'x/y': 'z' }])
      const failed = await client().patch(`${maps}/json`, 'json', [
        { op: 'test', path: '/data/a', value: 'other' },
      ])
      expect([failed.status, failed.body.reason]).toEqual([422, 'Invalid'])
      const none = await client().patch(`${maps}/json`, 'json', [
        { op: 'remove', path: '/data/none' },
      ])
      expect(none.status).toBe(422)
    })

    it('as merge patches replace lists and remove nulls', async () => {
      await client().post(maps, configMap('merge', { a: '1', b: '2' }, { x: 'y' }))
      const { body } = await client().patch(`${maps}/merge`, 'merge', {
        data: { a: null, c: '3' },
        metadata: { labels: null },
      })
      expect([body.data, body.metadata.labels]).toEqual([{ b: '2', c: '3' }, undefined])
    })

    it('as strategic merge patches know which items are the same', async () => {
      await client().post(deployments, deployment('strategic', target.image, 0))
      const template = (containers: object[]): object => ({
        spec: { template: { spec: { containers } } },
      })
      const path = `${deployments}/strategic`
      const added = await client().patch(
        path,
        'strategic',
        template([
          {
            name: 'main',
            env: [
              { name: 'B', value: '20' },
              { name: 'C', value: '3' },
            ],
          },
        ]),
      )
      const env = ({ body }: KubeAnswer): object =>
        body.spec.template.spec.containers[0].env as object
      expect(env(added)).toEqual(
        expect.arrayContaining([
          { name: 'A', value: '1' },
          { name: 'B', value: '20' },
          { name: 'C', value: '3' },
        ]),
      )
      const removed = await client().patch(
        path,
        'strategic',
        template([{ name: 'main', env: [{ $patch: 'delete', name: 'A' }] }]),
      )
      expect(env(removed)).not.toContainEqual({ name: 'A', value: '1' })
      const replaced = await client().patch(
        path,
        'strategic',
        template([{ name: 'main', env: [{ $patch: 'replace' }, { name: 'D', value: '4' }] }]),
      )
      expect(env(replaced)).toEqual([{ name: 'D', value: '4' }])
      const second = await client().patch(path, 'strategic', {
        spec: {
          template: {
            spec: {
              '$setElementOrder/containers': [{ name: 'side' }, { name: 'main' }],
              containers: [{ name: 'side', image: target.image }],
            },
          },
        },
      })
      expect(
        second.body.spec.template.spec.containers.map(({ name }: { name: string }) => name),
      ).toEqual(['side', 'main'])
      const recreate = await client().patch(path, 'strategic', {
        spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } },
      })
      expect(recreate.body.spec.strategy).toEqual({ type: 'Recreate' })
    })

    it('count up the generation when the spec changes, and only then', async () => {
      await client().post(deployments, deployment('generation', target.image, 0))
      const path = `${deployments}/generation`
      const label = await client().patch(path, 'merge', { metadata: { labels: { a: 'b' } } })
      const spec = await client().patch(path, 'merge', { spec: { minReadySeconds: 1 } })
      expect([label.body.metadata.generation, spec.body.metadata.generation]).toEqual([1, 2])
    })
  })

  describe('server-side apply', () => {
    let ns: string
    let maps: string
    beforeAll(async () => {
      ns = await makeNamespace(client(), 'apply')
      maps = `/api/v1/namespaces/${ns}/configmaps`
    })
    afterAll(async () => {
      await client().delete(`/api/v1/namespaces/${ns}`)
    })
    const apply = (
      name: string,
      manager: string,
      data: Record<string, string>,
      force = false,
    ): Promise<KubeAnswer> =>
      client().patch(
        `${maps}/${name}?fieldManager=${manager}${force ? '&force=true' : ''}`,
        'apply',
        {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name },
          data,
        },
      )

    it('makes what is not there, and notes who owns it', async () => {
      const { status, body } = await apply('new', 'one', { a: '1' })
      expect(status).toBe(201)
      expect(body.metadata.managedFields).toMatchObject([
        {
          manager: 'one',
          operation: 'Apply',
          apiVersion: 'v1',
          fieldsType: 'FieldsV1',
          fieldsV1: { 'f:data': { 'f:a': {} } },
        },
      ])
      const again = await apply('new', 'one', { a: '1' })
      expect([again.status, again.body.metadata.resourceVersion]).toEqual([
        200,
        body.metadata.resourceVersion,
      ])
    })

    it('takes away what its manager leaves out, and leaves what others own', async () => {
      await apply('shared', 'one', { a: '1', b: '1' })
      await apply('shared', 'two', { b: '1', c: '2' })
      expect((await apply('shared', 'one', { a: '1' })).body.data).toEqual({
        a: '1',
        b: '1',
        c: '2',
      })
      expect((await apply('shared', 'two', { c: '2' })).body.data).toEqual({ a: '1', c: '2' })
    })

    it('refuses to take a field from another manager, unless it is forced', async () => {
      await apply('contested', 'one', { a: '1' })
      const { status, body } = await apply('contested', 'two', { a: '2' })
      expect([status, body.reason]).toEqual([409, 'Conflict'])
      expect(body.message).toBe('Apply failed with 1 conflict: conflict with "one": .data.a')
      expect(body.details.causes).toEqual([
        { reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.data.a' },
      ])
      const forced = await apply('contested', 'two', { a: '2' }, true)
      expect([forced.status, forced.body.data]).toEqual([200, { a: '2' }])
      expect(forced.body.metadata.managedFields).toHaveLength(1)
    })

    it('sees changes of others as theirs', async () => {
      await apply('changed', 'one', { a: '1' })
      await client().patch(`${maps}/changed?fieldManager=hand`, 'merge', { data: { a: '2' } })
      const { status, body } = await apply('changed', 'one', { a: '1' })
      expect(status).toBe(409)
      expect(body.message).toMatch(
        /^Apply failed with 1 conflict: conflict with "hand" using v1(?: at \S+)?: \.data\.a$/,
      )
    })

    it('needs the name of a manager', async () => {
      const { status } = await client().patch(`${maps}/x`, 'apply', {
        apiVersion: 'v1',
        kind: 'ConfigMap',
      })
      expect(status).toBe(422)
    })

    it('owns items of lists by their keys', async () => {
      const path = `/apis/apps/v1/namespaces/${ns}/deployments/listed?fieldManager=one`
      const { body } = await client().patch(path, 'apply', deployment('listed', target.image, 0))
      const [{ fieldsV1 }] = body.metadata.managedFields
      const containers = fieldsV1['f:spec']['f:template']['f:spec']['f:containers']
      expect(Object.keys(containers)).toEqual(['k:{"name":"main"}'])
      expect(containers['k:{"name":"main"}']['f:ports']).toHaveProperty([
        'k:{"containerPort":8080,"protocol":"TCP"}',
      ])
    })
  })
}
