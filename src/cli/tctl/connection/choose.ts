import { resolve } from 'node:path'
import {
  type ApiConnection,
  AUTH_PORT,
  ClientError,
  type ConnectionHints,
  connectionOf,
  type FileIdentity,
  PROXY_PORT,
  parseServerAddress,
  readAdminIdentity,
  readIdentityFile,
  type ServerAddress,
} from '../../../client/index.ts'
import { errorCode, errorMessage, formatAddress } from '../../../core/index.ts'
import { CliError } from '../../errors.ts'
import { dataDirOf } from './config-file.ts'

export interface ConnectionFlags {
  readonly config?: string
  readonly identity?: string
  readonly authServer?: string
  readonly proxy?: string
}

type Env = Readonly<Record<string, string | undefined>>

/** The way to the auth service, and who we are on it. */
export interface ChosenConnection {
  readonly connection: ApiConnection
  /** For stderr: what is wrong with it though it works. */
  readonly warning: string | null
}

/**
 * Chooses by whom and where: an identity file that is named; else the configuration file that is named; else the local
 * administrator's identity, where there is one. Flags win over the environment. Rejects with what was looked at and why it
 * would not do; what is chosen carries the same words into later errors.
 */
export async function chooseConnection(
  flags: ConnectionFlags,
  env: Env,
  nowMs: number,
): Promise<ChosenConnection> {
  judge(flags)
  const identityFile =
    flags.identity ?? (flags.config === undefined ? set(env, 'TELEPORT_IDENTITY_FILE') : undefined)
  if (identityFile !== undefined) {
    const by = flags.identity === undefined ? '$TELEPORT_IDENTITY_FILE' : '-i'
    return byIdentityFile(identityFile, by, addressOf(flags, env), nowMs)
  }
  const config = flags.config ?? set(env, 'TELEPORT_CONFIG_FILE')
  if (config !== undefined) return byLocalAdministrator(config, flags)
  const skipped: string[] = []
  if (isRemote(flags)) {
    skipped.push('the administrator of this machine was not asked for: an address was given')
  } else {
    try {
      return await byLocalAdministrator(undefined, flags)
    } catch (error) {
      skipped.push(whyNot(error))
    }
  }
  throw new CliError('NO_IDENTITY', 'there is no identity here to act with', {
    hint: [
      ...skipped,
      'give an identity file and where to: -i <file> --auth-server=<host:port>; on the machine of the auth service: -c <teleport.yaml>',
    ].join('\n'),
  })
}

/** Of the local administrator: that there is none is no error when nobody named one; a broken file is. */
function whyNot(error: unknown): string {
  const code = errorCode(error)
  if (code === 'IDENTITY_MISSING' || code === 'IDENTITY_UNREADABLE') return errorMessage(error)
  throw error
}

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
}

function addressOf(flags: ConnectionFlags, env: Env): Destination {
  const { authServer, proxy } = flags
  const candidates: readonly (readonly [string | undefined, number, string])[] = [
    [authServer, AUTH_PORT, '--auth-server'],
    [proxy, PROXY_PORT, '--proxy'],
    [set(env, 'TELEPORT_AUTH_SERVER'), AUTH_PORT, '$TELEPORT_AUTH_SERVER'],
    [set(env, 'TELEPORT_PROXY'), PROXY_PORT, '$TELEPORT_PROXY'],
  ]
  for (const [text, port, by] of candidates) {
    if (text !== undefined) return { address: parseServerAddress(text, port, by), by }
  }
  return { address: { host: '127.0.0.1', port: AUTH_PORT }, by: 'nothing was named' }
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
          destination.by === 'nothing was named'
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
  const address = isRemote(flags) ? addressOf(flags, {}).address : connection
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

const hintsOf = (used: string, hints: Omit<ConnectionHints, 'denied'>): ConnectionHints => ({
  unreachable: `${hints.unreachable}\n${used}`,
  untrusted: `${hints.untrusted}\n${used}`,
  unauthenticated: `${hints.unauthenticated}\n${used}`,
  denied: used,
})
