import { expect, it } from 'vitest'
import type { AuditEvent } from '../../audit/index.ts'
import { judgeEvent } from './judge-event.ts'

const genuine = {
  event: 'kube.request',
  code: 'T3009I',
  time: '2026-01-01T00:00:00.000Z',
  uid: 'u1',
  cluster_name: 'tele',
  server_id: 'host-1',
  kubernetes_cluster: 'prod',
}
const from = { hostId: 'host-1', clusterName: 'tele', bytes: 500 }

it('takes what a service says of itself', () => {
  expect(judgeEvent(genuine as AuditEvent, from)).toBeNull()
  expect(judgeEvent({ ...genuine, event: 'client.disconnect' }, from)).toBeNull()
})

it.each<[string, Record<string, unknown>, number]>([
  ['an event of the management API', { event: 'role.created' }, 500],
  ['another Teleport cluster', { cluster_name: 'other' }, 500],
  ['another service', { server_id: 'host-2' }, 500],
  ['no service', { server_id: undefined }, 500],
  ['no Kubernetes cluster', { kubernetes_cluster: undefined }, 500],
  ['a time that sorts elsewhere', { time: 'yesterday' }, 500],
  ['a time without milliseconds', { time: '2026-01-01T00:00:00Z' }, 500],
  ['no uid', { uid: '' }, 500],
  ['a uid that is a text', { uid: 'x'.repeat(65) }, 500],
  ['more than an event may hold', {}, 1024 * 1024 + 1],
])('refuses %s', (_what, fields, bytes) => {
  expect(judgeEvent({ ...genuine, ...fields }, { ...from, bytes })).not.toBeNull()
})
