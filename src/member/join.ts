import {
  ApiClient,
  type Channel,
  ClientError,
  openChannel,
  type Ping,
  type ProxyAddress,
  pingProxy,
} from '../client/index.ts'
import type { ResponseOf } from '../contract/index.ts'
import { errorMessage, formatAddress, type Logger } from '../core/index.ts'
import type { HostService } from '../identity/index.ts'
import { generateKeyPair, publicKeyToPem } from '../x509/index.ts'
import { MemberError } from './errors.ts'
import { identityOf } from './identity/encode-identity.ts'
import type { StoredIdentity } from './identity/types.ts'
import type { MemberRoute } from './route.ts'

/** What this process tells of itself. */
export interface About {
  readonly nodename: string
  readonly version: string
}

export interface JoinRequest extends About {
  readonly route: MemberRoute
  readonly token: string
  /** What may vouch for the auth service; empty: see `trustOf`. */
  readonly caPins: readonly string[]
  /** Believe an unknown authority unseen. */
  readonly insecure: boolean
  readonly services: readonly HostService[]
  /** The id to go on with, when there was one. */
  readonly hostId: string | null
  readonly now: () => number
  readonly log: Logger
  readonly signal: AbortSignal
}

/**
 * Joins: makes a key, which never leaves this process, and has the auth service certify it. The token goes to nobody but an
 * auth service that proved itself by a pinned authority, or by one that the proxy's own verified web certificate vouches for.
 * Rejects with ClientError (CA_PIN_MISMATCH, CA_UNKNOWN, CONNECT_FAILED …), ApiCallError (JOIN_REFUSED …) or MemberError.
 */
export async function join(request: JoinRequest): Promise<StoredIdentity> {
  const { token, services, hostId, nodename, version } = request
  const { connection } = await firstOf(request.route, (address) => openWay(request, address))
  const key = await newKey()
  using client = new ApiClient(connection)
  const answer = await client.call('join.create', {
    body: {
      token,
      services: services.filter((service) => service !== 'auth'),
      public_key: key.publicPem,
      ...(hostId === null ? {} : { host_id: hostId }),
      nodename,
      version,
    },
  })
  return received(answer, key.privatePem)
}

/** The identity that an answer makes with our key. Throws MemberError MEMBER_CERTIFICATE_WRONG for one that does not fit. */
export function received(answer: ResponseOf<'join.create'>, privateKeyPem: string): StoredIdentity {
  try {
    const identity = identityOf({
      certificatePem: answer.certificate,
      privateKeyPem,
      hostCaPem: answer.host_ca,
      labels: answer.labels,
    })
    if (identity.hostId !== answer.host_id) throw new Error('it is for another host id')
    return identity
  } catch (error) {
    throw new MemberError(
      'MEMBER_CERTIFICATE_WRONG',
      `the auth service answered with a certificate that cannot be used: ${errorMessage(error)}`,
      { cause: error },
    )
  }
}

export async function newKey(): Promise<{
  readonly privatePem: string
  readonly publicPem: string
}> {
  const { privateKey, publicKey } = await generateKeyPair()
  return {
    privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicPem: publicKeyToPem(publicKey),
  }
}

/** Tries addresses in turn; rejects with what the last one said. */
async function firstOf<T>(
  { addresses }: MemberRoute,
  attempt: (address: ProxyAddress) => Promise<T>,
): Promise<T> {
  let last: unknown = new MemberError('MEMBER_TOKEN_MISSING', 'there is no address to join')
  for (const { host, port } of addresses) {
    try {
      return await attempt({ host, port, text: formatAddress(host, port) })
    } catch (error) {
      last = error
    }
  }
  throw last
}

/** The way to the auth service, proven. */
async function openWay(request: JoinRequest, address: ProxyAddress): Promise<Channel> {
  if (request.route.via === 'proxy') return openThrough(request, address, 'proxy')
  try {
    return await openThrough(request, address, 'auth')
  } catch (error) {
    if (!isNoAuthService(error)) throw error
    // The older form names proxies too. When it is none either, what was said first is nearer to the truth.
    return openThrough(request, address, 'proxy').catch((second: unknown) => {
      throw isNoAuthService(second) ? error : second
    })
  }
}

const isNoAuthService = (error: unknown): boolean =>
  error instanceof ClientError &&
  ['BAD_ANSWER', 'SERVER_NOT_TRUSTED', 'CONNECT_FAILED'].includes(error.code)

async function openThrough(
  request: JoinRequest,
  proxy: ProxyAddress,
  via: 'proxy' | 'auth',
): Promise<Channel> {
  const { route, insecure, caPins, now, signal, log } = request
  const pins =
    caPins.length > 0 || insecure || via === 'auth' ? caPins : await pinsOf(request, proxy)
  const channel = await openChannel({
    proxy,
    via,
    known: null,
    pins,
    insecure,
    confirm: null,
    now,
    signal,
    dial: route.dial,
    upgrade: route.upgrade ?? 'never',
    words: {
      pins: caPins.length > 0 ? 'teleport.ca_pin' : 'the proxy',
      unknown:
        'set teleport.ca_pin to the CA pin that "tctl status" shows, give the proxy a web certificate that this machine trusts, or start with --insecure to believe it unseen',
    },
  })
  if (channel.trustedBy === 'insecure') {
    log.warn(
      { address: proxy.text },
      'the authority of the auth service is believed unseen (--insecure)',
    )
  }
  return channel
}

/**
 * Without a pin of ours the proxy's word counts, when its web certificate is one that this machine trusts: whoever could forge
 * that could be the proxy. None: then nobody vouches for the authority, and joining is refused.
 */
async function pinsOf(
  { route, signal, log }: JoinRequest,
  proxy: ProxyAddress,
): Promise<readonly string[]> {
  let ping: Ping
  try {
    ping = await pingProxy(proxy, { signal, dial: route.dial, verify: true })
  } catch (error) {
    log.info(
      { address: proxy.text, error: errorMessage(error) },
      'no teleport.ca_pin, and the web certificate of the proxy is none that this machine trusts',
    )
    return []
  }
  log.info(
    { address: proxy.text, ca_pins: ping.caPins },
    'no teleport.ca_pin: the authority is the one that the proxy names',
  )
  return ping.caPins
}
