import { expect, it } from 'vitest'
import { launcherOf } from './world.ts'

it.each([
  [
    'a checkout',
    'file:///srv/tele%20port/src/cli/tsh/world.ts',
    '/x/main.ts',
    ['/srv/tele port/bin/tsh'],
  ],
  [
    'a bundle',
    'file:///usr/lib/tsh/tsh.mjs',
    '/usr/lib/tsh/tsh.mjs',
    [process.execPath, '/usr/lib/tsh/tsh.mjs'],
  ],
  ['one executable', 'file:///usr/bin/tsh', undefined, [process.execPath]],
])('the launcher of %s', (_, url, main, launcher) => {
  expect(launcherOf(url, main)).toEqual(launcher)
})
