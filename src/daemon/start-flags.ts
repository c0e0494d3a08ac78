import { tokenProblem } from '../join/index.ts'
import { parseAddress } from './config/address.ts'
import type { Address, SecretText, TeleportConfig } from './config/index.ts'
import { DaemonError } from './errors.ts'
import { type DaemonRole, daemonRoles } from './run-daemon.ts'

/** Flags of `teleport start` that win over the configuration file. */
export interface StartFlags {
  readonly config?: string
  readonly roles?: string
  readonly token?: string
  readonly authServer?: string
  readonly proxy?: string
  readonly caPin?: readonly string[]
  readonly insecure?: boolean
  readonly dataDir?: string
  readonly nodename?: string
  readonly kubeconfig?: string
  readonly kubeClusterName?: string
  readonly diagAddr?: string
  readonly debug?: boolean
  readonly dev?: boolean
}

/** Whether the flags say enough to start without a configuration file. */
export const standAlone = ({ proxy, authServer }: StartFlags): boolean =>
  proxy !== undefined || authServer !== undefined

/** Judges the flags, and puts them over the configuration. Throws DaemonError USAGE, never with a token in it. */
export function withFlags(config: TeleportConfig, flags: StartFlags): TeleportConfig {
  return {
    ...config,
    ...(flags.nodename === undefined ? {} : { nodename: flags.nodename }),
    ...(flags.dataDir === undefined ? {} : { dataDir: flags.dataDir }),
    diagAddress:
      flags.diagAddr === undefined
        ? config.diagAddress
        : addressOf('--diag-addr', flags.diagAddr, { host: '127.0.0.1', port: 3000 }),
    joining: joiningOf(config, flags),
    ...servicesOf(config, flags),
  }
}

function joiningOf({ joining }: TeleportConfig, flags: StartFlags): TeleportConfig['joining'] {
  const { proxy, authServer } = flags
  if (proxy !== undefined && authServer !== undefined) {
    throw new DaemonError('USAGE', '--proxy and --auth-server are two ways to join: choose one')
  }
  const server =
    proxy !== undefined
      ? {
          kind: 'proxy' as const,
          addresses: [addressOf('--proxy', proxy, { host: '', port: 3080 })],
        }
      : authServer !== undefined
        ? {
            kind: 'auth' as const,
            addresses: authServer
              .split(',')
              .map((one) => addressOf('--auth-server', one, { host: '', port: 3025 })),
          }
        : joining.server
  return {
    server,
    token: flags.token === undefined ? joining.token : tokenOf(flags.token),
    caPins: flags.caPin === undefined ? joining.caPins : flags.caPin.map(pinOf),
    insecure: flags.insecure ?? joining.insecure,
  }
}

function servicesOf(
  { auth, proxy, kube }: TeleportConfig,
  flags: StartFlags,
): Pick<TeleportConfig, 'auth' | 'proxy' | 'kube'> {
  const { kubeconfig, kubeClusterName } = flags
  if (kubeconfig !== undefined && kubeClusterName !== undefined) {
    throw new DaemonError(
      'USAGE',
      '--kubeconfig names the clusters, --kube-cluster-name the one around this pod: choose one',
    )
  }
  const source =
    kubeconfig !== undefined
      ? { kubeconfigFile: kubeconfig, kubeClusterName: null }
      : kubeClusterName !== undefined
        ? { kubeconfigFile: null, kubeClusterName }
        : {}
  const roles = flags.roles === undefined ? null : rolesOf(flags.roles)
  const runs = (role: DaemonRole, asConfigured: boolean): boolean =>
    roles === null ? asConfigured : roles.includes(role)
  return {
    auth: { ...auth, enabled: runs('auth', auth.enabled) },
    proxy: { ...proxy, enabled: runs('proxy', proxy.enabled) },
    kube: {
      ...kube,
      ...source,
      enabled: runs('kube', kube.enabled),
      enabledInPod: roles === null && kube.enabledInPod,
    },
  }
}

const rolesOf = (list: string): readonly DaemonRole[] =>
  list.split(',').map((text) => {
    const role = daemonRoles.find((known) => known === text.trim())
    if (role !== undefined) return role
    throw new DaemonError('USAGE', `--roles: "${text}" is not one of ${daemonRoles.join(', ')}`)
  })

function tokenOf(text: string): SecretText {
  if (text.startsWith('/')) return { kind: 'file', path: text }
  const problem = tokenProblem(text)
  if (problem === null) return { kind: 'value', value: text }
  throw new DaemonError(
    'USAGE',
    `--token: ${problem}; a file that holds it is named by its absolute path`,
  )
}

function pinOf(text: string): string {
  const pin = text.trim().toLowerCase()
  if (/^sha256:[0-9a-f]{64}$/.test(pin)) return pin
  throw new DaemonError(
    'USAGE',
    `--ca-pin: "${text}" is not sha256:<64 hex digits>; "tctl status" shows it`,
  )
}

function addressOf(flag: string, text: string, defaults: Address): Address {
  const address = parseAddress(text.trim().replace(/^https:\/\//, ''), defaults)
  if (address !== null) return address
  throw new DaemonError('USAGE', `${flag}: "${text}" is not an address like teleport.example.com`)
}
