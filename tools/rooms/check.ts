import { existsSync, readdirSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { cruise, type ICruiseResult, type IFlattenedRuleSet } from 'dependency-cruiser'
import type { RoomTable } from './table.ts'

export interface RoomReport {
  /** Modules of `src` that were looked at. */
  readonly modules: number
  readonly problems: readonly string[]
}

/** What a pure room may not import: everything that touches the world. */
const IO = [
  'fs',
  'fs/promises',
  'net',
  'tls',
  'http',
  'http2',
  'https',
  'dgram',
  'dns',
  'child_process',
  'cluster',
  'worker_threads',
  'timers',
  'timers/promises',
  'os',
  'process',
  'readline',
  'sqlite',
]

/**
 * Holds the imports of a tree against the table: every arrow allowed, through doors only, no circles, no I/O in pure
 * rooms, and nothing on the data path that it must not reach. A check that saw fewer modules than there are files has
 * failed: it looked at nothing.
 */
export async function checkRooms(root: string, table: RoomTable): Promise<RoomReport> {
  const source = join(root, 'src')
  const problems: string[] = []
  const names = Object.keys(table.rooms)
  for (const entry of readdirSync(source, { withFileTypes: true })) {
    if (!entry.isDirectory()) problems.push(`src/${entry.name} belongs to no room`)
    else if (!names.includes(entry.name)) problems.push(`src/${entry.name} is not in the table`)
  }
  for (const name of names) {
    if (!existsSync(join(source, name, 'index.ts')) && name !== 'daemon') {
      problems.push(`room ${name} has no door (src/${name}/index.ts)`)
    }
  }
  const result = await cruise(['src'], {
    baseDir: root,
    exclude: { path: '\\.test\\.ts$' },
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      extensions: ['.ts'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node'],
    },
    ruleSet: rulesOf(table),
    validate: true,
  })
  const output = result.output as ICruiseResult
  const seen = output.modules.filter(({ source: path }) => path.startsWith('src/')).length
  const files = countFiles(source)
  if (files === 0) problems.push('there is no file in src')
  if (seen < files) problems.push(`only ${seen} of ${files} modules were looked at`)
  for (const violation of output.summary.violations) {
    problems.push(`${violation.rule.name}: ${violation.from} -> ${violation.to}`)
  }
  return { modules: seen, problems }
}

/** The table as rules of dependency-cruiser. */
export function rulesOf(table: RoomTable): IFlattenedRuleSet {
  const names = Object.keys(table.rooms)
  const pure = names.filter((name) => table.rooms[name]?.pure === true)
  return {
    forbidden: [
      { name: 'no-circles', severity: 'error', from: {}, to: { circular: true } },
      {
        name: 'resolvable',
        severity: 'error',
        from: { path: '^src/' },
        to: { couldNotResolve: true },
      },
      ...names.map((name) => ({
        name: `${name}-imports-only-what-the-table-allows`,
        severity: 'error' as const,
        from: { path: `^src/${name}/` },
        to: {
          path: '^src/',
          pathNot: `^src/(${[name, ...(table.rooms[name]?.imports ?? [])].join('|')})/`,
        },
      })),
      {
        name: 'through-the-door',
        severity: 'error',
        from: { path: '^src/([^/]+)/' },
        to: { path: '^src/([^/]+)/', pathNot: ['^src/$1/', '^src/[^/]+/index\\.ts$'] },
      },
      {
        name: 'nobody-imports-his-own-door',
        severity: 'error',
        from: { path: '^src/([^/]+)/' },
        to: { path: '^src/$1/index\\.ts$' },
      },
      {
        name: 'pure-rooms-do-no-io',
        severity: 'error',
        from: { path: `^src/(${pure.join('|')})/` },
        to: { path: `^(node:)?(${IO.join('|')})$` },
      },
      {
        name: 'data-path-reaches-nothing-slow',
        severity: 'error',
        from: { path: `^src/${table.dataPath.from}/` },
        to: { path: `^src/(${table.dataPath.never.join('|')})/`, reachable: true },
      },
    ],
  }
}

function countFiles(directory: string): number {
  return readdirSync(directory, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.test.ts'),
  ).length
}

if (import.meta.main) {
  const { readRoomTable } = await import('./table.ts')
  const root = resolve(import.meta.dirname, '../..')
  const report = await checkRooms(root, readRoomTable(join(root, 'tools/rooms.json')))
  for (const problem of report.problems) process.stderr.write(`rooms: ${problem}\n`)
  process.stdout.write(
    `rooms: ${report.modules} modules in ${relative(process.cwd(), join(root, 'src')) || 'src'}, ${report.problems.length} problems\n`,
  )
  process.exitCode = report.problems.length === 0 ? 0 : 1
}
