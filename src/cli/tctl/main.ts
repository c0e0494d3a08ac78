import { COMPLETE } from '../completion/complete.ts'
import { processIo } from '../io.ts'
import { run } from '../run.ts'
import { complete } from './completion.ts'
import { buildTctl } from './program.ts'

const argv = process.argv.slice(2)
const [first, ...words] = argv
process.exitCode =
  first === COMPLETE ? await complete(processIo(), words) : await run(buildTctl, argv, processIo())
