/**
 * One table in one run: what the product costs, beside direct access and its peers. docs/bench.md says how to read it.
 *
 * `npm run bench [-- --quick] [--only=requests,latency,…] [--cpu-prof-dir DIR] [--write]`: `--write` puts what was found
 * into docs/bench, a file a section, and the aims into docs/bench.md.
 */
import { parseArgs } from 'node:util'
import { Bench } from './bench.ts'
import { Parties } from './parties.ts'
import { Report } from './report.ts'
import { commands } from './sections/commands.ts'
import { logins } from './sections/logins.ts'
import { recordings } from './sections/recordings.ts'
import { download, handshakes, latency, requests, thousand } from './sections/requests.ts'
import { sessions } from './sections/sessions.ts'
import { tunnels } from './sections/tunnels.ts'
import { watches } from './sections/watches.ts'
import { ways } from './sections/ways.ts'

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    'cpu-prof-dir': { type: 'string' },
    write: { type: 'boolean', default: false },
  },
})
const { quick } = flags
const sections = {
  requests,
  latency,
  thousand,
  handshakes,
  download,
  watches,
  commands,
  logins,
  recordings,
  sessions,
  tunnels,
  ways,
}
const all = Object.keys(sections)
const chosen = flags.only?.split(',') ?? all
const unknown = chosen.find((name) => !all.includes(name))
if (unknown !== undefined) throw new Error(`--only ${unknown}: there are ${all.join(', ')}`)
if (flags.write && quick) throw new Error('--write is for what may be quoted: without --quick')

await using parties = await Parties.open((quick ? 128 : 1024) * 1024 * 1024)
const report = new Report(quick)
const bench = new Bench({ parties, report, quick, profile: flags['cpu-prof-dir'] ?? null })
for (const [name, section] of Object.entries(sections)) {
  if (!chosen.includes(name)) continue
  report.begin(name)
  await section(bench)
  // What is found is kept, should a later section fail.
  if (flags.write) await report.write(all)
}
process.stdout.write(`${report.text}\n`)
