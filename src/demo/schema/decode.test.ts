import { describe, expect, it } from 'vitest'
import { decodeObject } from './decode.ts'
import { parseShapes } from './parse-shapes.ts'
import { shapeOf, shapes } from './shapes.ts'
import type { Schema } from './types.ts'

describe('shapes', () => {
  it('are read from their notation', () => {
    const parsed = parseShapes(`
A
  ...object, name string!, list [B by x+y], set [string set], one [B merge k], map {quantity},
  owned {string} atomic, kept B retain
B atomic
  x string
`)
    const fields = parsed.get('A')?.fields
    expect([...(fields?.keys() ?? [])]).toEqual([
      'apiVersion',
      'kind',
      'metadata',
      'name',
      'list',
      'set',
      'one',
      'map',
      'owned',
      'kept',
    ])
    expect(fields?.get('name')).toMatchObject({ required: true, schema: { type: 'string' } })
    expect(fields?.get('list')?.schema).toMatchObject({ identity: ['x', 'y'], mergeKey: 'x' })
    expect(fields?.get('set')?.schema).toMatchObject({ identity: 'set' })
    expect(fields?.get('one')?.schema).toMatchObject({ identity: 'atomic', mergeKey: 'k' })
    expect(fields?.get('map')?.schema).toMatchObject({ type: 'map', atomic: false })
    expect(fields?.get('owned')?.schema).toMatchObject({ type: 'map', atomic: true })
    expect(fields?.get('kept')?.retainKeys).toBe(true)
    expect(parsed.get('B')?.atomic).toBe(true)
  })

  it.each(['A\n  nofield', 'A\n  x [', 'A\n  x string twice'])(
    'that are none are refused: %j',
    (text) => {
      expect(() => parseShapes(text)).toThrow(TypeError)
    },
  )

  it('refer to shapes that are there', () => {
    const named = (schema: Schema): string[] => {
      switch (schema.type) {
        case 'shape':
          return [schema.name]
        case 'list':
          return named(schema.items)
        case 'map':
          return named(schema.values)
        default:
          return []
      }
    }
    const names = [...shapes.values()].flatMap(({ fields }) =>
      [...fields.values()].flatMap(({ schema }) => named(schema)),
    )
    for (const name of names) expect(() => shapeOf(name)).not.toThrow()
    expect(names.length).toBeGreaterThan(100)
  })
})

describe('decodeObject', () => {
  it('leaves out nulls and what it does not know, and names the latter', () => {
    const { object, unknown } = decodeObject(
      {
        kind: 'Pod',
        metadata: { name: 'a', creationTimestamp: null },
        spec: { containers: [{ name: 'x', imag: 'y' }], bogus: true },
      },
      'Pod',
    )
    expect(object).toEqual({
      kind: 'Pod',
      metadata: { name: 'a' },
      spec: { containers: [{ name: 'x' }] },
    })
    expect(unknown).toEqual(['spec.containers[0].imag', 'spec.bogus'])
  })

  it('keeps keys of maps whatever they are called', () => {
    const data = JSON.parse('{"__proto__":"x","constructor":"y"}')
    const { object } = decodeObject({ data }, 'ConfigMap')
    expect(JSON.stringify(object)).toBe('{"data":{"__proto__":"x","constructor":"y"}}')
    expect(Object.getPrototypeOf(object['data'])).toBe(Object.prototype)
  })

  it.each([
    [
      { replicas: '1' },
      'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      { replicas: 1.5 },
      'json: cannot unmarshal number into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [{ replicas: 2 ** 31 }, 'cannot unmarshal number'],
    [{ paused: 'yes' }, 'of type bool'],
    [{ selector: [] }, 'cannot unmarshal array into Go struct field DeploymentSpec.spec.selector'],
    [{ template: { spec: { containers: {} } } }, 'of type []'],
    [
      { template: { spec: { containers: [{ resources: { limits: { cpu: 'much' } } }] } } },
      'quantities must match',
    ],
  ])('refuses %j', (spec, words) => {
    expect(() => decodeObject({ spec }, 'Deployment')).toThrow(words)
  })

  it.each(['100m', '1', '1.5', '2Gi', '1e3', '-1', '.5', '128974848'])(
    'takes the quantity %s',
    (cpu) => {
      const spec = {
        template: { spec: { containers: [{ name: 'a', resources: { limits: { cpu } } }] } },
      }
      expect(decodeObject({ spec }, 'Deployment').object).toEqual({ spec })
    },
  )
})
