import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../json.ts'
import { applyConfiguration } from './apply.ts'
import { formatFieldsV1, ownedBy, parseFieldsV1, pathWords } from './field-set.ts'
import { readManagers } from './managed-fields.ts'
import { ownChanges, type Writer } from './own.ts'

const type = { group: 'apps', resource: 'deployments', kind: 'Deployment', shape: 'Deployment' }
const writer = (manager: string): Writer => ({
  manager,
  apiVersion: 'apps/v1',
  subresource: '',
  time: '2026-11-25T13:00:00Z',
})

const apply = (
  live: JsonObject | null,
  manager: string,
  spec: JsonObject,
  force = false,
): JsonObject =>
  applyConfiguration({
    live,
    configuration: { metadata: { name: 'web' }, spec },
    type,
    writer: writer(manager),
    force,
  })

const containers = (...list: JsonObject[]): JsonObject => ({
  template: { spec: { containers: list } },
})
const spec = (object: JsonObject): unknown => object['spec']

describe('server-side apply', () => {
  it('keeps what others own, and takes away what its manager leaves out', () => {
    const one = apply(null, 'one', { replicas: 1, minReadySeconds: 5 })
    const two = apply(one, 'two', { paused: true })
    expect(spec(apply(two, 'one', { replicas: 1 }))).toEqual({ replicas: 1, paused: true })
  })

  it('lets two own a field of one value, until both let it go', () => {
    const both = apply(apply(null, 'one', { replicas: 1 }), 'two', { replicas: 1 })
    const first = apply(both, 'one', { paused: true })
    expect(spec(first)).toEqual({ replicas: 1, paused: true })
    expect(spec(apply(first, 'two', {}))).toEqual({ paused: true })
  })

  it('names each field that another manager owns', () => {
    const live = apply(null, 'one', { replicas: 1, ...containers({ name: 'a', image: '1' }) })
    expect(() =>
      apply(live, 'two', { replicas: 2, ...containers({ name: 'a', image: '2' }) }),
    ).toThrow(
      'Apply failed with 2 conflicts: conflicts with "one":\n- .spec.replicas\n- .spec.template.spec.containers[name="a"].image',
    )
  })

  it('takes fields by force, and the other owns them no more', () => {
    const live = apply(
      apply(null, 'one', { replicas: 1, paused: true }),
      'two',
      { replicas: 2 },
      true,
    )
    expect(spec(live)).toEqual({ replicas: 2, paused: true })
    const [one, two] = readManagers(live).sort((a, b) => a.manager.localeCompare(b.manager))
    expect(formatFieldsV1(one?.fields ?? new Set())).toEqual({ 'f:spec': { 'f:paused': {} } })
    expect(formatFieldsV1(two?.fields ?? new Set())).toEqual({ 'f:spec': { 'f:replicas': {} } })
  })

  it('merges lists by their keys, and removes the items that nobody owns', () => {
    const one = apply(null, 'one', containers({ name: 'a', image: '1' }, { name: 'b', image: '1' }))
    const two = apply(one, 'two', containers({ name: 'b', tty: true }, { name: 'c', image: '2' }))
    expect(spec(two)).toEqual(
      containers(
        { name: 'a', image: '1' },
        { name: 'b', image: '1', tty: true },
        { name: 'c', image: '2' },
      ),
    )
    expect(spec(apply(two, 'one', containers({ name: 'a', image: '1' })))).toEqual(
      containers({ name: 'a', image: '1' }, { name: 'b', tty: true }, { name: 'c', image: '2' }),
    )
  })

  it('replaces lists that are one value', () => {
    const args = (...list: string[]): JsonObject => containers({ name: 'a', args: list })
    expect(spec(apply(apply(null, 'one', args('x', 'y')), 'one', args('z')))).toEqual(args('z'))
  })

  it('gives changes to who made them', () => {
    const live = apply(null, 'one', { replicas: 1 })
    const changed: JsonObject = { ...structuredClone(live), spec: { replicas: 2 } }
    ownChanges(live, changed, 'Deployment', writer('hand'))
    expect(readManagers(changed).map(({ manager, operation }) => [manager, operation])).toEqual([
      ['hand', 'Update'],
    ])
    expect(() => apply(changed, 'one', { replicas: 1 })).toThrow(
      'conflict with "hand" using apps/v1 at 2026-11-25T13:00:00Z: .spec.replicas',
    )
  })

  it('changes nothing when it is repeated', () => {
    const configurations = fc.record({
      replicas: fc.nat({ max: 5 }),
      paused: fc.boolean(),
      template: fc.record({
        spec: fc.record({
          containers: fc.uniqueArray(
            fc.record({ name: fc.constantFrom('a', 'b', 'c'), image: fc.constantFrom('1', '2') }),
            { selector: ({ name }) => name },
          ),
        }),
      }),
    })
    fc.assert(
      fc.property(configurations, configurations, (a, b) => {
        const live = apply(apply(null, 'one', a), 'two', b, true)
        expect(apply(live, 'two', b as never)).toEqual(live)
      }),
    )
  })
})

describe('FieldsV1', () => {
  it('is read as it was written', () => {
    const object = {
      metadata: { labels: { a: 'b' }, finalizers: ['x'] },
      spec: { replicas: 1, ...containers({ name: 'a', ports: [{ containerPort: 80 }] }) },
    }
    const set = ownedBy(object, 'Deployment')
    expect(parseFieldsV1(formatFieldsV1(set))).toEqual(set)
    expect(formatFieldsV1(set)).toEqual({
      'f:metadata': { 'f:labels': { 'f:a': {} }, 'f:finalizers': { 'v:"x"': {} } },
      'f:spec': {
        'f:replicas': {},
        'f:template': {
          'f:spec': {
            'f:containers': {
              'k:{"name":"a"}': {
                '.': {},
                'f:name': {},
                'f:ports': {
                  'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} },
                },
              },
            },
          },
        },
      },
    })
  })

  it('of any depth ends', () => {
    let deep: JsonObject = {}
    for (let depth = 0; depth < 10_000; depth += 1) deep = { 'f:x': deep }
    expect(parseFieldsV1(deep).size).toBe(0)
  })

  it('has words for people', () => {
    expect(pathWords('f:a\u0000k:{"name":"x","n":1}\u0000v:"y"\u0000f:b.c')).toBe(
      '.a[name="x",n=1][="y"].b.c',
    )
  })
})
