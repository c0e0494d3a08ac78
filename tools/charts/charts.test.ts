import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { ownVersion } from '../image/contents.ts'
import { CHARTS, chartNames, staleFiles } from './generate.ts'
import { type Schema, schemas } from './schemas.ts'

const yamlOf = (name: string, file: string): Record<string, unknown> =>
  parse(readFileSync(join(CHARTS, name, file), 'utf8')) as Record<string, unknown>

describe('the charts', () => {
  it('hold what is generated for them', () => {
    expect(staleFiles()).toEqual([])
  })

  it.each(chartNames)('%s has the version of the program, and runs it', (name) => {
    const chart = yamlOf(name, 'Chart.yaml')
    expect(chart).toMatchObject({ name, version: ownVersion(), appVersion: ownVersion() })
  })

  it.each(chartNames)('%s: the schema knows every default', (name) => {
    expect(unknownKeys(yamlOf(name, 'values.yaml'), schemas[name] ?? {}, '')).toEqual([])
  })
})

/** Paths of values that an object's schema leaves out. */
function unknownKeys(values: Record<string, unknown>, schema: Schema, path: string): string[] {
  const known = schema['properties'] as Record<string, Schema> | undefined
  if (known === undefined) return []
  return Object.entries(values).flatMap(([key, value]) => {
    const child = known[key]
    if (child === undefined) return [`${path}${key}`]
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? unknownKeys(value as Record<string, unknown>, child, `${path}${key}.`) : []
  })
}
