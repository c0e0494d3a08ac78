import { describe, expect, it } from 'vitest'
import type { AuditEventResource } from '../../../contract/index.ts'
import { EVENT_HEADERS, eventRow, shortEventRow } from './event-row.ts'

const event = (name: string, fields: Readonly<Record<string, unknown>>): AuditEventResource => ({
  uid: 'u',
  time: '2026-01-31T09:00:00.000Z',
  event: name,
  code: 'T0000I',
  cluster_name: 'example.com',
  ...fields,
})

const cells = (row: readonly string[]): Record<string, string> =>
  Object.fromEntries(EVENT_HEADERS.map((header, column) => [header, row[column] ?? '']))

const POD = {
  user: 'joe',
  kubernetes_cluster: 'prod',
  kubernetes_pod_namespace: 'shop',
  kubernetes_pod_name: 'web-0',
}

describe('a line of the audit log', () => {
  it.each([
    ['session.start', { ...POD, initial_command: 'sh -c date' }, 'shop/web-0: sh -c date'],
    ['exec', { ...POD, command: 'date', exitCode: '0' }, 'shop/web-0: date'],
    ['session.data', POD, 'shop/web-0'],
    ['port', { ...POD, port: 9, error: 'connection refused' }, 'shop/web-0:9'],
  ])('of %s tells the cluster and the pod', (name, fields, what) => {
    expect(cells(eventRow(event(name, fields)))).toMatchObject({
      User: 'joe',
      Cluster: 'prod',
      What: what,
      Result: 'T0000I',
    })
  })

  it.each([
    ['user.update', { name: 'alice' }, 'alice'],
    ['instance.join', { error: 'join refused' }, 'join refused'],
    ['user.login', { user: 'alice' }, ''],
    ['cert.create', { user: '@admin', identity: { user: 'jenkins' } }, 'for jenkins'],
    ['cert.create', { kubernetes_clusters: ['prod', 'dev'] }, 'for prod, dev'],
  ])('of %s tells whom or what it is about, or what went wrong', (name, fields, what) => {
    expect(cells(eventRow(event(name, fields)))['What']).toBe(what)
  })

  it.each([
    [
      {
        kube_verb: 'create',
        resource_kind: 'pods',
        resource_subresource: 'exec',
        resource_namespace: 'shop',
        resource_name: 'web-0',
        response_code: '101',
      },
      'create pods/exec shop/web-0',
      '101 done',
    ],
    [{ verb: 'GET', request_path: '/version', response_code: '0' }, 'GET /version', 'done'],
  ])('of a request tells what was asked and answered (%#)', (fields, what, result) => {
    const row = eventRow(event('kube.request', { ...fields, outcome: 'done', decided_by: 'role' }))
    expect(cells(row)).toMatchObject({ What: what, Result: result, 'Decided by': 'role' })
  })

  it('is short in a table, however long a command is', () => {
    const long = event('exec', { ...POD, command: 'x'.repeat(5000) })
    expect(cells(shortEventRow(long))['What']).toBe(`shop/web-0: ${'x'.repeat(67)}…`)
    expect(cells(eventRow(long))['What']).toHaveLength(5012)
  })
})
