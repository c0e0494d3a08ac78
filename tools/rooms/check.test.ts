import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkRooms } from './check.ts'
import type { RoomTable } from './table.ts'

const table: RoomTable = {
  rooms: {
    contract: { layer: 0, imports: [], pure: true, says: '' },
    storage: { layer: 1, imports: ['contract'], pure: false, says: '' },
  },
  web: { imports: ['contract'], folders: ['app', 'features', 'components', 'lib'], says: '' },
  dataPath: { from: 'storage', never: ['daemon'] },
}

const GOOD: Readonly<Record<string, string>> = {
  'src/contract/index.ts': 'export interface Shape { x: 1 }\nexport const value = 1\n',
  'src/storage/index.ts': "export type { Shape } from '../contract/index.ts'\n",
  'web/src/app/main.tsx': "import '../features/one/page.tsx'\nimport './app.css'\n",
  'web/src/features/one/page.tsx': "import '../../components/card.tsx'\n",
  'web/src/features/two/page.tsx': 'export {}\n',
  'web/src/components/card.tsx': "import '../lib/call.ts'\n",
  'web/src/lib/call.ts':
    "import type { Shape } from '../../../src/contract/index.ts'\nexport type S = Shape\n",
}

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'rooms-'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

/** The rules that a tree breaks when these files are added to a good one. */
async function brokenBy(planted: Readonly<Record<string, string>>): Promise<string[]> {
  for (const [name, text] of Object.entries({ ...GOOD, ...planted })) {
    await mkdir(dirname(join(root, name)), { recursive: true })
    await writeFile(join(root, name), text)
  }
  const { problems } = await checkRooms(root, table)
  return problems.map((problem) => problem.split(':')[0] ?? '')
}

describe('a tree', () => {
  it('that keeps the table has no problems', async () => {
    expect(await brokenBy({})).toEqual([])
  })

  it.each([
    [
      'a page that imports another room',
      { 'web/src/lib/bad.ts': "import type {} from '../../../src/storage/index.ts'\n" },
      'web-imports-only-what-the-table-allows',
    ],
    [
      'a page that takes more than types',
      { 'web/src/lib/bad.ts': "import { value } from '../../../src/contract/index.ts'\nvalue\n" },
      'web-takes-only-types',
    ],
    [
      'a page that imports Node',
      { 'web/src/lib/bad.ts': "import 'node:fs'\n" },
      'web-runs-in-browsers',
    ],
    [
      'a feature that imports another',
      { 'web/src/features/two/page.tsx': "import '../one/page.tsx'\n" },
      'features-do-not-import-each-other',
    ],
    [
      'a part that imports what is above it',
      { 'web/src/components/bad.tsx': "import '../features/two/page.tsx'\n" },
      'web-components-imports-only-what-is-below',
    ],
    [
      'a room that imports pages',
      { 'src/storage/bad.ts': "import '../../web/src/lib/call.ts'\n" },
      'nobody-imports-web',
    ],
    [
      'an import that leads nowhere',
      { 'web/src/lib/bad.ts': "import './nothing.ts'\n" },
      'resolvable',
    ],
    [
      'a circle of pages',
      {
        'web/src/lib/a.ts': "import './b.ts'\n",
        'web/src/lib/b.ts': "import './a.ts'\n",
      },
      'no-circles',
    ],
    [
      'a room that imports one of a higher layer',
      { 'src/contract/bad.ts': "import '../storage/index.ts'\n" },
      'contract-imports-only-what-the-table-allows',
    ],
  ])('%s is a problem', async (_, planted, rule) => {
    expect(await brokenBy(planted)).toContain(rule)
  })

  it('with a folder of pages that the table does not know is a problem', async () => {
    expect(await brokenBy({ 'web/src/utils/x.ts': 'export {}\n' })).toContain(
      'web/src/utils is not in the table',
    )
  })
})
