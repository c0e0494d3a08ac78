import { COMPLETE } from '../completion/complete.ts'
import { processIo } from '../io.ts'
import { run } from '../run.ts'
import { buildTsh } from './program.ts'
import { realWorld } from './world.ts'

/** The whole of tsh, as the process's own command line. */
export async function runTsh(argv: readonly string[]): Promise<number> {
  const io = processIo()
  const [first, ...words] = argv
  if (first === COMPLETE) {
    const { complete } = await import('./completion/complete.ts')
    return complete(realWorld(io), words)
  }
  return run(buildTsh, argv, io)
}
