import { existsSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { cruise, type ICruiseResult, type IFlattenedRuleSet } from 'dependency-cruiser'
import type { RoomTable } from './table.ts'

export interface RoomReport {
  /** Modules of `src` that were looked at. */
  readonly modules: number
  /** And of `web/src`. */
  readonly webModules: number
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
  const web = join(root, 'web/src')
  for (const entry of readdirSync(web, { withFileTypes: true })) {
    if (!table.web.folders.includes(entry.name))
      problems.push(`web/src/${entry.name} is not in the table`)
  }
  const result = await cruise(['src', 'web/src'], {
    baseDir: root,
    exclude: { path: '\\.(test\\.ts|css)$' },
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      extensions: ['.ts', '.tsx'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node'],
    },
    ruleSet: rulesOf(table),
    validate: true,
  })
  const output = result.output as ICruiseResult
  const seenIn = (directory: string): number => {
    const seen = output.modules.filter(({ source: path }) =>
      path.startsWith(`${directory}/`),
    ).length
    const files = countFiles(join(root, directory))
    if (files === 0) problems.push(`there is no file in ${directory}`)
    if (seen < files)
      problems.push(`only ${seen} of ${files} modules of ${directory} were looked at`)
    return seen
  }
  const modules = seenIn('src')
  const webModules = seenIn('web/src')
  for (const violation of output.summary.violations) {
    problems.push(`${violation.rule.name}: ${violation.from} -> ${violation.to}`)
  }
  return { modules, webModules, problems }
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
        from: { path: '^(web/)?src/' },
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
      ...webRulesOf(table),
    ],
  }
}

/** Arrows of the pages: downwards through their folders, and out only through the doors that the table names. */
function webRulesOf({ web }: RoomTable): IFlattenedRuleSet['forbidden'] & object {
  return [
    {
      name: 'web-imports-only-what-the-table-allows',
      severity: 'error',
      from: { path: '^web/' },
      to: { path: '^src/', pathNot: `^src/(${web.imports.join('|')})/index\\.ts$` },
    },
    {
      name: 'web-takes-only-types',
      severity: 'error',
      from: { path: '^web/' },
      to: { path: '^src/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'web-runs-in-browsers',
      severity: 'error',
      from: { path: '^web/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'nobody-imports-web',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^web/' },
    },
    {
      name: 'features-do-not-import-each-other',
      severity: 'error',
      from: { path: '^web/src/features/([^/]+)/' },
      to: { path: '^web/src/features/', pathNot: '^web/src/features/$1/' },
    },
    ...web.folders.map((folder, index) => ({
      name: `web-${folder}-imports-only-what-is-below`,
      severity: 'error' as const,
      from: { path: `^web/src/${folder}/` },
      to: { path: '^web/', pathNot: `^web/src/(${web.folders.slice(index).join('|')})/` },
    })),
  ]
}

function countFiles(directory: string): number {
  return readdirSync(directory, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && /\.tsx?$/.test(entry.name) && !entry.name.endsWith('.test.ts'),
  ).length
}

if (import.meta.main) {
  const { readRoomTable } = await import('./table.ts')
  const root = resolve(import.meta.dirname, '../..')
  const report = await checkRooms(root, readRoomTable(join(root, 'tools/rooms.json')))
  for (const problem of report.problems) process.stderr.write(`rooms: ${problem}\n`)
  process.stdout.write(
    `rooms: ${report.modules} modules in src, ${report.webModules} in web, ${report.problems.length} problems\n`,
  )
  process.exitCode = report.problems.length === 0 ? 0 : 1
}
