import type { TshWorld } from '../../src/cli/tsh/world.ts'
import type { FakeIo } from './fake-io.ts'

/** Where `tsh` runs that asks nobody anything: its home, and no terminal to ask at. */
export const quietWorld = (io: FakeIo, userHome: string): TshWorld => ({
  io,
  now: () => Date.now(),
  prompts: null,
  userHome,
  platform: 'linux',
  launcher: [],
  interruptCaller: () => {},
})
