import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { checkRooms } from './check.ts'
import type { RoomTable } from './table.ts'

const TABLE: RoomTable = {
  rooms: {
    core: { layer: 0, imports: [], pure: true, says: '' },
    storage: { layer: 1, imports: ['core'], pure: false, says: '' },
    audit: { layer: 2, imports: ['core', 'storage'], pure: false, says: '' },
    path: { layer: 3, imports: ['core', 'audit'], pure: false, says: '' },
  },
  web: { imports: [], folders: ['app'], says: '' },
  dataPath: { from: 'path', never: ['storage'] },
}

/** A house in which all is well; each test plants one fault. */
const HOUSE: Readonly<Record<string, string>> = {
  'core/index.ts': "export { a } from './a.ts'\n",
  'core/a.ts': 'export const a = 1\n',
  'storage/index.ts': "import { a } from '../core/index.ts'\nexport const s = a\n",
  'audit/index.ts': "export { e } from './e.ts'\n",
  'audit/e.ts': 'export const e = 1\n',
  'path/index.ts': "import { e } from '../audit/index.ts'\nexport const p = e\n",
}

const roots: string[] = []
afterEach(async () => {
  for (const root of roots.splice(0)) await rm(root, { recursive: true })
})

async function problemsOf(files: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const root = await mkdtemp(join(tmpdir(), 'rooms-'))
  roots.push(root)
  await mkdir(join(root, 'src'))
  await mkdir(join(root, 'web/src/app'), { recursive: true })
  await writeFile(join(root, 'web/src/app/main.tsx'), 'export {}\n')
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, 'src', path)), { recursive: true })
    await writeFile(join(root, 'src', path), text)
  }
  return (await checkRooms(root, TABLE)).problems
}

describe('checkRooms(), of the rooms under src', () => {
  it('finds nothing in a house where all is well', async () => {
    expect(await problemsOf(HOUSE)).toEqual([])
  })

  it.each([
    [
      'an arrow that the table does not have',
      { 'core/a.ts': "import { s } from '../storage/index.ts'\nexport const a = s\n" },
      'core-imports-only-what-the-table-allows: src/core/a.ts -> src/storage/index.ts',
    ],
    [
      'a way past a door',
      { 'path/index.ts': "import { e } from '../audit/e.ts'\nexport const p = e\n" },
      'through-the-door: src/path/index.ts -> src/audit/e.ts',
    ],
    [
      'a way past a door for a type alone',
      {
        'audit/e.ts': 'export const e = 1\nexport type E = number\n',
        'path/index.ts': "import type { E } from '../audit/e.ts'\nexport const p: E = 1\n",
      },
      'through-the-door: src/path/index.ts -> src/audit/e.ts',
    ],
    [
      'a room that goes out by its own door',
      { 'audit/f.ts': "import { e } from './index.ts'\nexport const f = e\n" },
      'nobody-imports-his-own-door: src/audit/f.ts -> src/audit/index.ts',
    ],
    [
      'a circle',
      {
        'audit/e.ts': "import { f } from './f.ts'\nexport const e = (): number => f()\n",
        'audit/f.ts': "import { e } from './e.ts'\nexport const f = (): number => e()\n",
      },
      'no-circles: src/audit/e.ts -> src/audit/f.ts',
    ],
    [
      'input and output in a pure room',
      { 'core/a.ts': "import { readFileSync } from 'node:fs'\nexport const a = readFileSync\n" },
      'pure-rooms-do-no-io: src/core/a.ts -> fs',
    ],
    [
      'a data path that reaches storage through another room',
      { 'audit/e.ts': "import { s } from '../storage/index.ts'\nexport const e = s\n" },
      'data-path-reaches-nothing-slow: src/path/index.ts -> src/storage/index.ts',
    ],
    [
      'an import of what is not there',
      { 'core/a.ts': "import { b } from './b.ts'\nexport const a = b\n" },
      'resolvable: src/core/a.ts -> ./b.ts',
    ],
    ['a room that is not in the table', { 'extra/index.ts': '' }, 'src/extra is not in the table'],
    ['a file outside the rooms', { 'loose.ts': '' }, 'src/loose.ts belongs to no room'],
  ])('finds %s', async (_what, planted, problem) => {
    expect(await problemsOf({ ...HOUSE, ...planted })).toContain(problem)
  })

  it('finds a room without a door', async () => {
    const { 'audit/index.ts': _door, 'path/index.ts': _user, ...rest } = HOUSE
    expect(await problemsOf({ ...rest, 'path/index.ts': '' })).toContain(
      'room audit has no door (src/audit/index.ts)',
    )
  })

  it('fails when files were not looked at', async () => {
    expect(await problemsOf({ ...HOUSE, 'core/node_modules/hidden.ts': '' })).toContain(
      'only 6 of 7 modules of src were looked at',
    )
  })

  it('fails when there is nothing to look at', async () => {
    expect(await problemsOf({})).toContain('there is no file in src')
  })
})
