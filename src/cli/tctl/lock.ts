import { randomUUID } from 'node:crypto'
import { Command } from 'commander'
import type { ApiClient } from '../../client/index.ts'
import type { LockResource } from '../../contract/index.ts'
import { errorCode } from '../../core/index.ts'
import { durationFlag } from '../duration-flag.ts'
import { CliError } from '../errors.ts'
import { print, say } from '../io.ts'
import { examples } from '../run.ts'
import type { TctlContext } from './context.ts'

interface LockFlags {
  readonly user?: string
  readonly role?: string
  readonly serverId?: string
  readonly ttl?: string
  readonly expires?: string
  readonly message?: string
}

/** `tctl lock` */
export function lockCommand(context: TctlContext): Command {
  const command = new Command('lock')
    .summary('lock a user or a role out, at once')
    .description(
      'lock a user, a role or a service out: new requests are refused, what is underway ends at once; the administrator of the auth service’s machine cannot be locked out',
    )
    .option('--user <name>', 'the user')
    .option(
      '--role <name>',
      'whoever has this role, today or by certificate; with --user, only that user while he has it',
    )
    .option(
      '--server-id <id>',
      'a proxy or a kubernetes service elsewhere, by its host id (tctl inventory ls): its tunnels are cut, its certificate is refused',
    )
    .option('--ttl <duration>', 'for how long, like 10m or 25h (default: until it is removed)')
    .option('--expires <time>', 'until when, like 2026-01-31T09:00:00Z')
    .option('--message <text>', 'why; told to whoever is locked out')
    .action((flags: LockFlags) => lock(context, flags))
  return examples(command, [
    'tctl lock --user=joe --message="Laptop reported stolen" --ttl=10h',
    'tctl lock --server-id=0b6d3c5e-8f0a-4f4e-9d0e-6a1f3c1e2b7a --message="host compromised"',
    'tctl lock --role=developer --expires=2026-01-31T09:00:00Z',
    'tctl get locks --format=text',
    'tctl rm lock/<name>',
  ])
}

async function lock({ io, connect }: TctlContext, flags: LockFlags): Promise<void> {
  const body = lockOf(flags, Date.now())
  using client = await connect()
  const { metadata, spec } = await client.call('locks.create', { body })
  const until = spec.expires === undefined ? '' : ` until ${spec.expires}`
  print(io, `lock "${metadata.name}" created: ${whom(spec.target)} is locked out${until}`)
  say(io, `end it with: tctl rm lock/${metadata.name}`)
  for (const name of await missing(client, spec.target)) {
    say(io, `tctl: there is no ${name} now: is the name spelled right?`)
  }
}

function lockOf(flags: LockFlags, nowMs: number): LockResource {
  const { user, role, serverId, ttl, expires, message } = flags
  if (user === undefined && role === undefined && serverId === undefined) {
    throw new CliError('USAGE', 'whom? give --user, --role or --server-id')
  }
  if (serverId !== undefined && (user !== undefined || role !== undefined)) {
    throw new CliError('USAGE', '--server-id stands alone: make two locks')
  }
  if (ttl !== undefined && expires !== undefined) {
    throw new CliError('USAGE', '--ttl and --expires say the same: give one of them')
  }
  const ends = ttl === undefined ? expires : new Date(nowMs + positive(ttl)).toISOString()
  return {
    kind: 'lock',
    version: 'v2',
    metadata: { name: randomUUID() },
    spec: {
      target: {
        ...(user === undefined ? {} : { user }),
        ...(role === undefined ? {} : { role }),
        ...(serverId === undefined ? {} : { server_id: serverId }),
      },
      ...(message === undefined ? {} : { message }),
      ...(ends === undefined ? {} : { expires: ends }),
    },
  }
}

function positive(ttl: string): number {
  const ms = durationFlag('--ttl', ttl)
  if (ms === 0) throw new CliError('USAGE', '--ttl=0s would lock nobody out')
  return ms
}

function whom({ user, role, server_id: serverId }: LockResource['spec']['target']): string {
  if (serverId !== undefined) return `host ${serverId}`
  if (role === undefined) return `user "${user ?? ''}"`
  return user === undefined ? `role "${role}"` : `user "${user}" while he has role "${role}"`
}

/** What is named and is not there; a lock may come before its user, so this is a hint. Who may not look gets none. */
async function missing(
  client: ApiClient,
  { user, role, server_id: serverId }: LockResource['spec']['target'],
): Promise<readonly string[]> {
  const isMissing = (read: Promise<unknown>): Promise<boolean> =>
    read.then(
      () => false,
      (error: unknown) => errorCode(error) === 'NOT_FOUND',
    )
  const names: string[] = []
  if (
    user !== undefined &&
    (await isMissing(client.call('users.read', { params: { name: user } })))
  )
    names.push(`user "${user}"`)
  if (
    role !== undefined &&
    (await isMissing(client.call('roles.read', { params: { name: role } })))
  )
    names.push(`role "${role}"`)
  if (
    serverId !== undefined &&
    (await isMissing(client.call('members.read', { params: { name: serverId } })))
  )
    names.push(`host ${serverId}`)
  return names
}
