import { expect, it } from 'vitest'
import { diskHint } from './disk-hint.ts'

it.each([
  ['ENOSPC', 'make room on the disk of teleport.data_dir'],
  ['EROFS', 'teleport.data_dir must be where it can be written'],
  ['EACCES', 'teleport.data_dir and all that is in it must belong to the user who runs this'],
])('%s at the start leads to the data directory', (code, hint) => {
  expect(diskHint(Object.assign(new Error('write'), { code }))).toBe(hint)
})

it.each([new Error('a bug'), Object.assign(new Error('x'), { code: 'ENOENT' }), null])(
  'nothing is made up for %s',
  (error) => {
    expect(diskHint(error)).toBeNull()
  },
)
