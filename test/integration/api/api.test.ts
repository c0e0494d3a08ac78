import { randomUUID } from 'node:crypto'
import { Agent, get } from 'node:https'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ApiClient, type ApiConnection } from '../../../src/client/index.ts'
import {
  type Endpoint,
  type EndpointName,
  endpoints,
  type UserResource,
} from '../../../src/contract/index.ts'
import { SinkError } from '../../../src/sinks/index.ts'
import { generateKeyPair, publicKeyToPem } from '../../../src/x509/index.ts'
import { CLUSTER, call, TestApi } from './support/test-api.ts'

const names = Object.keys(endpoints) as EndpointName[]
const openTo = (whom: Endpoint['open']): EndpointName[] =>
  names.filter((name) => (endpoints[name] as Endpoint).open === whom)
const ruled = openTo(undefined)
const rule = (resources: string[], verbs: string[]): { resources: string[]; verbs: string[] } => ({
  resources,
  verbs,
})

describe('management API', () => {
  let api: TestApi
  beforeEach(async () => {
    api = await TestApi.start()
  })
  afterEach(() => api[Symbol.asyncDispose]())

  it('has endpoints to test', () => {
    expect(names.length).toBeGreaterThan(15)
  })

  it('opens on purpose only what comes before a certificate, and what is about oneself', () => {
    expect(openTo('anyone')).toEqual([
      'login.describe',
      'login.create',
      'invites.describe',
      'invites.accept',
      'join.create',
      // By the secret of a link that somebody with a certificate made.
      'recording_views.open',
      'recording_views.describe',
      'recording_views.chunk',
    ])
    expect(openTo('self')).toEqual(['self.read', 'recordings.link'])
    expect(openTo('people')).toEqual([
      'recordings.list',
      'recordings.get',
      'recordings.chunk',
      'recordings.remove',
      'sessions.list',
      'sessions.remove',
    ])
    for (const name of openTo('member')) {
      const { members = [] }: Endpoint = endpoints[name]
      expect(members.length, name).toBeGreaterThan(0)
    }
    for (const name of ruled) expect(endpoints[name].rules.length, name).toBeGreaterThan(0)
  })

  it.each(ruled.flatMap((name) => endpoints[name].rules.map((wanted) => ({ name, ...wanted }))))(
    '$name without its rule $resource: $verb is 403 and audited',
    async (wanted) => {
      const { name, resource, verb } = wanted
      const endpoint: Endpoint = endpoints[name]
      // Every right but the one.
      const others = names
        .flatMap((other): readonly { resource: string; verb: string }[] => endpoints[other].rules)
        .filter((each) => each.resource !== resource || each.verb !== verb)
        .map((each) => rule([each.resource], [each.verb]))
      await api.stores.roles.upsert({
        kind: 'role',
        version: 'v7',
        metadata: { name: 'all-but-one' },
        spec: { allow: { rules: others } },
      })
      await expect.poll(() => api.access.current().roles.has('all-but-one')).toBe(true)
      const connection = await api.as('eve', ['all-but-one'])
      const answer = await call(connection, endpoint, endpoint.body === null ? undefined : {})
      expect(answer.status).toBe(403)
      expect(answer.body).toMatchObject({ error: { code: 'ACCESS_DENIED' } })
      expect(api.events.at(-1)).toMatchObject({
        event: 'auth',
        code: 'T3007W',
        user: 'eve',
        error_code: 'ACCESS_DENIED',
        path: endpoint.path,
      })
    },
  )

  it.each(ruled)('%s with a deny rule is 403, whatever is allowed', async (name) => {
    const endpoint: Endpoint = endpoints[name]
    await api.stores.roles.upsert({
      kind: 'role',
      version: 'v7',
      metadata: { name: 'denied' },
      spec: {
        allow: { rules: [rule(['*'], ['*'])] },
        deny: { rules: endpoint.rules.map(({ resource, verb }) => rule([resource], [verb])) },
      },
    })
    await expect.poll(() => api.access.current().roles.has('denied')).toBe(true)
    const connection = await api.as('eve', ['denied'])
    expect((await call(connection, endpoint)).status).toBe(403)
  })

  it.each([...ruled, ...openTo('self'), ...openTo('people'), ...openTo('member')])(
    '%s without a certificate is 401 and audited',
    async (name) => {
      const { certificate: _, privateKey: __, ...bare } = await api.admin()
      const answer = await call(bare, endpoints[name])
      expect(answer.status).toBe(401)
      expect(answer.body).toMatchObject({ error: { code: 'UNAUTHENTICATED' } })
      expect(api.events.at(-1)).toMatchObject({ event: 'auth', error_code: 'UNAUTHENTICATED' })
    },
  )

  describe.each(openTo('member'))('%s is for members alone', (name) => {
    const endpoint: Endpoint = endpoints[name]
    const { members = [] } = endpoint
    const others = (['kube', 'proxy'] as const).filter((service) => !members.includes(service))
    const body = endpoint.body === null ? undefined : {}

    it('refuses people and the local administrator, whatever their roles, and audits it', async () => {
      await api.stores.roles.upsert({
        kind: 'role',
        version: 'v7',
        metadata: { name: 'everything' },
        spec: { allow: { rules: [rule(['*'], ['*'])] } },
      })
      await expect.poll(() => api.access.current().roles.has('everything')).toBe(true)
      for (const [user, connection] of [
        ['eve', await api.as('eve', ['everything'])],
        ['@admin', await api.admin()],
      ] as const) {
        const answer = await call(connection, endpoint, body)
        expect(answer).toMatchObject({ status: 403, body: { error: { code: 'ACCESS_DENIED' } } })
        expect(api.events.at(-1)).toMatchObject({
          event: 'auth',
          user,
          error_code: 'ACCESS_DENIED',
          path: endpoint.path,
        })
      }
    })

    it('refuses a host of another service, by certificate or by record, and audits it', async () => {
      const wrong = [
        { certificate: ['auth'], record: members },
        { certificate: members, record: others },
        ...others.map((service) => ({ certificate: [service], record: members })),
        ...others.map((service) => ({ certificate: [service], record: [service] })),
      ] as const
      for (const { certificate, record } of wrong) {
        if (record.length === 0) continue
        const hostId = randomUUID()
        const connection = await api.member(hostId, 'token', [...certificate], [...record])
        const answer = await call(connection, endpoint, body)
        expect(answer).toMatchObject({ status: 403, body: { error: { code: 'ACCESS_DENIED' } } })
        expect(api.events.at(-1)).toMatchObject({
          event: 'auth',
          user: `@${hostId}`,
          error_code: 'ACCESS_DENIED',
        })
      }
    })

    it('refuses a member that was removed, on the same connection, and audits it', async () => {
      const hostId = randomUUID()
      const connection = await api.member(hostId, 'token', [...members])
      expect((await call(connection, endpoint, body)).status).not.toBe(403)
      await api.joining.members.delete(hostId)
      expect(await call(connection, endpoint, body)).toMatchObject({
        status: 403,
        body: { error: { code: 'MEMBER_REMOVED' } },
      })
      expect(api.events.at(-1)).toMatchObject({ event: 'auth', error_code: 'MEMBER_REMOVED' })
    })
  })

  it('refuses a service: its certificate opens no endpoint', async () => {
    const connection = await api.connection((publicKeyPem) =>
      api.authorities.issueHost({
        identity: { kind: 'host', teleportCluster: CLUSTER, hostId: 'agent', services: ['kube'] },
        publicKeyPem,
        dnsNames: [],
        ipAddresses: [],
        ttlMs: 60_000,
      }),
    )
    for (const name of ['users.list', ...openTo('people')] as const) {
      expect((await call(connection, endpoints[name])).status, name).toBe(403)
    }
  })

  it('gives who proves nothing one answer a connection, and others many', async () => {
    const persistence = async (
      connection: Omit<ApiConnection, 'certificate' | 'privateKey'> & Partial<ApiConnection>,
      path: string,
    ): Promise<unknown> => {
      const agent = new Agent({ keepAlive: true })
      try {
        return await new Promise((resolve, reject) => {
          get(
            {
              host: connection.host,
              port: connection.port,
              path,
              agent,
              servername: connection.serverName,
              ca: connection.hostCa,
              cert: connection.certificate ?? undefined,
              key: connection.privateKey ?? undefined,
            },
            (response) => resolve(response.resume().headers.connection),
          ).once('error', reject)
        })
      } finally {
        agent.destroy()
      }
    }
    const bare = await api.bare()
    expect(await persistence(bare, '/v1/login')).toBe('close')
    expect(await persistence(bare, '/v1/users')).toBe('close')
    expect(await persistence(bare, '/nothing')).toBe('close')
    expect(await persistence(await api.as('eve', ['access']), '/v1/login')).toBe('keep-alive')
  })

  it('tells neither a service nor the local administrator about himself: they are no persons', async () => {
    const service = await api.connection((publicKeyPem) =>
      api.authorities.issueHost({
        identity: { kind: 'host', teleportCluster: CLUSTER, hostId: 'agent', services: ['kube'] },
        publicKeyPem,
        dnsNames: [],
        ipAddresses: [],
        ttlMs: 60_000,
      }),
    )
    for (const connection of [service, await api.admin()]) {
      expect(await call(connection, endpoints['self.read'])).toMatchObject({
        status: 403,
        body: { error: { code: 'ACCESS_DENIED' } },
      })
    }
  })

  it('refuses a user who is gone, on the same connection', async () => {
    const connection = await api.as('eve', ['admin'])
    using client = new ApiClient(connection)
    await client.call('users.list', {})
    await api.stores.users.delete('eve')
    await expect.poll(() => api.access.current().users.has('eve')).toBe(false)
    await expect(client.call('users.list', {})).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
  })

  it('changes nothing when the audit log cannot be written', async () => {
    using client = new ApiClient(await api.admin())
    api.spoolFails = true
    await expect(
      client.call('users.create', {
        body: { kind: 'user', version: 'v2', metadata: { name: 'joe' }, spec: { roles: [] } },
      }),
    ).rejects.toMatchObject({ code: 'AUDIT_UNAVAILABLE', status: 503 })
    expect(await api.stores.users.find('joe')).toBeNull()
  })

  it('writes an event before each change and after it, under one uid', async () => {
    using client = new ApiClient(await api.admin())
    const seen: unknown[] = []
    const create = api.stores.users.create.bind(api.stores.users)
    const body: UserResource = {
      kind: 'user',
      version: 'v2',
      metadata: { name: 'joe' },
      spec: { roles: [] },
    }
    api.stores.users.create = async (resource) => {
      seen.push(api.events.at(-1))
      return create(resource)
    }
    await client.call('users.create', { body })
    await expect(client.call('users.create', { body })).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
    })
    const events = api.events.filter(({ event }) => event === 'user.create')
    expect(events.map((event) => ('outcome' in event ? event.outcome : null))).toEqual([
      'started',
      'done',
      'started',
      'failed',
    ])
    expect(seen).toEqual([events[0], events[2]])
    expect(new Set(events.map(({ uid }) => uid)).size).toBe(2)
    expect(events[3]).toMatchObject({ error_code: 'ALREADY_EXISTS' })
  })

  it.each(['0s', '23h59m', '-48h'])('refuses to keep the audit log for %s', async (retention) => {
    using client = new ApiClient(await api.admin())
    const update = client.call('cluster_settings.update', {
      body: {
        kind: 'cluster_settings',
        version: 'v1',
        metadata: { name: 'cluster-settings' },
        spec: { audit_retention: retention },
      },
    })
    await expect(update).rejects.toMatchObject({ code: 'BAD_REQUEST' })
  })

  it('lets services go on alone for no longer than removals are remembered for their certificates', async () => {
    using client = new ApiClient(await api.admin())
    const update = (ttl: string): Promise<unknown> =>
      client.call('cluster_settings.update', {
        body: {
          kind: 'cluster_settings',
          version: 'v1',
          metadata: { name: 'cluster-settings' },
          spec: { offline_access_ttl: ttl },
        },
      })
    await expect(update('360h1s')).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      message: expect.stringContaining('spec.offline_access_ttl: 360h1s is longer than 360h'),
    })
    await update('15d')
  })

  it('says so when it is given a page that none is, and is no defect', async () => {
    using client = new ApiClient(await api.admin())
    api.search = async () => {
      throw new SinkError('CURSOR_INVALID', 'this is not a cursor of the audit log')
    }
    await expect(client.call('events.list', { query: { after: 'x' } })).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      status: 400,
    })
  })

  it('serves the OpenAPI document of all its endpoints', async () => {
    using client = new ApiClient(await api.admin())
    const document = await client.call('openapi.read', {})
    const paths = document['paths'] as Record<string, Record<string, { operationId: string }>>
    const documented = Object.values(paths).flatMap((methods) =>
      Object.values(methods).map(({ operationId }) => operationId),
    )
    expect(document['openapi']).toBe('3.1.0')
    expect(documented.sort()).toEqual([...names].sort())
  })

  it('tells live numbers to an auditor, and to nobody whose roles are for clusters', async () => {
    using auditor = new ApiClient(await api.as('olga', ['auditor']))
    const stats = await auditor.call('stats.read', {})
    expect(stats.total.latency).toHaveLength(stats.latency_bounds_ms.length + 1)
    using person = new ApiClient(await api.as('joe', ['access']))
    await expect(person.call('stats.read', {})).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
  })

  it('creates, reads, changes with a revision, and deletes', async () => {
    using client = new ApiClient(await api.admin())
    const body = {
      kind: 'user' as const,
      version: 'v2' as const,
      metadata: { name: 'joe' },
      spec: { roles: ['access'], traits: { kubernetes_groups: ['system:masters'] } },
    }
    const created = await client.call('users.create', { body })
    await expect(client.call('users.create', { body })).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
    })
    const params = { name: 'joe' }
    await client.call('users.upsert', { params, body: { ...created, spec: { roles: [] } } })
    await expect(client.call('users.upsert', { params, body: created })).rejects.toMatchObject({
      code: 'CONFLICT',
    })
    expect((await client.call('users.read', { params })).spec.roles).toEqual([])
    await client.call('users.delete', { params })
    await expect(client.call('users.read', { params })).rejects.toMatchObject({ code: 'NOT_FOUND' })
    const done = api.events.filter((event) => 'outcome' in event && event.outcome === 'done')
    expect(done.map(({ event }) => event)).toEqual(['user.create', 'user.update', 'user.delete'])
  })

  it.each([
    [
      'an unknown field',
      { kind: 'user', version: 'v2', metadata: { name: 'a' }, spec: { roles: [], x: 1 } },
    ],
    [
      'a name with a line break',
      { kind: 'user', version: 'v2', metadata: { name: 'a\nb' }, spec: { roles: [] } },
    ],
    [
      'a name of Kubernetes',
      { kind: 'user', version: 'v2', metadata: { name: 'system:admin' }, spec: { roles: [] } },
    ],
  ])('refuses a user with %s', async (_what, body) => {
    const answer = await call(await api.admin(), endpoints['users.create'], body)
    expect(answer).toMatchObject({ status: 400, body: { error: { code: 'BAD_REQUEST' } } })
  })

  it('refuses a role whose restriction is not enforced, by name of the field', async () => {
    const body = {
      kind: 'role',
      version: 'v7',
      metadata: { name: 'narrow' },
      spec: {
        allow: {
          kubernetes_resources: [{ kind: 'pod', namespace: 'a', name: '*', verbs: ['get'] }],
        },
      },
    }
    const answer = await call(await api.admin(), endpoints['roles.create'], body)
    expect(answer.status).toBe(400)
    expect(JSON.stringify(answer.body)).toContain('spec.allow.kubernetes_resources')
  })

  it('gives nobody a role that is being deleted, nor deletes one that is being given', async () => {
    using client = new ApiClient(await api.admin())
    const create = api.stores.roles.upsert.bind(api.stores.roles)
    await create({ kind: 'role', version: 'v7', metadata: { name: 'guard' }, spec: { deny: {} } })
    const looked = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<void>()
    const all = api.stores.users.all.bind(api.stores.users)
    api.stores.users.all = async function* () {
      yield* all()
      looked.resolve()
      await goOn.promise
    }
    const deleted = client.call('roles.delete', { params: { name: 'guard' } })
    await looked.promise
    const metadata = { name: 'joe' }
    const given = client.call('users.create', {
      body: { kind: 'user', version: 'v2', metadata, spec: { roles: ['guard'] } },
    })
    // Time in which a user could have been given it.
    await Promise.race([given.catch(() => {}), new Promise((resolve) => setTimeout(resolve, 300))])
    goOn.resolve()
    await deleted
    await expect(given).rejects.toMatchObject({ code: 'ROLE_UNKNOWN' })
    expect(await api.stores.users.find('joe')).toBeNull()
  })

  it('keeps a role while users hold it', async () => {
    using client = new ApiClient(await api.admin())
    await api.as('joe', ['access'])
    await expect(client.call('roles.delete', { params: { name: 'access' } })).rejects.toMatchObject(
      { code: 'ROLE_IN_USE' },
    )
  })

  it('signs for as long as it is asked, and says which role shortened it', async () => {
    using client = new ApiClient(await api.admin())
    await api.as('robot', ['access'])
    const { publicKey } = await generateKeyPair()
    const sign = (ttl_ms: number): Promise<{ ttl_ms: number; capped_by: string | null }> =>
      client.call('users.certificates.create', {
        params: { name: 'robot' },
        body: { public_key: publicKeyToPem(publicKey), ttl_ms },
      })
    const year = 8760 * 3_600_000
    expect(await sign(year)).toMatchObject({ ttl_ms: year, capped_by: null })
    await api.stores.roles.upsert({
      kind: 'role',
      version: 'v7',
      metadata: { name: 'short' },
      spec: { options: { max_session_ttl: '8h' }, allow: {} },
    })
    await api.as('robot', ['access', 'short'])
    expect(await sign(year)).toMatchObject({ ttl_ms: 8 * 3_600_000, capped_by: 'short' })
  })
})
