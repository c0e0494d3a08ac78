import { processIo } from '../io.ts'
import { run } from '../run.ts'
import { buildTctl } from './program.ts'

process.exitCode = await run(buildTctl, process.argv.slice(2), processIo())
