import { isIP } from 'node:net'
import { checkServerIdentity } from 'node:tls'
import { tlsWords } from '../../core/index.ts'
import type { Dial } from '../dialing-agent.ts'
import { ClientError } from '../errors.ts'
import { exchange, MAX_UNVERIFIED_BYTES } from '../exchange.ts'
import { explainAltered } from '../failures.ts'
import type { ProxyAddress } from '../proxy-address.ts'
import { isName } from './is-name.ts'

const PING_TIMEOUT_MS = 15_000

export interface Ping {
  readonly clusterName: string
  readonly serverVersion: string | null
  /** Pins of the authorities of the auth service, as the proxy says. */
  readonly caPins: readonly string[]
}

/**
 * Asks a proxy which Teleport cluster it belongs to. Rejects with ClientError CONNECT_FAILED, CONNECTION_ALTERED, or
 * BAD_ANSWER when no proxy of ours answers.
 *
 * The proxy's web certificate is not verified unless that is asked for: it may be of any authority, and nothing in the answer is
 * trusted then. Only a name comes from it, and whoever changes that name leads us to a server that cannot prove itself by the
 * pinned authority.
 */
export async function pingProxy(
  { host, port, text }: ProxyAddress,
  {
    signal,
    dial,
    verify = false,
  }: {
    readonly signal?: AbortSignal | undefined
    readonly dial?: Dial | undefined
    /** By the authorities of this machine; CONNECT_FAILED too when the certificate is not theirs. */
    readonly verify?: boolean
  } = {},
): Promise<Ping> {
  const answer = await exchange({
    host,
    port,
    method: 'GET',
    path: '/webapi/ping',
    body: null,
    tls: {
      rejectUnauthorized: verify,
      minVersion: 'TLSv1.2',
      // An address is no server name, and without one the web port knows no certificate.
      servername: isIP(host) === 0 ? host : 'localhost',
      // It is the address that the certificate must be for, and not that name.
      checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate),
    },
    dial,
    timeoutMs: PING_TIMEOUT_MS,
    maxBytes: MAX_UNVERIFIED_BYTES,
    ...(signal === undefined ? {} : { signal }),
  }).catch((error: unknown) => {
    throw (
      explainAltered(error, text) ??
      new ClientError('CONNECT_FAILED', `cannot reach the proxy at ${text}: ${tlsWords(error)}`, {
        cause: error,
        hint: 'is --proxy its web address (host:port), and is the proxy running?',
      })
    )
  })
  const parsed = parseJson(answer.bytes.toString('utf8'))
  const clusterName = parsed?.['cluster_name']
  if (answer.status !== 200 || !isName(clusterName)) {
    throw new ClientError('BAD_ANSWER', `the server at ${text} is not a Teleport proxy`, {
      hint: '--proxy is the web address of the proxy, as in a browser',
    })
  }
  const version = parsed?.['server_version']
  const pins = parsed?.['ca_pins']
  return {
    clusterName,
    serverVersion: isName(version) ? version : null,
    caPins: Array.isArray(pins) ? pins.filter((pin) => typeof pin === 'string') : [],
  }
}

function parseJson(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : null
  } catch {
    return null
  }
}
