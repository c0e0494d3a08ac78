import { existsSync, readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { schemas } from './schemas.ts'

export const CHARTS = resolve(import.meta.dirname, '../../charts')
export const chartNames = ['teleport', 'teleport-cluster', 'teleport-kube-agent'] as const

/** Files of charts that are others once more: a chart must hold everything that it needs, and links do not survive packaging. */
const COPIES: readonly (readonly [from: string, to: string])[] = [
  ['teleport-cluster/templates/_common.tpl', 'teleport-kube-agent/templates/_common.tpl'],
  ['teleport-cluster/templates/_common.tpl', 'teleport/templates/_common.tpl'],
  ['teleport-cluster/templates/_cluster.tpl', 'teleport/templates/_cluster.tpl'],
  ['teleport-cluster/values.yaml', 'teleport/files/teleport-cluster.yaml'],
]

/** Every generated file of the charts with what must stand in it. */
function generatedFiles(charts: string): Map<string, string> {
  const files = new Map<string, string>()
  for (const [name, schema] of Object.entries(schemas)) {
    files.set(join(charts, name, 'values.schema.json'), `${JSON.stringify(schema, null, 2)}\n`)
  }
  for (const [from, to] of COPIES) {
    files.set(join(charts, to), readFileSync(join(charts, from), 'utf8'))
  }
  return files
}

/** Files that are not what they must be, by their paths below `charts`. */
export function staleFiles(charts: string = CHARTS): string[] {
  return [...generatedFiles(charts)]
    .filter(([path, text]) => !existsSync(path) || readFileSync(path, 'utf8') !== text)
    .map(([path]) => relative(charts, path))
}

/** Renews them. */
export async function generateCharts(charts: string = CHARTS): Promise<void> {
  for (const [path, text] of generatedFiles(charts)) {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, text)
  }
}
