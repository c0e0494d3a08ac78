import { join, resolve } from 'node:path'
import {
  type ApiConnection,
  AUTH_PORT,
  ClientError,
  type ConnectionHints,
  connectionOf,
  connectionTo,
  dialOf,
  type FileIdentity,
  PROXY_PORT,
  ProfileStore,
  parseProxyAddress,
  parseServerAddress,
  readAdminIdentity,
  readIdentityFile,
  type ServerAddress,
  shellWord,
  upgradeOf,
} from '../../../client/index.ts'
import { errorCode, errorMessage, formatAddress } from '../../../core/index.ts'
import { CliError } from '../../errors.ts'
import { loginCommand } from '../../tsh/session.ts'
import { dataDirOf } from './config-file.ts'

export interface ConnectionFlags {
  readonly config?: string
  readonly identity?: string
  readonly authServer?: string
  readonly proxy?: string
}

type Env = Readonly<Record<string, string | undefined>>

/** What is looked at besides the flags. */
export interface Surroundings {
  readonly env: Env
  readonly nowMs: number
  /** The home directory; logins are in `.tsh` below it, or where TELEPORT_HOME says. */
  readonly userHome: string
}

/** The way to the auth service, and who we are on it. */
export interface ChosenConnection {
  readonly connection: ApiConnection
  /** For stderr: what is wrong with it though it works. */
  readonly warning: string | null
}

/**
 * Chooses by whom and where: an identity file that is named; else the configuration file that is named; else the local
 * administrator's identity, where there is one and no address was named; else the current login of `tsh`. Flags win over the
 * environment. Rejects with what was looked at and why it would not do; what is chosen carries the same words into later
 * errors. Nobody is asked anything.
 */
export async function chooseConnection(
  flags: ConnectionFlags,
  surroundings: Surroundings,
): Promise<ChosenConnection> {
  judge(flags)
  const { env, nowMs } = surroundings
  const identityFile =
    flags.identity ?? (flags.config === undefined ? set(env, 'TELEPORT_IDENTITY_FILE') : undefined)
  if (identityFile !== undefined) {
    const by = flags.identity === undefined ? '$TELEPORT_IDENTITY_FILE' : '-i'
    const destination = destinationOf(flags, env) ?? THIS_MACHINE
    const chosen = await byIdentityFile(identityFile, by, destination, nowMs)
    // A file does not tell what is in front of a proxy.
    const upgraded = destination.isProxy && upgradeOf(env) === 'always'
    return { ...chosen, connection: { ...chosen.connection, dial: dialOf({ upgraded }) } }
  }
  const config = flags.config ?? set(env, 'TELEPORT_CONFIG_FILE')
  if (config !== undefined) return byLocalAdministrator(config, flags)
  const skipped: string[] = []
  if (isRemote(flags)) {
    skipped.push('not as the administrator of this machine: an address was named')
  } else {
    try {
      return await byLocalAdministrator(undefined, flags)
    } catch (error) {
      skipped.push(`not as the administrator of this machine: ${whyNot(error)}`)
    }
  }
  return byLogin(flags, surroundings, skipped)
}

/** Nobody named the local administrator: that he cannot be used is a reason, and no error. */
function whyNot(error: unknown): string {
  if (SKIPPED.has(errorCode(error) ?? '')) return errorMessage(error)
  throw error
}

/** A configuration file that only the service’s user may read is as usual as none. */
const SKIPPED: ReadonlySet<string> = new Set([
  'IDENTITY_MISSING',
  'IDENTITY_UNREADABLE',
  'FILE_UNREADABLE',
])

function judge(flags: ConnectionFlags): void {
  if (flags.identity !== undefined && flags.config !== undefined) {
    throw new CliError(
      'USAGE',
      '-i and -c exclude each other: two identities, and one of them counts',
    )
  }
  if (flags.authServer !== undefined && flags.proxy !== undefined) {
    throw new CliError('USAGE', '--auth-server and --proxy exclude each other: both say where to')
  }
}

const isRemote = ({ authServer, proxy }: ConnectionFlags): boolean =>
  authServer !== undefined || proxy !== undefined

const set = (env: Env, name: string): string | undefined => env[name] || undefined

/** Where to, and who said so. */
interface Destination {
  readonly address: ServerAddress
  readonly by: string
  readonly isProxy: boolean
}

const THIS_MACHINE: Destination = {
  address: { host: '127.0.0.1', port: AUTH_PORT },
  by: 'nothing was named',
  isProxy: false,
}

/** Null: neither a flag nor the environment names an address. */
function destinationOf({ authServer, proxy }: ConnectionFlags, env: Env): Destination | null {
  const candidates: readonly (readonly [string | undefined, number, string])[] = [
    [authServer, AUTH_PORT, '--auth-server'],
    [proxy, PROXY_PORT, '--proxy'],
    [set(env, 'TELEPORT_AUTH_SERVER'), AUTH_PORT, '$TELEPORT_AUTH_SERVER'],
    [set(env, 'TELEPORT_PROXY'), PROXY_PORT, '$TELEPORT_PROXY'],
  ]
  for (const [text, port, by] of candidates) {
    if (text !== undefined) {
      const isProxy = port === PROXY_PORT
      return { address: parseServerAddress(text, port, by), by, isProxy }
    }
  }
  return null
}

async function byIdentityFile(
  path: string,
  by: string,
  destination: Destination,
  nowMs: number,
): Promise<ChosenConnection> {
  const file = await readIdentityFile(path)
  const { user, teleportCluster } = file.identity
  const used = `as user "${user}" of "${teleportCluster}" by ${path} (${by}), at ${formatAddress(destination.address.host, destination.address.port)} (${destination.by})`
  const renew = `have it signed again: "tctl auth sign --user=${user} --format=file", or "tsh login --format=file --out=${path}"`
  assertValid(file, path, renew, nowMs)
  return {
    connection: {
      ...connectionOf(file, destination.address),
      hints: hintsOf(used, {
        unreachable:
          destination === THIS_MACHINE
            ? 'give --auth-server=<host:port>, or --proxy=<host:port>'
            : `is ${destination.by} right? the auth service is on port ${AUTH_PORT}, and behind the web port of a proxy, ${PROXY_PORT}`,
        untrusted: `is this a proxy or the auth service of "${teleportCluster}"? the authority in ${path} does not vouch for what answers`,
        unauthenticated: renew,
      }),
    },
    warning: file.exposed ? `${path} can be read by others: chmod 600 ${path}` : null,
  }
}

function assertValid(file: FileIdentity, path: string, renew: string, nowMs: number): void {
  if (nowMs <= file.expiresAtMs) return
  throw new ClientError(
    'IDENTITY_EXPIRED',
    `the certificate in ${path} expired at ${new Date(file.expiresAtMs).toISOString()}`,
    { hint: renew },
  )
}

async function byLocalAdministrator(
  config: string | undefined,
  flags: ConnectionFlags,
): Promise<ChosenConnection> {
  const dataDir = resolve(await dataDirOf(config))
  const connection = await readAdminIdentity(dataDir)
  const address = destinationOf(flags, {})?.address ?? connection
  const used = `as the administrator of this machine (${dataDir})`
  return {
    connection: {
      ...connection,
      host: address.host,
      port: address.port,
      hints: hintsOf(used, {
        unreachable: 'is it running? start it with "teleport start"',
        untrusted: 'is another Teleport cluster running on this port?',
        unauthenticated: `the auth service writes ${dataDir} anew when it starts: is this its directory?`,
      }),
    },
    warning: null,
  }
}

/** By the login that `tsh` keeps: that at the named proxy, else the current one. */
async function byLogin(
  flags: ConnectionFlags,
  { env, nowMs, userHome }: Surroundings,
  skipped: readonly string[],
): Promise<ChosenConnection> {
  const home = set(env, 'TELEPORT_HOME') ?? join(userHome, '.tsh')
  const named =
    flags.proxy ?? (flags.authServer === undefined ? set(env, 'TELEPORT_PROXY') : undefined)
  const proxy = named === undefined ? null : parseProxyAddress(named, 'proxy')
  const user = set(env, 'TELEPORT_USER')
  const found = await new ProfileStore(home).find({
    ...(proxy === null ? {} : { proxy: proxy.text }),
    ...(user === undefined ? {} : { user }),
  })
  if (found === null) {
    throw new CliError('NO_IDENTITY', 'there is no identity here to act with', {
      hint: [
        ...skipped,
        `not by a login: there is none${proxy === null ? '' : ` at ${proxy.text}`} in ${home}`,
        `log in: tsh login --proxy=${proxy === null ? '<host:port>' : shellWord(proxy.text)}`,
        'or give an identity file and where to: -i <file> --auth-server=<host:port>',
        'or, on the machine of the auth service: -c <teleport.yaml>',
      ].join('\n'),
    })
  }
  const { profile } = found
  const again = loginCommand(profile)
  if (profile.expires_at_ms <= nowMs) {
    throw new CliError(
      'LOGIN_EXPIRED',
      `the login of ${profile.user} at ${profile.proxy} ended at ${new Date(profile.expires_at_ms).toISOString()}`,
      { hint: [`log in again: ${again}`, ...skipped].join('\n') },
    )
  }
  const toProxy = parseProxyAddress(profile.proxy, home)
  const address =
    flags.authServer === undefined ? toProxy : (destinationOf(flags, {})?.address ?? toProxy)
  const where = formatAddress(address.host, address.port)
  const used = [
    `as user "${profile.user}" of "${profile.teleport_cluster}" by the login at ${profile.proxy} (${home}), at ${where}`,
    ...skipped,
  ].join('\n')
  return {
    connection: {
      ...connectionTo(
        // Another address is that of the auth service, or of whom somebody knows better.
        { proxy: toProxy, ...(address === toProxy ? { dial: dialOf(profile) } : {}) },
        profile.teleport_cluster,
        profile.host_ca,
      ),
      host: address.host,
      port: address.port,
      certificate: profile.certificate,
      privateKey: profile.private_key,
      hints: hintsOf(used, {
        unreachable: 'is the proxy running, and is this machine online?',
        untrusted: `if the cluster was set up anew: ${again}`,
        unauthenticated: `log in again: ${again}`,
      }),
    },
    warning: null,
  }
}

const hintsOf = (used: string, hints: Omit<ConnectionHints, 'denied'>): ConnectionHints => ({
  unreachable: `${hints.unreachable}\n${used}`,
  untrusted: `${hints.untrusted}\n${used}`,
  unauthenticated: `${hints.unauthenticated}\n${used}`,
  denied: used,
})
