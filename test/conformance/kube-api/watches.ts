import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { KubeClient } from '../../support/kube-client.ts'
import { configMap, isAtLeast, itSince, type KubeApiTarget, makeNamespace } from './target.ts'

export function describeWatches(target: KubeApiTarget, client: () => KubeClient): void {
  describe('watches', () => {
    let ns: string
    let maps: string
    beforeAll(async () => {
      ns = await makeNamespace(client(), 'watches')
      maps = `/api/v1/namespaces/${ns}/configmaps`
    })
    afterAll(async () => {
      await client().delete(`/api/v1/namespaces/${ns}`)
    })
    const revision = async (): Promise<string> =>
      String((await client().get(maps)).body.metadata.resourceVersion)

    it('tell what happens after a revision, in order', async () => {
      using watch = client().watch(`${maps}?watch=true&resourceVersion=${await revision()}`)
      await client().post(maps, configMap('seen', { a: '1' }))
      await client().patch(`${maps}/seen`, 'merge', { data: { a: '2' } })
      await client().delete(`${maps}/seen`)
      await watch.until(({ type }) => type === 'DELETED')
      expect(
        watch.events.map(({ type, object }): unknown[] => [type, object.kind, object.data?.a]),
      ).toEqual([
        ['ADDED', 'ConfigMap', '1'],
        ['MODIFIED', 'ConfigMap', '2'],
        ['DELETED', 'ConfigMap', '2'],
      ])
      const revisions = watch.events.map(({ object }) => Number(object.metadata.resourceVersion))
      expect(revisions).toEqual([...revisions].sort((a, b) => a - b))
      expect(new Set(revisions).size).toBe(3)
    })

    it('repeat what was missed', async () => {
      const from = await revision()
      await client().post(maps, configMap('missed'))
      using watch = client().watch(`${maps}?watch=true&resourceVersion=${from}`)
      const { type } = await watch.until(({ object }) => object.metadata.name === 'missed')
      expect(type).toBe('ADDED')
    })

    it('begin with what is there when no revision is given', async () => {
      await client().post(maps, configMap('there'))
      using watch = client().watch(`${maps}?watch=true&fieldSelector=metadata.name%3Dthere`)
      expect((await watch.until(() => true)).type).toBe('ADDED')
    })

    it('see what enters and leaves their selection as added and deleted', async () => {
      using watch = client().watch(
        `${maps}?watch=true&labelSelector=in%3Dyes&resourceVersion=${await revision()}`,
      )
      await client().post(maps, configMap('moving'))
      await client().patch(`${maps}/moving`, 'merge', { metadata: { labels: { in: 'yes' } } })
      await client().patch(`${maps}/moving`, 'merge', { metadata: { labels: { in: 'no' } } })
      await watch.until(({ type }) => type === 'DELETED')
      expect(watch.events.map(({ type }) => type)).toEqual(['ADDED', 'DELETED'])
    })

    // An old etcd keeps it for five minutes, whatever happened since.
    itSince(target, 27)('of a revision that is long ago are told that it is gone', async () => {
      using watch = client().watch('/api/v1/namespaces?watch=true&resourceVersion=1')
      const { type, object } = await watch.until(() => true)
      expect(type).toBe('ERROR')
      expect(object).toMatchObject({ kind: 'Status', reason: 'Expired', code: 410 })
      await watch.ended
    })

    it('end when they were asked to', async () => {
      using watch = client().watch(
        `${maps}?watch=true&timeoutSeconds=1&resourceVersion=${await revision()}`,
      )
      await watch.ended
      expect(watch.events).toEqual([])
    })

    it('give tables to those who print', async () => {
      using watch = client().watch(`${maps}?watch=true&resourceVersion=${await revision()}`, {
        headers: { Accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
      })
      await client().post(maps, configMap('printed', { a: '1' }))
      await client().patch(`${maps}/printed`, 'merge', { data: { b: '2' } })
      await watch.until(({ type }) => type === 'MODIFIED')
      const [added, modified] = watch.events
      expect(added?.object.kind).toBe('Table')
      expect(added?.object.rows[0].cells.slice(0, 2)).toEqual(['printed', 1])
      expect(added?.object.columnDefinitions).toHaveLength(3)
      // Columns are said once.
      expect(modified?.object.columnDefinitions ?? null).toBeNull()
    })

    it('have rules about sendInitialEvents', async () => {
      const { status, body } = await client().get(
        `${maps}?watch=true&sendInitialEvents=true&timeoutSeconds=1`,
      )
      if (isAtLeast(target, 27)) {
        expect([status, body.reason]).toEqual([422, 'Invalid'])
        expect(body.details.causes[0].field).toBe('resourceVersionMatch')
      } else expect(status).toBe(200)
    })
  })
}
