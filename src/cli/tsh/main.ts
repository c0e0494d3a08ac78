import { processIo } from '../io.ts'
import { run } from '../run.ts'
import { buildTsh } from './program.ts'

process.exitCode = await run(buildTsh, process.argv.slice(2), processIo())
