import { join, resolve } from 'node:path'
import {
  ProfileStore,
  type ProxyAddress,
  parseProxyAddress,
  type Upgrade,
  upgradeOf,
} from '../../client/index.ts'
import { CliError } from '../errors.ts'
import { say } from '../io.ts'
import type { TshWorld } from './world.ts'

/** Flags that every command takes. */
export interface GlobalFlags {
  readonly proxy?: string
  readonly user?: string
  readonly identity?: string
  readonly debug?: boolean
}

/** What every tsh command works with. */
export interface TshContext {
  readonly world: TshWorld
  readonly store: ProfileStore
  /** The flags, else the environment. */
  wanted(): { readonly proxy: ProxyAddress | null; readonly user: string | null }
  identityFile(): string | null
  /** Whether logins go inside a WebSocket, by $TELEPORT_TLS_ROUTING_CONN_UPGRADE. */
  upgrade(): Upgrade
  /** One line for `-d`. Nothing secret. */
  debug(line: string): void
}

export function tshContext(world: TshWorld, flags: () => GlobalFlags): TshContext {
  const { io } = world
  const set = (name: string): string | undefined => io.env[name] || undefined
  return {
    world,
    store: new ProfileStore(resolve(set('TELEPORT_HOME') ?? join(world.userHome, '.tsh'))),
    wanted() {
      const { proxy, user } = flags()
      const given = proxy ?? set('TELEPORT_PROXY')
      return {
        proxy:
          given === undefined
            ? null
            : parseProxyAddress(given, proxy === undefined ? '$TELEPORT_PROXY' : '--proxy'),
        user: user ?? set('TELEPORT_USER') ?? null,
      }
    },
    identityFile: () => flags().identity ?? null,
    upgrade: () => upgradeOf(io.env),
    debug(line) {
      if (flags().debug === true) say(io, `tsh: debug: ${line}`)
    },
  }
}

/** Asks, or names the flag that answers when nobody is there. */
export async function askFor(
  { world }: TshContext,
  question: string,
  flag: string,
): Promise<string> {
  if (world.prompts === null) {
    throw new CliError('NO_TERMINAL', `${flag} is missing, and nobody is here to be asked`, {
      hint: `give ${flag}`,
    })
  }
  return (await world.prompts.ask(question)).trim()
}
