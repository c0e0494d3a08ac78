import { Command } from 'commander'
import type { UserResource } from '../../../contract/index.ts'
import { CliError } from '../../errors.ts'
import { everyPage } from '../../every-page.ts'
import { parseFormat, render, table } from '../../format.ts'
import { print, say } from '../../io.ts'
import { examples } from '../../run.ts'
import type { TctlContext } from '../context.ts'
import { caPinsOf, LINK_TTL, linkText, makeLink, parseLinkTtl } from './link.ts'
import { resetCommand } from './reset.ts'

/** The role of a user for whom none was named: what the user's own Kubernetes groups and users allow. */
const DEFAULT_ROLE = 'access'

/** `tctl users` */
export function usersCommand(context: TctlContext): Command {
  const command = new Command('users')
    .description('local users: people and robots')
    .addCommand(addCommand(context))
    .addCommand(lsCommand(context))
    .addCommand(updateCommand(context))
    .addCommand(resetCommand(context))
    .addCommand(rmCommand(context))
  return examples(command, [
    'tctl users add joe --k8s-groups=developers',
    'tctl users ls',
    'tctl users reset joe',
  ])
}

interface UserFlags {
  readonly roles?: string[]
  readonly k8sGroups?: string[]
  readonly k8sUsers?: string[]
  readonly logins?: string[]
}

/** Both spellings of the seed's and today's flags; a list may be given comma-separated or repeated. */
function userFlags(command: Command): Command {
  return command
    .option('--roles <names>', 'roles, comma-separated', list)
    .option('--k8s-groups <groups>', 'Kubernetes groups (trait kubernetes_groups)', list)
    .option('--k8s-users <users>', 'Kubernetes users (trait kubernetes_users)', list)
    .option('--kubernetes-groups <groups>', 'the same as --k8s-groups', list)
    .option('--kubernetes-users <users>', 'the same as --k8s-users', list)
    .option('--logins <logins>', 'logins (trait logins)', list)
}

const list = (text: string, before: string[] | undefined): string[] => [
  ...(before ?? []),
  ...text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
]

interface RawUserFlags extends UserFlags {
  readonly kubernetesGroups?: string[]
  readonly kubernetesUsers?: string[]
}

const merged = (one: string[] | undefined, other: string[] | undefined): string[] | undefined =>
  one === undefined ? other : other === undefined ? one : [...new Set([...one, ...other])]

/** The traits that flags set; a flag that was not given leaves its trait alone. */
function traitsOf(flags: RawUserFlags): Record<string, string[]> {
  const groups = merged(flags.k8sGroups, flags.kubernetesGroups)
  const users = merged(flags.k8sUsers, flags.kubernetesUsers)
  return {
    ...(groups === undefined ? {} : { kubernetes_groups: groups }),
    ...(users === undefined ? {} : { kubernetes_users: users }),
    ...(flags.logins === undefined ? {} : { logins: flags.logins }),
  }
}

function addCommand(context: TctlContext): Command {
  const { usual, most } = LINK_TTL.invite
  const command = userFlags(
    new Command('add')
      .description('add a local user, and make a link with which the user chooses a password')
      .argument('<name>', 'name of the user')
      .argument('[logins]', 'logins, comma-separated'),
  )
    .option('--ttl <duration>', `how long the link works, at most ${most} (default: ${usual})`)
    .option('--format <format>', 'text, json or yaml', 'text')
    .action((name: string, logins: string | undefined, flags: AddFlags) =>
      add(
        context,
        name,
        logins === undefined ? flags : { ...flags, logins: list(logins, flags.logins) },
      ),
    )
  return examples(command, [
    'tctl users add joe --k8s-groups="system:masters"',
    'tctl users add jenkins --k8s-users="jenkins"',
    'tctl users add alice --roles=access,auditor --k8s-groups=developers --ttl=24h',
  ])
}

interface AddFlags extends RawUserFlags {
  readonly ttl?: string
  readonly format: string
}

async function add({ io, connect }: TctlContext, name: string, flags: AddFlags): Promise<void> {
  const format = parseFormat(flags.format)
  const ttlMs = parseLinkTtl('invite', flags.ttl)
  using client = await connect()
  const roles = flags.roles ?? [DEFAULT_ROLE]
  const user = await client.call('users.create', {
    body: {
      kind: 'user',
      version: 'v2',
      metadata: { name },
      spec: { roles, traits: traitsOf(flags) },
    },
  })
  const added = `user "${user.metadata.name}" added with ${rolesText(user.spec.roles)}`
  if (format === 'text') print(io, added)
  else say(io, added)
  if (flags.roles === undefined) {
    say(
      io,
      `no --roles given: "${DEFAULT_ROLE}" lets a user be the Kubernetes groups and users named here`,
    )
  }
  const link = await makeLink(client, name, 'invite', ttlMs)
  const pins = await caPinsOf(client)
  print(
    io,
    render(format, [{ user, invite: link }], () => linkText(name, link, pins)),
  )
  say(
    io,
    'hand on the CA pin of "tctl status" with it: the first "tsh login" of a person asks for it',
  )
  say(
    io,
    `a robot has no use for the link: tctl auth sign --user=${name} --format=kubernetes --out=kubeconfig --ttl=25h`,
  )
}

function updateCommand(context: TctlContext): Command {
  const command = userFlags(
    new Command('update')
      .description('change roles or traits of a local user; what is not named stays')
      .argument('<name>', 'name of the user')
      .option('--set-roles <names>', 'the same as --roles', list),
  ).action(async (name: string, flags: RawUserFlags & { setRoles?: string[] }) => {
    const roles = merged(flags.roles, flags.setRoles)
    const traits = traitsOf(flags)
    if (roles === undefined && Object.keys(traits).length === 0) {
      throw new CliError(
        'USAGE',
        'nothing to change: give --roles, --k8s-groups, --k8s-users or --logins',
      )
    }
    using client = await context.connect()
    const before = await client.call('users.read', { params: { name } })
    // With the revision that was read: somebody else's change in between is refused, not overwritten.
    await client.call('users.upsert', {
      params: { name },
      body: {
        ...before,
        spec: {
          roles: roles ?? before.spec.roles,
          traits: { ...before.spec.traits, ...traits },
        },
      },
    })
    print(context.io, `user "${name}" updated`)
    say(context.io, 'what was taken away is gone at once; what was added needs a new certificate')
  })
  return examples(command, [
    'tctl users update joe --set-roles=access,editor',
    'tctl users update joe --k8s-groups=developers,viewers',
  ])
}

function lsCommand(context: TctlContext): Command {
  const command = new Command('ls')
    .description('list local users')
    .option('--format <format>', 'text, json or yaml', 'text')
    .action(async (options: { format: string }) => {
      const format = parseFormat(options.format)
      using client = await context.connect()
      const users = await everyPage((after) =>
        client.call('users.list', { query: after === null ? {} : { after } }),
      )
      print(
        context.io,
        render(format, users, (all) =>
          table(
            ['User', 'Roles', 'Kubernetes Groups', 'Kubernetes Users', 'Last Login'],
            all.map(({ metadata, spec, status }) => [
              metadata.name,
              spec.roles.join(','),
              (spec.traits?.['kubernetes_groups'] ?? []).join(','),
              (spec.traits?.['kubernetes_users'] ?? []).join(','),
              loginText(status),
            ]),
          ),
        ),
      )
    })
  return examples(command, ['tctl users ls', 'tctl users ls --format=json'])
}

function rmCommand(context: TctlContext): Command {
  const command = new Command('rm')
    .description('remove local users; their certificates stop working at once')
    .argument('<names>', 'names, comma-separated')
    .action(async (names: string) => {
      using client = await context.connect()
      for (const name of list(names, undefined)) {
        await client.call('users.delete', { params: { name } })
        print(context.io, `user "${name}" removed`)
      }
    })
  return examples(command, ['tctl users rm joe', 'tctl users rm joe,jenkins'])
}

/** When the user logged in last, and what stands in the way of the next time. */
function loginText(status: UserResource['status']): string {
  if (status === undefined) return ''
  const { last_login: last, password_set: set, locked_until: until } = status
  return [
    last ?? 'never',
    ...(set ? [] : ['no password']),
    ...(until === undefined ? [] : [`failed attempts: none is taken until ${until}`]),
  ].join('; ')
}

const rolesText = (roles: readonly string[]): string =>
  roles.length === 0
    ? 'no role'
    : `${roles.length === 1 ? 'role' : 'roles'} ${roles.map((role) => `"${role}"`).join(', ')}`
