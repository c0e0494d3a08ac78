import type { Access, StoredProfile } from '../../../client/index.ts'
import { errorMessage } from '../../../core/index.ts'
import { QuietExit } from '../../errors.ts'
import { exitCodes } from '../../exit-codes.ts'
import { parseFormat, render } from '../../format.ts'
import { print, say } from '../../io.ts'
import type { TshContext } from '../context.ts'
import { findProfile, loginCommand, openSession, readAccess, sessionOf } from '../session.ts'
import { instant } from '../time.ts'
import { profileText, profileView } from './profile-text.ts'

/** Who only wants to see his status does not wait for a proxy that is down. */
const REFRESH_TIMEOUT_MS = 3000

/** `tsh status`: every login, with what its roles give as of now where the proxy answers. */
export async function status(
  context: TshContext,
  flags: { readonly format: string },
): Promise<void> {
  const { world, store } = context
  const format = parseFormat(flags.format)
  if (context.identityFile() !== null) {
    using session = await openSession(context)
    const access = await readAccess(context, session)
    const shown = [{ profile: session.profile, access, isCurrent: true }]
    print(
      world.io,
      render(format, shown.map(viewAt(world.now())), () => text(shown, world.now())),
    )
    return
  }
  const meant = await findProfile(context)
  const { proxy, user } = context.wanted()
  const profiles = (await store.list()).filter(
    ({ profile }) =>
      (proxy === null || profile.proxy === proxy.text) && (user === null || profile.user === user),
  )
  const shown = await Promise.all(profiles.map((stored) => refreshed(context, stored)))
  shown.sort((a, b) => Number(b.isCurrent) - Number(a.isCurrent))
  print(
    world.io,
    render(format, shown.map(viewAt(world.now())), () => text(shown, world.now())),
  )
  if (meant.profile.expires_at_ms <= world.now()) {
    say(world.io, `tsh: log in again: ${loginCommand(meant.profile)}`)
    throw new QuietExit(exitCodes.denied.code)
  }
}

const viewAt =
  (nowMs: number) =>
  ({ profile, access, isCurrent }: StoredProfile): Readonly<Record<string, unknown>> =>
    profileView(profile, access, isCurrent, nowMs)

const text = (shown: readonly StoredProfile[], nowMs: number): string =>
  shown
    .map(({ profile, access, isCurrent }) => profileText(profile, access, isCurrent, nowMs))
    .join('\n\n')

/** What the server says now, else what it said last. */
async function refreshed(context: TshContext, stored: StoredProfile): Promise<StoredProfile> {
  const { world } = context
  const { profile } = stored
  if (profile.expires_at_ms <= world.now()) return stored
  let access: Access | null = stored.access
  try {
    using session = sessionOf(context, profile, access, REFRESH_TIMEOUT_MS)
    access = await readAccess(context, session)
  } catch (error) {
    const since = access === null ? 'nothing is known' : `this is as of ${instant(access.as_of_ms)}`
    say(world.io, `tsh: ${profile.proxy}: ${errorMessage(error)}; ${since}`)
  }
  return { ...stored, access }
}
