import { Command } from 'commander'
import { type Io, print } from '../io.ts'
import { ownVersion } from '../version.ts'

/** `tsh`: the command line of people. This version has no login yet; certificates come from `tctl auth sign`. */
export function buildTsh(io: Io): Command {
  return new Command('tsh')
    .description('the command line of people; this version has no login yet, see "tctl auth sign"')
    .addCommand(
      new Command('version').description('print the version').action(() => print(io, ownVersion())),
    )
}
