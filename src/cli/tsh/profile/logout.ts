import {
  kubeconfigPaths,
  type Profile,
  planLogout,
  type StoredProfile,
  updateKubeconfigs,
} from '../../../client/index.ts'
import { CliError } from '../../errors.ts'
import { print, say } from '../../io.ts'
import type { TshContext } from '../context.ts'
import { findProfile } from '../session.ts'

export interface LogoutFlags {
  readonly all?: boolean
}

/** `tsh logout`: destroys the keys, then takes our entries out of the kubeconfigs. */
export async function logout(context: TshContext, flags: LogoutFlags): Promise<void> {
  const { world, store } = context
  const profiles = await profilesOf(context, flags)
  for (const { profile } of profiles) {
    // Keys first: whatever becomes of the kubeconfig, nobody can use them any more.
    await store.remove(profile)
    await leaveKubeconfigs(context, profile)
    print(world.io, `Logged out ${profile.user} at ${profile.proxy}`)
  }
  const left = await store.list()
  if (left.length > 0) {
    const names = left.map(({ profile }) => `${profile.user} at ${profile.proxy}`)
    say(world.io, `tsh: still logged in: ${names.join(', ')} ("tsh logout --all" ends them too)`)
  }
}

async function profilesOf(
  context: TshContext,
  flags: LogoutFlags,
): Promise<readonly StoredProfile[]> {
  const { proxy, user } = context.wanted()
  if (flags.all !== true) return [await findProfile(context)]
  if (proxy !== null || user !== null) {
    throw new CliError(
      'USAGE',
      '--all means every proxy and every user: leave --proxy and --user out',
    )
  }
  const all = await context.store.list()
  if (all.length === 0) throw new CliError('NOT_LOGGED_IN', 'not logged in anywhere')
  return all
}

async function leaveKubeconfigs({ world }: TshContext, profile: Profile): Promise<void> {
  const now = kubeconfigPaths(world.io.env, world.userHome)
  // Those of other days too: $KUBECONFIG may have been another when they were written.
  const others = profile.kubeconfigs.filter((path) => !now.includes(path))
  const onWait = (lock: string): void =>
    say(world.io, `tsh: waiting for another program to let go of ${lock}`)
  for (const paths of [now, ...others.map((path) => [path])]) {
    await updateKubeconfigs(
      paths,
      (files) =>
        planLogout(files, ({ proxy, user }) => proxy === profile.proxy && user === profile.user),
      { onWait },
    )
  }
}
