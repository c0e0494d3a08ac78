import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeEvent } from '../audit/index.ts'
import type { UserIdentity } from '../identity/index.ts'
import { parseRequestInfo } from '../kube/index.ts'
import { RequestEvents, type RequestFacts, type RequestOutcome } from './event.ts'
import { SteadyFields } from './steady-fields.ts'

const identity: UserIdentity = {
  kind: 'user',
  user: 'jo"ão\u2028',
  roles: ['dev', 'a "quoted" role'],
  traits: { logins: ['jo', '\ud800'] },
  teleportCluster: 'tele',
  login: 'local',
  pinnedAddress: null,
  issuedAtMs: 0,
}

const facts = (fields: Partial<RequestFacts> = {}): RequestFacts => ({
  clusterName: 'tele',
  hostId: 'host-1',
  kubeCluster: 'prod',
  labels: { env: 'prod', 'a"b': 'c\\d' },
  origin: { address: '2001:db8::7', port: 41234 },
  method: 'GET',
  target: '/api/v1/namespaces/shop/pods/cart-1/log?follow=true',
  userAgent: 'kubectl/v1.35 (linux/amd64)',
  startedMs: 1_000_000,
  steadyFields: new SteadyFields(),
  info: parseRequestInfo({
    method: 'GET',
    target: '/api/v1/namespaces/shop/pods/cart-1/log',
    upgrade: false,
  }),
  identity,
  roles: identity.roles,
  principals: { user: 'joao', groups: ['developers', 'system:authenticated'] },
  decidedBy: 'role "dev" allow.kubernetes_labels',
  ...fields,
})

const done: RequestOutcome = {
  outcome: 'done',
  status: 200,
  bytesSent: 1200,
  bytesReceived: 0,
  error: null,
}

const anyFacts: fc.Arbitrary<Partial<RequestFacts>> = fc.record(
  {
    kubeCluster: fc.string(),
    labels: fc.dictionary(fc.string(), fc.string()),
    method: fc.string(),
    target: fc.string({ unit: 'binary' }),
    userAgent: fc.option(fc.string({ unit: 'binary' })),
    info: fc.constant(null),
    identity: fc.option(fc.record({ ...constants(identity), user: fc.string({ unit: 'binary' }) })),
    roles: fc.array(fc.string()),
    principals: fc.option(fc.record({ user: fc.string(), groups: fc.array(fc.string()) })),
    decidedBy: fc.constant(null),
  },
  { requiredKeys: [] },
)

const anyOutcome: fc.Arbitrary<RequestOutcome> = fc.record({
  outcome: fc.constantFrom('started', 'done', 'denied', 'failed', 'aborted'),
  status: fc.nat(599),
  bytesSent: fc.nat(),
  bytesReceived: fc.nat(),
  error: fc.option(
    fc.record({
      code: fc.constantFrom('LOCKED', 'UPSTREAM_RESET'),
      message: fc.string({ unit: 'binary' }),
      by: fc.option(fc.string(), { nil: null }),
    }),
  ),
})

function constants<T extends object>(value: T): { [K in keyof T]: fc.Arbitrary<T[K]> } {
  const entries = Object.entries(value).map(([name, each]) => [name, fc.constant(each)])
  return Object.fromEntries(entries) as { [K in keyof T]: fc.Arbitrary<T[K]> }
}

describe('the events of a request', () => {
  it('are written as the JSON of their fields', () => {
    fc.assert(
      fc.property(anyFacts, anyOutcome, (some, outcome) => {
        const events = new RequestEvents(facts(some))
        const written = events.ended(outcome, 1_000_007)
        const expected = encodeEvent(events.endedFields(outcome, 1_000_007))
        expect({ ...written, json: JSON.parse(written.json.toString()) as unknown }).toEqual({
          ...expected,
          json: JSON.parse(expected.json.toString()) as unknown,
        })
      }),
    )
  })

  it('share a uid and a time, and only the last is final', () => {
    const events = new RequestEvents(facts())
    const [started, ended] = [events.started(), events.ended(done, 1_000_007)]
    expect(started).toMatchObject({ final: false, time: '1970-01-01T00:16:40.000Z' })
    expect(ended).toMatchObject({ final: true, uid: started.uid, time: started.time })
    expect(JSON.parse(ended.json.toString())).toMatchObject({ outcome: 'done', duration_ms: 7 })
  })

  it('of one connection never carry what was true of an earlier request', () => {
    const steadyFields = new SteadyFields()
    const changes: Partial<RequestFacts>[] = [
      { labels: { env: 'dev' } },
      { userAgent: null },
      { roles: ['other'] },
      { principals: { user: 'root', groups: [] } },
      { decidedBy: null },
      { identity: { ...identity, traits: {} } },
      { identity: null },
      { kubeCluster: 'dev' },
    ]
    for (const change of changes) {
      const before = new RequestEvents(facts({ steadyFields }))
      before.ended(done, 0)
      const changed = new RequestEvents(facts({ steadyFields, ...change })).endedFields(done, 0)
      const alone = new RequestEvents(facts(change)).endedFields(done, 0)
      expect({ ...changed, uid: '' }).toEqual({ ...alone, uid: '' })
    }
  })

  it('leave out the query, which may hold what was typed', () => {
    const target = '/api/v1/namespaces/a/pods/b/exec?command=secret'
    for (const info of [null, parseRequestInfo({ method: 'GET', target, upgrade: false })]) {
      const events = new RequestEvents(facts({ target, info }))
      expect(events.ended(done, 0).json.toString()).not.toContain('secret')
    }
  })
})
