import type { BarCode, DenialCode } from '../authz/index.ts'
import {
  discoveryText,
  type RequestInfo,
  type StatusReason,
  statusBody,
  statusCodes,
} from '../kube/index.ts'
import type { PeerRefusalCode, UpstreamFailure } from './ports.ts'

/** Stable codes of everything that this room answers instead of an API server; each is in docs/errors.md. */
export type RefusalCode =
  | PeerRefusalCode
  | DenialCode
  | BarCode
  | 'USER_GONE'
  | 'STATE_TOO_OLD'
  | 'CLIENT_IDLE'
  | 'BAD_REQUEST'
  | 'AUDIT_UNAVAILABLE'
  | 'CLUSTER_UNKNOWN'
  | 'CLUSTER_OFFLINE'
  | 'CLUSTER_UNREACHED'
  | 'CLUSTER_DROPPED'
  | 'ACCESS_WITHDRAWN'
  | 'SHUTTING_DOWN'
  | 'TOO_MANY_REQUESTS'
  | 'TOO_MANY_SESSIONS'
  | 'SESSIONS_FULL'
  | 'SESSION_ENDED'
  | 'RECORDING_UNAVAILABLE'
  | 'COMMAND_TOO_LONG'
  | 'NODE_COMMAND'
  | 'RECORDING_LOST'
  | UpstreamFailure['code']

/** Why a request is not answered by an API server, in words for its sender. */
export interface Refusal {
  readonly code: RefusalCode
  readonly reason: StatusReason
  readonly message: string
  /** The rule, option or lock that decided, for the audit log. */
  readonly by?: string | null
}

export const userGone: Refusal = {
  code: 'USER_GONE',
  reason: 'Forbidden',
  message: 'this user does not exist any more: ask an administrator',
}

export const tooMany: Refusal = {
  code: 'TOO_MANY_REQUESTS',
  reason: 'TooManyRequests',
  message: 'too many of your requests, watches and uploads are underway: end some of them first',
}

/** The cluster of a connection is served no more. */
export const dropped = (cluster: string): Refusal => ({
  code: 'CLUSTER_DROPPED',
  reason: 'ServiceUnavailable',
  message: `Kubernetes cluster "${cluster}" is not served here any more: it was removed, or given to another service. Ask an administrator`,
})

export interface RefusalAnswer {
  readonly status: number
  readonly contentType: string
  readonly body: string
  /** Seconds after which the same request may succeed; null when a person must do something first. */
  readonly retryAfterS: number | null
}

/** Kubernetes' clients ask again, up to ten times, when they are told when. Nothing of these requests was carried out. */
const RETRY_AFTER_S: Readonly<Partial<Record<RefusalCode, number>>> = {
  TOO_MANY_REQUESTS: 1,
  UPSTREAM_BUSY: 1,
  CLUSTER_UNREACHED: 1,
}

/** Of a refusal's answer, without its length. */
export const headersOf = ({ contentType, retryAfterS }: RefusalAnswer): string[] => [
  'content-type',
  contentType,
  'cache-control',
  'no-store',
  ...(retryAfterS === null ? [] : ['retry-after', String(retryAfterS)]),
]

/**
 * How a refusal is answered. kubectl hides the message of a Status on discovery paths and shows the text of a 403, so
 * that is what discovery gets; everything else gets a Status. Measured with kubectl 1.20 to 1.35, see docs/errors.md.
 */
export function answerOf(refusal: Refusal, discovery: boolean): RefusalAnswer {
  // This one is over before kubectl has asked ten times: better than words is that it asks again.
  if (discovery && refusal.code !== 'CLUSTER_UNREACHED') {
    return {
      status: 403,
      contentType: 'text/plain; charset=utf-8',
      body: discoveryText(refusal.message),
      retryAfterS: null,
    }
  }
  return {
    status: statusCodes[refusal.reason],
    contentType: 'application/json',
    body: statusBody(refusal),
    retryAfterS: RETRY_AFTER_S[refusal.code] ?? null,
  }
}

/**
 * A 401 of the API server is about our own credential, since nothing of the client's goes there; passed on, it would tell
 * people to log in again, which changes nothing. Behind `…/proxy` another program answers, and means its caller.
 */
export const notAccepted: UpstreamFailure = {
  code: 'UPSTREAM_CREDENTIALS',
  message: 'the API server does not accept the credentials of the service (401)',
}

export const isProxied = (info: RequestInfo): boolean =>
  info.kind === 'resource' && info.subresource === 'proxy'

/** What a person is told when the API server of a cluster does not answer. The cause, with addresses, is for the log. */
export function upstreamRefusal(failure: UpstreamFailure, cluster: string): Refusal {
  const words: Readonly<Record<UpstreamFailure['code'], string>> = {
    UPSTREAM_BUSY: `too many requests to Kubernetes cluster "${cluster}" wait already: try again in a moment`,
    UPSTREAM_UNREACHABLE: `Kubernetes cluster "${cluster}" is offline: its API server does not answer`,
    UPSTREAM_TLS: `Kubernetes cluster "${cluster}" cannot be used: its API server is not the one that is configured`,
    UPSTREAM_CREDENTIALS: `Kubernetes cluster "${cluster}" cannot be used: the service has no valid credentials for it`,
    UPSTREAM_RESET: `the connection to the API server of Kubernetes cluster "${cluster}" broke: the request may have been carried out`,
    ABORTED: 'the request was aborted',
  }
  const reason = failure.code === 'UPSTREAM_BUSY' ? 'TooManyRequests' : 'ServiceUnavailable'
  return { code: failure.code, reason, message: words[failure.code] }
}
