import type { ResponseOf } from '../../contract/index.ts'
import { readAnswer } from '../api-client.ts'
import type { Dial } from '../dialing-agent.ts'
import { ClientError } from '../errors.ts'
import { exchange, MAX_UNVERIFIED_BYTES } from '../exchange.ts'
import { explainFailure } from '../failures.ts'
import type { ProxyAddress } from '../proxy-address.ts'
import { pathOf } from '../routes.ts'
import { isName } from './is-name.ts'

export type LoginDescription = ResponseOf<'login.describe'>

const UNVERIFIED_TIMEOUT_MS = 15_000

/**
 * What the other end says of itself, **unverified**: whoever moves the bytes can answer. It is good for one thing: to hold
 * its `host_ca` against a pin or show it to a person. Nothing is sent but the question, and the connection is not used again.
 */
export async function describeUnverified(
  { host, port, text }: ProxyAddress,
  serverName: string,
  { signal, dial }: { readonly signal?: AbortSignal; readonly dial?: Dial | undefined } = {},
): Promise<LoginDescription> {
  const answer = await exchange({
    host,
    port,
    method: 'GET',
    path: pathOf('login.describe', {}),
    body: null,
    tls: {
      rejectUnauthorized: false,
      servername: serverName,
      minVersion: 'TLSv1.3',
    },
    dial,
    timeoutMs: UNVERIFIED_TIMEOUT_MS,
    maxBytes: MAX_UNVERIFIED_BYTES,
    ...(signal === undefined ? {} : { signal }),
  }).catch((error: unknown) => {
    throw explainFailure(error, text, PROXY_HINTS)
  })
  try {
    return parseDescription(readAnswer(answer))
  } catch (error) {
    // Not with its words: they are of whoever answers.
    throw new ClientError('BAD_ANSWER', `the auth service behind ${text} does not say what it is`, {
      cause: error,
    })
  }
}

/** Judges what is used of an answer, verified or not. Throws ClientError BAD_ANSWER. */
export function parseDescription(value: unknown): LoginDescription {
  const described = typeof value === 'object' && value !== null ? value : {}
  const { cluster_name, host_ca, time } = described as Partial<Record<string, unknown>>
  if (isName(cluster_name) && typeof host_ca === 'string' && isName(time)) {
    return described as LoginDescription
  }
  throw new ClientError('BAD_ANSWER', 'the auth service does not say what it is')
}

/** For whoever reaches the auth service through a proxy. */
export const PROXY_HINTS = {
  unreachable: 'is --proxy its web address (host:port), and is the proxy running?',
  untrusted: 'is another Teleport cluster running there now?',
} as const
