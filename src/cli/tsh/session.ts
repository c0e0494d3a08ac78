import {
  type Access,
  ApiClient,
  accessOf,
  ClientError,
  connectionOf,
  connectionTo,
  dialOf,
  type Profile,
  parseProxyAddress,
  readIdentityFile,
  type StoredProfile,
  shellWord,
} from '../../client/index.ts'
import { CliError } from '../errors.ts'
import type { TshContext } from './context.ts'
import { remaining } from './time.ts'
import { warnOfSkew } from './warn-of-skew.ts'

/** Who we are for a command that needs a login, and the way to the auth service. */
export interface Session extends Disposable {
  readonly profile: Profile
  /** As it was when the server was last asked. */
  readonly access: Access | null
  readonly client: ApiClient
  /** False for an identity file: then nothing below `~/.tsh` is read or written. */
  readonly isStored: boolean
}

/** The command that logs a person in (again), as it can be typed. */
export const loginCommand = ({ proxy, user }: Pick<Profile, 'proxy' | 'user'>): string =>
  `tsh login --proxy=${shellWord(proxy)} --user=${shellWord(user)}`

/** The profile that the flags mean. Rejects with CliError NOT_LOGGED_IN. */
export async function findProfile(context: TshContext): Promise<StoredProfile> {
  const { proxy, user } = context.wanted()
  const found = await context.store.find({
    ...(proxy === null ? {} : { proxy: proxy.text }),
    ...(user === null ? {} : { user }),
  })
  if (found !== null) return found
  const whom = `${user === null ? '' : ` as ${user}`}${proxy === null ? '' : ` at ${proxy.text}`}`
  throw new CliError('NOT_LOGGED_IN', `not logged in${whom}`, {
    hint: `log in: tsh login --proxy=${proxy === null ? '<host:port>' : shellWord(proxy.text)}${user === null ? '' : ` --user=${shellWord(user)}`}`,
  })
}

/** Rejects with CliError NOT_LOGGED_IN or LOGIN_EXPIRED, ClientError for an identity file. */
export async function openSession(context: TshContext, timeoutMs?: number): Promise<Session> {
  const path = context.identityFile()
  if (path !== null) return fileSession(context, path)
  const { profile, access } = await findProfile(context)
  if (profile.expires_at_ms <= context.world.now()) throw expired(profile, context.world.now())
  return sessionOf(context, profile, access, timeoutMs)
}

/** A session of a profile, whether it is still valid or not. */
export function sessionOf(
  context: TshContext,
  profile: Profile,
  access: Access | null,
  timeoutMs?: number,
): Session {
  const connection = {
    ...connectionTo(
      {
        proxy: parseProxyAddress(profile.proxy, 'profile'),
        signal: context.world.io.signal,
        dial: dialOf(profile),
      },
      profile.teleport_cluster,
      profile.host_ca,
    ),
    certificate: profile.certificate,
    privateKey: profile.private_key,
  }
  const again = `log in again: ${loginCommand(profile)}`
  const client = new ApiClient({
    ...connection,
    hints: {
      unreachable: 'is the proxy running, and is this machine online?',
      untrusted: `if the cluster was set up anew: ${loginCommand(profile)}`,
      unauthenticated: again,
      denied: 'see "tsh status" for your roles',
    },
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    onCall: (name, outcome, ms) => context.debug(`${name}: ${outcome} (${Math.round(ms)} ms)`),
  })
  return {
    profile,
    access,
    client,
    isStored: true,
    [Symbol.dispose]: () => client[Symbol.dispose](),
  }
}

async function fileSession(context: TshContext, path: string): Promise<Session> {
  const { proxy } = context.wanted()
  if (proxy === null) {
    throw new CliError('USAGE', '-i needs --proxy: an identity file does not say where to', {
      hint: 'give --proxy=<host:port>',
    })
  }
  const file = await readIdentityFile(path)
  if (file.expiresAtMs <= context.world.now()) {
    throw new ClientError(
      'IDENTITY_EXPIRED',
      `the certificate in ${path} expired at ${new Date(file.expiresAtMs).toISOString()}`,
      {
        hint: `write it anew: tsh login --proxy=${shellWord(proxy.text)} --user=${shellWord(file.identity.user)} --out=${shellWord(path)}`,
      },
    )
  }
  // A file does not tell what is in front of a proxy.
  const upgraded = context.upgrade() === 'always'
  const client = new ApiClient({
    ...connectionOf(file, proxy),
    dial: dialOf({ upgraded }),
    signal: context.world.io.signal,
    onCall: (name, outcome, ms) => context.debug(`${name}: ${outcome} (${Math.round(ms)} ms)`),
    hints: {
      unreachable: 'is --proxy its web address (host:port), and is the proxy running?',
      untrusted: `is this a proxy of "${file.identity.teleportCluster}"?`,
      unauthenticated: `write ${path} anew`,
      denied: null,
    },
  })
  return {
    profile: {
      version: 1,
      proxy: proxy.text,
      user: file.identity.user,
      teleport_cluster: file.identity.teleportCluster,
      host_ca: file.hostCa,
      certificate: file.certificate,
      private_key: file.privateKey,
      expires_at_ms: file.expiresAtMs,
      logged_in_at_ms: 0,
      kubeconfigs: [],
      upgraded,
    },
    access: null,
    client,
    isStored: false,
    [Symbol.dispose]: () => client[Symbol.dispose](),
  }
}

/** What the person's roles give as of now; kept for `tsh status` and the shell's completion. */
export async function readAccess(context: TshContext, session: Session): Promise<Access> {
  const access = accessOf(await session.client.call('self.read', {}), context.world.now())
  warnOfSkew(context.world.io, access.server_version)
  if (session.isStored) await context.store.saveAccess(session.profile, access)
  return access
}

/** When a login that is not good any more ended, or that it is about to. */
export const endWords = (profile: Profile, nowMs: number): string =>
  `the login of ${profile.user} at ${profile.proxy} ${
    profile.expires_at_ms > nowMs
      ? 'ends within a minute'
      : `ended ${remaining(profile.expires_at_ms, nowMs)}`
  }`

export const expired = (profile: Profile, nowMs: number): CliError =>
  new CliError('LOGIN_EXPIRED', endWords(profile, nowMs), {
    hint: `log in again: ${loginCommand(profile)}`,
  })
