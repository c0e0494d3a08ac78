import { Command } from 'commander'
import type { InstanceResource } from '../../contract/index.ts'
import { versionNumbers } from '../../core/index.ts'
import { CliError } from '../errors.ts'
import { everyPage } from '../every-page.ts'
import { labelsText, parseFormat, render, table } from '../format.ts'
import { print, say } from '../io.ts'
import { examples } from '../run.ts'
import type { TctlContext } from './context.ts'

interface LsFlags {
  readonly services?: string
  readonly olderThan?: string
  readonly newerThan?: string
  readonly format: string
}

/** `tctl inventory ls` */
export function inventoryCommand({ io, connect }: TctlContext): Command {
  const ls = new Command('ls')
    .description('list the proxies and kubernetes services that joined')
    .option('--services <names>', 'only those that are one of these: kube, proxy')
    .option('--older-than <version>', 'only those of an older version, like 1.2.0')
    .option('--newer-than <version>', 'only those of a newer version')
    .option('--format <format>', 'text, json or yaml', 'text')
    .action(async (flags: LsFlags) => {
      const format = parseFormat(flags.format)
      const wanted = filterOf(flags)
      using client = await connect()
      const all = await everyPage((after) =>
        client.call('members.list', { query: after === null ? {} : { after } }),
      )
      const found = all.filter(wanted)
      print(io, render(format, found, instancesText))
      if (format !== 'text' || found.length > 0) return
      say(
        io,
        all.length > 0
          ? `tctl: none of ${all.length} processes is like that`
          : 'tctl: nothing has joined yet; the process of the auth service is not listed',
      )
    })
  const command = new Command('inventory')
    .description('processes of this Teleport cluster on other machines')
    .addCommand(
      examples(ls, [
        'tctl inventory ls',
        'tctl inventory ls --services=kube --older-than=1.2.0',
        'tctl inventory ls --format=json',
      ]),
    )
  return examples(command, ['tctl inventory ls'])
}

const instancesText = (instances: readonly InstanceResource[]): string =>
  table(
    ['Host ID', 'Hostname', 'Services', 'Version', 'Status', 'Last Seen', 'Token', 'Labels'],
    instances.map(({ metadata, spec, status }) => [
      metadata.name,
      spec.hostname,
      spec.services.join(','),
      spec.version,
      statusOf(status),
      status.last_seen,
      spec.token,
      labelsText(metadata.labels),
    ]),
  )

/** A lock says more than whether it was heard of just now. */
const statusOf = ({ online, locked }: InstanceResource['status']): string => {
  if (locked !== undefined) return 'locked'
  return online ? 'online' : 'offline'
}

function filterOf(flags: LsFlags): (instance: InstanceResource) => boolean {
  const services = flags.services?.split(',').map((name) => name.trim())
  const older = flags.olderThan === undefined ? null : versionOf('--older-than', flags.olderThan)
  const newer = flags.newerThan === undefined ? null : versionOf('--newer-than', flags.newerThan)
  return ({ spec }) => {
    if (services !== undefined && !spec.services.some((one) => services.includes(one))) return false
    const version = versionNumbers(spec.version)
    // What has no version that can be compared is shown: it is what somebody looks for.
    if (version === null) return true
    return (
      (older === null || compare(version, older) < 0) &&
      (newer === null || compare(version, newer) > 0)
    )
  }
}

function versionOf(flag: string, text: string): readonly number[] {
  const numbers = versionNumbers(text)
  if (numbers !== null) return numbers
  throw new CliError('USAGE', `${flag}=${text} is not a version like 1.2.0`)
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((number, index) => number !== b[index])
  return at === -1 ? 0 : (a[at] ?? 0) - (b[at] ?? 0)
}
