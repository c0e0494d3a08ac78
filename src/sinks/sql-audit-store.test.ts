import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type AuditEvent, encodeEvent, eventBase, type KubeRequestEvent } from '../audit/index.ts'
import { silentLogger, systemClock } from '../core/index.ts'
import { openSqlite, type SqliteDatabase } from '../storage/index.ts'
import { AUDIT_STEPS } from './audit-steps.ts'
import { openSqlAuditStore, type SqlAuditStore } from './sql-audit-store.ts'

const request = (uid: string, fields: Partial<KubeRequestEvent> = {}): KubeRequestEvent => ({
  ...eventBase('kube.request', { clusterName: 'tele', nowMs: 1_000_000, uid }),
  user: 'joäo',
  user_roles: ['dev'],
  'addr.remote': '192.0.2.7:41234',
  proto: 'kube',
  kubernetes_cluster: 'prod',
  kubernetes_labels: { env: 'prod' },
  kubernetes_users: ['joao'],
  kubernetes_groups: ['developers', 'system:authenticated'],
  request_path: '/apis/apps/v1/namespaces/shop/deployments/cart/scale',
  verb: 'PUT',
  kube_verb: 'update',
  resource_api_group: 'apps/v1',
  resource_namespace: 'shop',
  resource_kind: 'deployments',
  resource_subresource: 'scale',
  resource_name: 'cart',
  response_code: 200,
  outcome: 'done',
  bytes_sent: 1200,
  bytes_received: 300,
  duration_ms: 7.5,
  decided_by: 'role "dev" allow.kubernetes_labels',
  server_id: 'host-1',
  ...fields,
})

describe('a SQL audit store', () => {
  let database: SqliteDatabase
  beforeEach(async () => {
    database = await openSqlite({ path: ':memory:', clock: systemClock, log: silentLogger })
  })
  afterEach(() => database[Symbol.asyncDispose]())
  const keep = (store: SqlAuditStore, ...events: AuditEvent[]): Promise<void> =>
    store.store(events.map(encodeEvent))

  it('gives auditors the documented columns', async () => {
    const store = await openSqlAuditStore(database)
    const event = request('u1')
    await keep(store, event)
    const [row] = await database.query('SELECT * FROM audit_events', [])
    expect({ ...row, body: JSON.parse(String(row?.['body'])) as unknown }).toEqual({
      id: 1,
      uid: 'u1',
      time: '1970-01-01T00:16:40.000Z',
      event: 'kube.request',
      code: 'T3009I',
      cluster_name: 'tele',
      user: 'joäo',
      address: '192.0.2.7:41234',
      kube_cluster: 'prod',
      kube_verb: 'update',
      api_group: 'apps/v1',
      resource: 'deployments',
      subresource: 'scale',
      namespace: 'shop',
      name: 'cart',
      impersonated_user: 'joao',
      impersonated_groups: 'developers,system:authenticated',
      response_code: 200,
      outcome: 'done',
      decided_by: 'role "dev" allow.kubernetes_labels',
      bytes_sent: 1200,
      bytes_received: 300,
      duration_ms: 7.5,
      server_id: 'host-1',
      final: 1,
      body: event,
    })
  })

  it('leaves empty what an event does not have, and names what a change was about', async () => {
    const store = await openSqlAuditStore(database)
    const base = eventBase('role.created', { clusterName: 'tele', nowMs: 0, uid: 'u1' })
    await keep(store, { ...base, user: 'admin', name: 'dev' })
    const columns = 'name, user, kube_cluster, impersonated_user, impersonated_groups, decided_by'
    expect(await database.query(`SELECT ${columns} FROM audit_events`, [])).toEqual([
      {
        name: 'dev',
        user: 'admin',
        kube_cluster: null,
        impersonated_user: null,
        impersonated_groups: null,
        decided_by: null,
      },
    ])
  })

  it('names the pod of a session, and that of a connection of a port-forward', async () => {
    const store = await openSqlAuditStore(database)
    const base = (event: 'exec' | 'port', uid: string): ReturnType<typeof eventBase> =>
      eventBase(event, { clusterName: 'tele', nowMs: 0, uid })
    const pod = { kubernetes_pod_namespace: 'shop', kubernetes_pod_name: 'cart-1' }
    await keep(store, { ...base('exec', 'u1'), ...pod, user: 'joao' })
    const resource = { resource_namespace: 'shop', resource_name: 'cart-2' }
    await keep(store, { ...base('port', 'u2'), ...resource, user: 'joao' })
    const columns = 'event, namespace, name'
    expect(await database.query(`SELECT ${columns} FROM audit_events ORDER BY id`, [])).toEqual([
      { event: 'exec', namespace: 'shop', name: 'cart-1' },
      { event: 'port', namespace: 'shop', name: 'cart-2' },
    ])
  })

  it('stores an event once, and a final one for good', async () => {
    const store = await openSqlAuditStore(database)
    const stored = async (): Promise<unknown> =>
      database.query('SELECT uid, outcome, final FROM audit_events ORDER BY id', [])
    const started = request('u1', { outcome: 'started', response_code: 0 })
    await keep(store, started, request('u2'))
    expect(await stored()).toEqual([
      { uid: 'u1', outcome: 'started', final: 0 },
      { uid: 'u2', outcome: 'done', final: 1 },
    ])
    await keep(store, request('u1', { outcome: 'failed' }), request('u2', { outcome: 'failed' }))
    await keep(store, started)
    expect(await stored()).toEqual([
      { uid: 'u1', outcome: 'failed', final: 1 },
      { uid: 'u2', outcome: 'done', final: 1 },
    ])
  })

  it('finds events by person, cluster, kind and time, page by page in either order', async () => {
    const store = await openSqlAuditStore(database)
    const at = (minute: number): { time: string } => ({ time: `2026-01-01T00:0${minute}:00.000Z` })
    await keep(
      store,
      request('u1', { ...at(1), user: 'ann', kubernetes_cluster: 'dev' }),
      request('u2', { ...at(2), user: 'bob' }),
      request('u3', { ...at(2), user: 'ann' }),
      { ...request('u4'), ...at(3), event: 'user.create', user: 'ann' },
      { ...request('u5'), ...at(4), event: 'role.deleted', user: 'bob' },
    )
    const uids = async (query: Parameters<SqlAuditStore['search']>[0]): Promise<string[]> => {
      const found: string[] = []
      let after: string | null = null
      do {
        const page = await store.search({
          ...query,
          limit: 2,
          ...(after === null ? {} : { after }),
        })
        found.push(...page.events.map(({ uid }) => uid))
        after = page.next
      } while (after !== null)
      return found
    }
    expect(await uids({})).toEqual(['u5', 'u4', 'u3', 'u2', 'u1'])
    expect(await uids({ order: 'asc' })).toEqual(['u1', 'u2', 'u3', 'u4', 'u5'])
    expect(await uids({ user: 'ann' })).toEqual(['u4', 'u3', 'u1'])
    expect(await uids({ kubeCluster: 'dev' })).toEqual(['u1'])
    expect(await uids({ events: ['kube.request'] })).toEqual(['u3', 'u2', 'u1'])
    expect(await uids({ events: ['user.create', 'role.deleted'] })).toEqual(['u5', 'u4'])
    expect(await uids({ events: ['kube.request', 'role.deleted'] })).toEqual([
      'u5',
      'u3',
      'u2',
      'u1',
    ])
    expect(await uids({ from: at(2).time, to: at(4).time })).toEqual(['u4', 'u3', 'u2'])
    await store.deleteBefore(at(3).time)
    expect(await uids({})).toEqual(['u5', 'u4'])
  })

  it('tells who follows it everything once, by arrival, however late it is delivered', async () => {
    const store = await openSqlAuditStore(database)
    const at = (minute: number): { time: string } => ({ time: `2026-01-01T00:0${minute}:00.000Z` })
    await keep(store, request('u1', at(5)))
    let after = (await store.search({ order: 'arrival' })).next
    const heard = async (limit = 2): Promise<string[]> => {
      const page = await store.search({
        order: 'arrival',
        limit,
        ...(after === null ? {} : { after }),
      })
      after = page.next
      return page.events.map(({ uid }) => uid)
    }
    expect(await heard()).toEqual([])
    await keep(store, request('u2', at(9)), request('u3', at(1)), request('u4', at(2)))
    expect(await heard()).toEqual(['u2', 'u3'])
    expect(await heard()).toEqual(['u4'])
    expect(await heard()).toEqual([])
    await keep(store, request('u5', { ...at(0), user: 'ann' }), request('u6', at(0)))
    const ofAnn = await store.search({ order: 'arrival', user: 'ann', after: after ?? '' })
    expect(ofAnn.events.map(({ uid }) => uid)).toEqual(['u5'])
    expect(await heard()).toEqual(['u5', 'u6'])
    await store.deleteBefore(at(9).time)
    await store.deleteBefore('2027-01-01T00:00:00.000Z')
    expect(await heard()).toEqual([])
    await keep(store, request('u7', at(0)))
    expect(await heard()).toEqual(['u7'])
  })

  it('keeps the events of a database with the first form of the table', async () => {
    await database.migrate('audit', AUDIT_STEPS.slice(0, 1))
    const event = request('u1', { outcome: 'started' })
    await database.transaction([
      {
        sql: `INSERT INTO audit_events (uid, time, event, code, cluster_name, user, kube_cluster, final, body)
              VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        params: [
          'u1',
          event.time,
          event.event,
          event.code,
          'tele',
          'ann',
          'prod',
          0,
          JSON.stringify(event),
        ],
      },
    ])
    const store = await openSqlAuditStore(database)
    expect((await store.search({ user: 'ann' })).events).toEqual([event])
    await keep(store, request('u1'))
    expect((await store.search({ kubeCluster: 'prod' })).events).toEqual([request('u1')])
  })
})
