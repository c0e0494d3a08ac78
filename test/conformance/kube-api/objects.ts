import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { KubeClient } from '../../support/kube-client.ts'
import { configMap, isAtLeast, itSince, type KubeApiTarget, makeNamespace, pod } from './target.ts'

export function describeObjects(target: KubeApiTarget, client: () => KubeClient): void {
  describe('objects', () => {
    let ns: string
    let maps: string
    beforeAll(async () => {
      ns = await makeNamespace(client(), 'objects')
      maps = `/api/v1/namespaces/${ns}/configmaps`
    })
    afterAll(async () => {
      await client().delete(`/api/v1/namespaces/${ns}`)
    })

    it('are created with what only a server knows', async () => {
      const { status, body } = await client().post(maps, configMap('made', { a: '1' }))
      expect(status).toBe(201)
      expect(body).toMatchObject({ kind: 'ConfigMap', apiVersion: 'v1', data: { a: '1' } })
      expect(body.metadata).toMatchObject({ name: 'made', namespace: ns })
      expect(body.metadata.uid).toMatch(/^[0-9a-f-]{36}$/)
      expect(body.metadata.resourceVersion).toMatch(/^\d+$/)
      expect(body.metadata.creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
      expect((await client().get(`${maps}/made`)).body).toEqual(body)
    })

    it('get a name where only its beginning is given', async () => {
      const { body } = await client().post(maps, { metadata: { generateName: 'some-' } })
      expect(body.metadata.name).toMatch(/^some-[a-z0-9]{5}$/)
    })

    it('are not kept by a dry run', async () => {
      const { status, body } = await client().post(`${maps}?dryRun=All`, configMap('dry'))
      expect([status, body.metadata.name]).toEqual([201, 'dry'])
      expect((await client().get(`${maps}/dry`)).status).toBe(404)
    })

    it('are refused when they are there', async () => {
      await client().post(maps, configMap('twice'))
      const { status, body } = await client().post(maps, configMap('twice'))
      expect([status, body.reason]).toEqual([409, 'AlreadyExists'])
      expect(body.message).toBe('configmaps "twice" already exists')
    })

    it('that are not there are said not to be', async () => {
      for (const answer of [
        await client().get(`${maps}/none`),
        await client().delete(`${maps}/none`),
      ]) {
        expect(answer).toMatchObject({
          status: 404,
          body: {
            kind: 'Status',
            status: 'Failure',
            reason: 'NotFound',
            message: 'configmaps "none" not found',
            details: { name: 'none', kind: 'configmaps' },
            code: 404,
          },
        })
      }
      const apps = await client().get(`/apis/apps/v1/namespaces/${ns}/deployments/none`)
      expect(apps.body.message).toBe('deployments.apps "none" not found')
      expect(apps.body.details).toEqual({ name: 'none', group: 'apps', kind: 'deployments' })
    })

    it('need a namespace that is there', async () => {
      const { status, body } = await client().post(
        '/api/v1/namespaces/no-such-namespace/configmaps',
        configMap('x'),
      )
      expect([status, body.message]).toEqual([404, 'namespaces "no-such-namespace" not found'])
    })

    it.each([
      ['Upper', 'metadata.name'],
      ['under_score', 'metadata.name'],
      ['-x', 'metadata.name'],
    ])('cannot be called %j', async (name, field) => {
      const { status, body } = await client().post(maps, configMap(name))
      expect([status, body.reason]).toEqual([422, 'Invalid'])
      expect(body.message).toContain(
        `ConfigMap "${name}" is invalid: ${field}: Invalid value: "${name}": a lowercase RFC 1123 subdomain`,
      )
      expect(body.details.causes[0]).toMatchObject({ reason: 'FieldValueInvalid', field })
    })

    it('cannot have labels that are none', async () => {
      const { status, body } = await client().post(maps, configMap('x', {}, { a: 'not ok' }))
      expect([status, body.reason]).toEqual([422, 'Invalid'])
      expect(body.details.causes[0]).toMatchObject({ field: 'metadata.labels' })
    })

    it('of another kind than the path are refused', async () => {
      const { status, body } = await client().post(maps, {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'x' },
      })
      expect([status, body.reason]).toEqual([400, 'BadRequest'])
    })

    it('for another namespace than the path are refused', async () => {
      const { status, body } = await client().post(maps, {
        metadata: { name: 'x', namespace: 'other' },
      })
      expect([status, body.reason]).toEqual([400, 'BadRequest'])
      expect(body.message).toContain('does not match the namespace')
    })

    it('with a value of the wrong type are refused', async () => {
      const { status, body } = await client().post(maps, {
        metadata: { name: 'x' },
        data: { a: 1 },
      })
      expect([status, body.reason]).toEqual([400, 'BadRequest'])
      if (isAtLeast(target, 27)) {
        expect(body.message).toContain(
          'cannot unmarshal number into Go struct field ConfigMap.data of type string',
        )
      }
    })

    it.each([
      ['no JSON', '{'],
      ['a list', '[]'],
    ])('that are %s are refused', async (_what, text) => {
      const { status, body } = await client().post(maps, text)
      expect([status, body.reason]).toEqual([400, 'BadRequest'])
    })

    itSince(target, 27)('with unknown fields are judged as the client wishes', async () => {
      const object = { ...configMap('strict'), bogus: 1 }
      const strict = await client().post(`${maps}?fieldValidation=Strict`, object)
      expect([strict.status, strict.body.reason]).toEqual([400, 'BadRequest'])
      expect(strict.body.message).toContain('strict decoding error: unknown field "bogus"')
      const warned = await client().post(`${maps}?fieldValidation=Warn`, object)
      expect(warned.status).toBe(201)
      expect(warned.headers['warning']).toContain('unknown field \\"bogus\\"')
      expect(warned.body.bogus).toBeUndefined()
    })

    it('are written over only by who has seen the last state', async () => {
      const { body: first } = await client().post(maps, configMap('raced', { a: '1' }))
      const next = await client().ask('PUT', `${maps}/raced`, {
        body: { ...first, data: { a: '2' } },
      })
      expect(next.status).toBe(200)
      expect(Number(next.body.metadata.resourceVersion)).toBeGreaterThan(
        Number(first.metadata.resourceVersion),
      )
      const late = await client().ask('PUT', `${maps}/raced`, {
        body: { ...first, data: { a: '3' } },
      })
      expect([late.status, late.body.reason]).toEqual([409, 'Conflict'])
      expect(late.body.message).toBe(
        'Operation cannot be fulfilled on configmaps "raced": the object has been modified; please apply your changes to the latest version and try again',
      )
    })

    it('are not renamed by an update', async () => {
      await client().post(maps, configMap('fixed'))
      const { status, body } = await client().ask('PUT', `${maps}/fixed`, {
        body: configMap('other'),
      })
      expect([status, body.message]).toEqual([
        400,
        'the name of the object (other) does not match the name on the URL (fixed)',
      ])
    })

    it('keep their revision when nothing changes', async () => {
      const { body: first } = await client().post(maps, configMap('still', { a: '1' }))
      const again = await client().ask('PUT', `${maps}/still`, { body: first })
      expect(again.body.metadata.resourceVersion).toBe(first.metadata.resourceVersion)
    })

    it('are listed in pages, and by label and name', async () => {
      for (const name of ['page-a', 'page-b', 'page-c']) {
        await client().post(maps, configMap(name, {}, { paged: 'yes', n: name }))
      }
      const query = 'labelSelector=paged%3Dyes'
      const first = (await client().get(`${maps}?${query}&limit=2`)).body
      expect(first.kind).toBe('ConfigMapList')
      expect(first.items.map((item: { metadata: { name: string } }) => item.metadata.name)).toEqual(
        ['page-a', 'page-b'],
      )
      expect(first.items[0].kind).toBeUndefined()
      const rest = (
        await client().get(
          `${maps}?${query}&limit=2&continue=${encodeURIComponent(first.metadata.continue)}`,
        )
      ).body
      expect(rest.items.map((item: { metadata: { name: string } }) => item.metadata.name)).toEqual([
        'page-c',
      ])
      expect(rest.metadata.continue).toBeUndefined()
      expect(rest.metadata.resourceVersion).toBe(first.metadata.resourceVersion)
      for (const [selector, count] of [
        ['labelSelector=paged,n%20notin%20(page-a)', 2],
        ['labelSelector=n%20in%20(page-a,page-b)', 2],
        ['labelSelector=paged,n!%3Dpage-a', 2],
        ['labelSelector=paged,!n', 0],
        ['fieldSelector=metadata.name%3Dpage-b', 1],
      ] as const) {
        expect((await client().get(`${maps}?${selector}`)).body.items, selector).toHaveLength(count)
      }
      const whole = (await client().get(`${maps}?limit=1`)).body
      expect(whole.metadata.remainingItemCount).toBeGreaterThan(1)
    })

    it.each([
      ['labelSelector=a%3D%3D%3Db', 400, 'BadRequest'],
      ['fieldSelector=foo%3Dbar', 400, 'BadRequest'],
      ['continue=nonsense', 400, 'BadRequest'],
      ['resourceVersion=1&resourceVersionMatch=Exact', 410, 'Expired'],
    ])('cannot be listed with %s', async (query, status, reason) => {
      const answer = await client().get(`${maps}?${query}`)
      expect([answer.status, answer.body.reason]).toEqual([status, reason])
    })

    itSince(target, 27)('of a revision that is no number are refused', async () => {
      const { status, body } = await client().get(`${maps}?resourceVersion=abc`)
      expect([status, body.reason]).toEqual([400, 'BadRequest'])
    })

    it('of a revision that has not come are a timeout', async () => {
      const { status, body } = await client().get('/api/v1/namespaces?resourceVersion=99999999999')
      expect([status, body.reason]).toEqual([504, 'Timeout'])
      expect(body.details.causes[0].reason).toBe('ResourceVersionTooLarge')
    })

    it('are deleted with a Status that names them, and not when they are other ones', async () => {
      const { body: made } = await client().post(maps, configMap('gone'))
      const other = await client().delete(`${maps}/gone`, {
        body: { preconditions: { uid: '00000000-0000-0000-0000-000000000000' } },
      })
      expect([other.status, other.body.reason]).toEqual([409, 'Conflict'])
      const { status, body } = await client().delete(`${maps}/gone`)
      expect(status).toBe(200)
      expect(body).toMatchObject({
        kind: 'Status',
        status: 'Success',
        details: { name: 'gone', kind: 'configmaps', uid: made.metadata.uid },
      })
    })

    it('with a finalizer wait for it', async () => {
      const object = { metadata: { name: 'held', finalizers: ['example.com/held'] } }
      await client().post(maps, object)
      await client().delete(`${maps}/held`)
      const { body } = await client().get(`${maps}/held`)
      expect(body.metadata.deletionTimestamp).toBeDefined()
      await client().patch(`${maps}/held`, 'merge', { metadata: { finalizers: null } })
      expect((await client().get(`${maps}/held`)).status).toBe(404)
    })

    it('are deleted together by label', async () => {
      for (const name of ['many-a', 'many-b'])
        await client().post(maps, configMap(name, {}, { many: '1' }))
      expect((await client().delete(`${maps}?labelSelector=many`)).status).toBe(200)
      expect((await client().get(`${maps}?labelSelector=many`)).body.items).toEqual([])
    })

    it('are given as metadata alone, and in no form that is unknown', async () => {
      await client().post(maps, configMap('partial', { a: '1' }))
      const Accept = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1'
      const { body } = await client().get(`${maps}/partial`, { headers: { Accept } })
      expect(body).toMatchObject({ kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1' })
      expect(body.data).toBeUndefined()
      const odd = await client().get(`${maps}/partial`, { headers: { Accept: 'text/html' } })
      expect(odd.status).toBe(406)
    })

    it('are not posted to a name, nor patched in an unknown way', async () => {
      expect((await client().post(`${maps}/x`, configMap('x'))).status).toBe(405)
      const odd = await client().ask('PATCH', `${maps}/x`, {
        body: {},
        headers: { 'Content-Type': 'application/json' },
      })
      expect(odd.status).toBe(415)
    })

    it('that are secrets take text and keep bytes', async () => {
      const { body } = await client().post(`/api/v1/namespaces/${ns}/secrets`, {
        metadata: { name: 'words' },
        stringData: { a: 'ä' },
      })
      expect(body).toMatchObject({ type: 'Opaque', data: { a: 'w6Q=' } })
      expect(body.stringData).toBeUndefined()
    })

    it('that say they are immutable are', async () => {
      await client().post(maps, { ...configMap('frozen', { a: '1' }), immutable: true })
      const { status, body } = await client().patch(`${maps}/frozen`, 'merge', { data: { a: '2' } })
      expect([status, body.reason]).toEqual([422, 'Invalid'])
      expect(body.message).toContain('field is immutable when `immutable` is set')
    })

    it('that are services get an address', async () => {
      const { body } = await client().post(`/api/v1/namespaces/${ns}/services`, {
        metadata: { name: 'web' },
        spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
      })
      expect(body.spec).toMatchObject({
        type: 'ClusterIP',
        sessionAffinity: 'None',
        ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
      })
      expect(body.spec.clusterIP).toMatch(/^\d+\.\d+\.\d+\.\d+$/)
      const { status } = await client().post(`/api/v1/namespaces/${ns}/services`, {
        metadata: { name: 'none' },
        spec: {},
      })
      expect(status).toBe(422)
    })

    it('that are pods keep what they were made of', async () => {
      const pods = `/api/v1/namespaces/${ns}/pods`
      await client().post(pods, pod('kept', target.image))
      const { status, body } = await client().patch(`${pods}/kept`, 'strategic', {
        spec: { containers: [{ name: 'main', command: ['other'] }] },
      })
      expect([status, body.reason]).toEqual([422, 'Invalid'])
      expect(body.message).toContain(
        'spec: Forbidden: pod updates may not change fields other than',
      )
      await client().delete(`${pods}/kept?gracePeriodSeconds=0`)
    })
  })

  describe('namespaces', () => {
    it('come with an account and the certificate, and take everything with them', async () => {
      const ns = await makeNamespace(client(), 'ends')
      const path = `/api/v1/namespaces/${ns}`
      expect((await client().get(path)).body).toMatchObject({
        spec: { finalizers: ['kubernetes'] },
        status: { phase: 'Active' },
      })
      await client().post(`${path}/configmaps`, configMap('inside'))
      expect((await client().delete(path)).status).toBe(200)
      for (;;) {
        const { status, body } = await client().get(path)
        if (status === 404) break
        expect(body.status.phase).toBe('Terminating')
        const late = await client().post(`${path}/configmaps`, configMap('late'))
        expect([403, 404]).toContain(late.status)
        if (late.status === 403)
          expect(late.body.message).toContain('because it is being terminated')
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      expect((await client().get(`${path}/configmaps/inside`)).status).toBe(404)
    })
  })
}
