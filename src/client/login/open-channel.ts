import { errorCode, errorMessage } from '../../core/index.ts'
import { ANY_AUTH_SERVER_NAME, authServerName } from '../../protocol/index.ts'
import { ApiClient } from '../api-client.ts'
import type { ApiConnection } from '../api-connection.ts'
import type { Dial } from '../dialing-agent.ts'
import { ClientError } from '../errors.ts'
import type { ProxyAddress } from '../proxy-address.ts'
import { upgradeDial } from '../upgrade/upgrade-dial.ts'
import type { Upgrade } from '../upgrade/wanted.ts'
import { CLOCK_HINT, clockDifferenceMs, clockWords } from './clock-difference.ts'
import { decideTrust } from './decide-trust.ts'
import {
  describeUnverified,
  type LoginDescription,
  PROXY_HINTS,
  parseDescription,
} from './describe.ts'
import { type HostAuthority, hostAuthorities, pinsOf } from './host-ca.ts'
import { pingProxy } from './ping.ts'

/** What was kept of a proxy: which Teleport cluster it belongs to, and the authorities that vouch for that cluster. */
export interface KnownProxy {
  readonly clusterName: string
  /** PEM. */
  readonly hostCa: string
}

export interface ChannelOptions {
  /** Where the other end is: a proxy, or the auth service itself. */
  readonly proxy: ProxyAddress
  /** What is at that address; a proxy when nothing is said. */
  readonly via?: 'proxy' | 'auth'
  readonly dial?: ApiConnection['dial']
  /** Whether to go inside a WebSocket: never when nothing is said; `auto`: where a proxy answers and what is behind it does not. */
  readonly upgrade?: Upgrade
  /** Where pins come from, and what to do without one, in words for whoever gave them. */
  readonly words?: { readonly pins: string; readonly unknown: string }
  readonly known: KnownProxy | null
  /** `--ca-pin`. */
  readonly pins: readonly string[]
  /** `--insecure`: believe an unknown authority unseen. */
  readonly insecure: boolean
  /** Shows a fingerprint to a person who compares it; null when there is none at a terminal. */
  readonly confirm:
    | ((offer: {
        readonly clusterName: string
        readonly pins: readonly string[]
      }) => Promise<boolean>)
    | null
  readonly now: () => number
  readonly signal?: AbortSignal
  readonly onCall?: ApiConnection['onCall']
}

/** A way to the auth service that a password may go: verified end to end, past the proxy. */
export interface Channel {
  /** Without a certificate of our own. */
  readonly connection: ApiConnection
  /** As the verified auth service says. */
  readonly description: LoginDescription
  readonly trustedBy: 'known' | 'pin' | 'insecure' | 'person'
  /** How far this clock is ahead, when that is worth saying. */
  readonly clockDifferenceMs: number | null
  /** TLS ends in front of the proxy, so the connection goes inside a WebSocket. */
  readonly upgraded: boolean
}

/**
 * Finds the auth service behind a proxy and makes sure that it is the right one, before anything is sent to it. Rejects with
 * ClientError: CA_CHANGED, CA_PIN_MISMATCH, CA_UNKNOWN, SERVER_NOT_TRUSTED, SERVER_NOT_VALID_NOW, CONNECT_FAILED,
 * CONNECTION_ALTERED, BAD_ANSWER.
 */
export async function openChannel(options: ChannelOptions): Promise<Channel> {
  const { upgrade = 'never', via, dial } = options
  const mayUpgrade = via !== 'auth' && upgrade !== 'never'
  const inside = { ...options, dial: upgradeDial(dial), pingDial: dial }
  try {
    if (mayUpgrade && upgrade === 'always') return { ...(await open(inside)), upgraded: true }
    return await open(options)
  } catch (error) {
    if (!(error instanceof NoAuthService)) throw error
    if (!mayUpgrade || upgrade === 'always') throw error.found
    try {
      return { ...(await open(inside)), upgraded: true }
    } catch (second) {
      // Nobody is reached on the other way either: what was said first is nearer to the truth.
      throw second instanceof NoAuthService ? error.found : second
    }
  }
}

/**
 * Whether connections to a proxy must go inside a WebSocket, since something in front of it ends TLS. Nobody is told or believed
 * anything. Rejects when the auth service is found on neither way, with what was found on the direct one.
 */
export async function needsUpgrade(
  proxy: ProxyAddress,
  { dial, signal }: { readonly dial: Dial; readonly signal: AbortSignal },
): Promise<boolean> {
  try {
    await lookUnverified({ proxy, dial, signal })
    return false
  } catch (error) {
    if (!(error instanceof NoAuthService)) throw error
    const inside = { proxy, dial: upgradeDial(dial), pingDial: dial, signal }
    await lookUnverified(inside).catch(() => {
      throw error.found
    })
    return true
  }
}

/**
 * A proxy answers, and what answers in the place of the auth service behind it does not even claim to be one: something in front
 * of the proxy ends TLS. Whoever does claim it and cannot prove it is refused, and not gone around.
 */
class NoAuthService extends Error {
  readonly found: unknown

  constructor(found: unknown) {
    super(errorMessage(found))
    this.found = found
  }
}

interface Opening extends ChannelOptions {
  /** Connects for the question that no TLS of ours protects; `dial` when nothing is said. */
  readonly pingDial?: ApiConnection['dial']
}

async function open(options: Opening): Promise<Channel> {
  const { known, pins } = options
  return known !== null && pins.length === 0 ? openKnown(options, known) : openUnknown(options)
}

/** No question of trust arises when the server proves itself by what is kept. */
async function openKnown(options: Opening, known: KnownProxy): Promise<Channel> {
  try {
    return await openVerified(options, known.clusterName, known.hostCa, 'known')
  } catch (error) {
    if (!(error instanceof ClientError)) throw error
    const isReset = error.cause !== undefined && errorCode(error.cause) === 'ECONNRESET'
    if (error.code === 'CONNECT_FAILED' && !isReset) throw error
    throw await diagnose(options, known, error)
  }
}

async function openUnknown(options: Opening): Promise<Channel> {
  const { known } = options
  const { clusterName, described } = await lookUnverified(options)
  const offered = hostAuthorities(described.host_ca)
  const decision = decideTrust({
    offered,
    known: known === null ? null : hostAuthorities(known.hostCa),
    pins: options.pins,
    insecure: options.insecure,
    canAsk: options.confirm !== null,
  })
  const openWith = (
    authorities: readonly HostAuthority[],
    by: Channel['trustedBy'],
  ): Promise<Channel> =>
    openVerified(options, clusterName, bundleOf(authorities), by).catch((error: unknown) => {
      throw withClock(error, described, options.now())
    })
  switch (decision.verdict) {
    case 'trust':
      return openWith(decision.authorities, decision.by)
    case 'ask':
      if ((await options.confirm?.({ clusterName, pins: pinsOf(offered) })) === true) {
        return openWith(offered, 'person')
      }
      throw new ClientError('CA_UNKNOWN', 'stopped: nothing was sent')
    case 'refuse':
      throw refusal(options, decision.because, { clusterName, offered })
  }
}

/** What is at the address, as it says itself. */
async function lookUnverified(
  options: Pick<Opening, 'proxy' | 'via' | 'signal' | 'dial' | 'pingDial'>,
): Promise<{ readonly clusterName: string; readonly described: LoginDescription }> {
  const { proxy } = options
  if (options.via === 'auth') {
    const described = await describeUnverified(proxy, ANY_AUTH_SERVER_NAME, options)
    return { clusterName: described.cluster_name, described }
  }
  const pingDial = 'pingDial' in options ? options.pingDial : options.dial
  const { clusterName } = await pingProxy(proxy, { signal: options.signal, dial: pingDial })
  const described = await describeUnverified(proxy, authServerName(clusterName), options).catch(
    (error: unknown) => {
      throw new NoAuthService(error)
    },
  )
  return { clusterName, described }
}

const bundleOf = (authorities: readonly HostAuthority[]): string =>
  authorities.map(({ pem }) => pem).join('')

async function openVerified(
  options: ChannelOptions,
  clusterName: string,
  hostCa: string,
  trustedBy: Channel['trustedBy'],
): Promise<Channel> {
  const connection = connectionTo(options, clusterName, hostCa)
  using client = new ApiClient(connection)
  const description = parseDescription(await client.call('login.describe', {}))
  if (description.cluster_name !== clusterName) {
    throw new ClientError(
      'BAD_ANSWER',
      `the auth service of "${clusterName}" says that it is that of "${description.cluster_name}"`,
    )
  }
  // From here on what the server says is proven, so a new authority during rotation comes with the word of the old one.
  hostAuthorities(description.host_ca)
  return {
    connection: { ...connection, hostCa: description.host_ca },
    description,
    trustedBy,
    clockDifferenceMs: clockDifferenceMs(description.time, options.now()),
    upgraded: false,
  }
}

/** The way to the auth service of a Teleport cluster through a proxy, without a certificate. */
export function connectionTo(
  options: Pick<ChannelOptions, 'proxy' | 'signal' | 'onCall' | 'dial'>,
  clusterName: string,
  hostCa: string,
): ApiConnection {
  const { proxy, signal, onCall, dial } = options
  return {
    host: proxy.host,
    port: proxy.port,
    serverName: authServerName(clusterName),
    hostCa,
    certificate: null,
    privateKey: null,
    // A person without a certificate is refused for what he typed, and is told so by the server.
    hints: { ...PROXY_HINTS, unauthenticated: null, denied: null },
    dial,
    ...(signal === undefined ? {} : { signal }),
    ...(onCall === undefined ? {} : { onCall }),
  }
}

/** Why a known proxy could not prove itself: looks at what is there now, without believing it. */
async function diagnose(
  options: Opening,
  known: KnownProxy,
  error: ClientError,
): Promise<ClientError | NoAuthService> {
  try {
    const { clusterName, described } = await lookUnverified(options)
    const offered = hostAuthorities(described.host_ca)
    const decision = decideTrust({
      offered,
      known: hostAuthorities(known.hostCa),
      pins: [],
      insecure: false,
      canAsk: false,
    })
    if (decision.verdict === 'refuse') return refusal(options, 'changed', { clusterName, offered })
    return withClock(error, described, options.now())
  } catch (second) {
    return second instanceof NoAuthService ? new NoAuthService(error) : error
  }
}

/** A certificate that is not valid now is one that a wrong clock makes so, when the server's clock differs. */
function withClock(error: unknown, { time }: LoginDescription, nowMs: number): ClientError {
  if (!(error instanceof ClientError)) throw error
  if (error.code !== 'SERVER_NOT_VALID_NOW') return error
  const differenceMs = clockDifferenceMs(time, nowMs)
  if (differenceMs === null) return error
  return new ClientError(
    'SERVER_NOT_VALID_NOW',
    `${clockWords(differenceMs)}: its certificate is not valid by it`,
    { cause: error, hint: CLOCK_HINT },
  )
}

function refusal(
  { proxy, known, pins, words }: ChannelOptions,
  because: 'changed' | 'pin-mismatch' | 'unknown',
  found: { readonly clusterName: string; readonly offered: readonly HostAuthority[] },
): ClientError {
  const offered = pinsOf(found.offered).join(', ')
  const facts = { proxy: proxy.text, offered: pinsOf(found.offered) }
  switch (because) {
    case 'changed': {
      const kept = known === null ? [] : pinsOf(hostAuthorities(known.hostCa))
      const name =
        known === null || known.clusterName === found.clusterName
          ? ''
          : `\n  Teleport cluster: was "${known.clusterName}", is "${found.clusterName}"`
      return new ClientError(
        'CA_CHANGED',
        `the authority of ${proxy.text} is not the one of your first login. Somebody may be between you and the server, or it was set up anew. Nothing was sent.${name}\n  kept:    ${kept.join(', ')}\n  offered: ${offered}`,
        {
          facts: { ...facts, kept },
          hint: `ask the administrator for the CA pin that "tctl status" shows now; if he confirms the change: tsh login --proxy=${proxy.text} --ca-pin=<that pin>`,
        },
      )
    }
    case 'pin-mismatch':
      return new ClientError(
        'CA_PIN_MISMATCH',
        `the authority of ${proxy.text} is not the one that ${words?.pins ?? '--ca-pin'} names. Nothing was sent.\n  ${words?.pins ?? '--ca-pin'}: ${pins.join(', ')}\n  offered:  ${offered}`,
        {
          facts: { ...facts, pins },
          hint: 'compare with the CA pin that "tctl status" shows on the auth service',
        },
      )
    case 'unknown':
      return new ClientError(
        'CA_UNKNOWN',
        `the authority of ${proxy.text} (Teleport cluster "${found.clusterName}") is not known yet, and nobody is here to confirm it. Nothing was sent.\n  offered: ${offered}`,
        {
          facts,
          hint:
            words?.unknown ??
            'give --ca-pin=<the CA pin that "tctl status" shows>, or --insecure to believe it unseen',
        },
      )
  }
}
