import { errorMessage } from '../core/index.ts'
import { isUpstreamFailure } from './errors.ts'
import { fetchJson } from './fetch-json.ts'
import type { Upstream } from './types.ts'

/** What our own credentials may do in a cluster. */
export interface SelfCheckReport {
  /** The API server answered, with whatever. */
  readonly reachable: boolean
  /** `v1.35.4`; null when it was not told. */
  readonly version: string | null
  /** Rights of the impersonation ClusterRole that are missing, in words: `impersonate groups`. */
  readonly missing: readonly string[]
  /** May do everything in the cluster: impersonation fails open, so such an account is a risk. */
  readonly tooPowerful: boolean
  /** Why the check could not be finished, in words; null when it was. */
  readonly problem: string | null
}

/** How an API server answers, short of what we may do there. */
export interface Probe {
  /** refused: our credentials are not taken; untrusted: its certificate is not the configured one's. */
  readonly kind: 'ready' | 'not-ready' | 'refused' | 'untrusted' | 'unreachable'
  /** With addresses, for the log; empty when it is ready. */
  readonly words: string
}

/** Asks the API server whether it is ready. Never throws. */
export async function probe(upstream: Upstream, timeoutMs: number): Promise<Probe> {
  try {
    const { status } = await fetchJson(upstream, 'GET', '/readyz', null, timeoutMs)
    if (status === 401) return { kind: 'refused', words: 'GET /readyz: 401' }
    // 403 and 404: it may not be asked, or is older than the question (1.16); it answers, which is what can be known.
    if (status >= 500) return { kind: 'not-ready', words: `GET /readyz: ${status}` }
    return { kind: 'ready', words: '' }
  } catch (error) {
    const words = errorMessage(error)
    switch (failureCode(error)) {
      case 'UPSTREAM_TLS':
        return { kind: 'untrusted', words }
      case 'UPSTREAM_CREDENTIALS':
        return { kind: 'refused', words }
      default:
        return { kind: 'unreachable', words }
    }
  }
}

const failureCode = (error: unknown): string | null =>
  error instanceof Error && isUpstreamFailure(error.cause) ? error.cause.code : null

interface Right {
  readonly words: string
  readonly attributes: Readonly<Record<string, string>>
}

/** The rules of ClusterRole/teleport-impersonation. */
const wantedRights: readonly Right[] = [
  { words: 'impersonate users', attributes: { verb: 'impersonate', resource: 'users' } },
  { words: 'impersonate groups', attributes: { verb: 'impersonate', resource: 'groups' } },
  {
    words: 'impersonate serviceaccounts',
    attributes: { verb: 'impersonate', resource: 'serviceaccounts' },
  },
  { words: 'get pods', attributes: { verb: 'get', resource: 'pods' } },
]

const everything: Right = {
  words: 'everything',
  attributes: { verb: '*', group: '*', resource: '*' },
}

/**
 * Rights, in every namespace, with which an account is as good as an administrator: it reads everybody's credentials, runs
 * programs, or gives itself more.
 */
const excessRights: readonly Right[] = [
  { words: 'get secrets', attributes: { verb: 'get', resource: 'secrets' } },
  { words: 'list secrets', attributes: { verb: 'list', resource: 'secrets' } },
  { words: 'create pods', attributes: { verb: 'create', resource: 'pods' } },
  {
    words: 'create pods/exec',
    attributes: { verb: 'create', resource: 'pods', subresource: 'exec' },
  },
  {
    words: 'create deployments',
    attributes: { verb: 'create', group: 'apps', resource: 'deployments' },
  },
  {
    words: 'create serviceaccounts/token',
    attributes: { verb: 'create', resource: 'serviceaccounts', subresource: 'token' },
  },
  {
    words: 'get nodes/proxy',
    attributes: { verb: 'get', resource: 'nodes', subresource: 'proxy' },
  },
  {
    words: 'create clusterrolebindings',
    attributes: {
      verb: 'create',
      group: 'rbac.authorization.k8s.io',
      resource: 'clusterrolebindings',
    },
  },
]

const reviewPath = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'
const reviewWords = 'create selfsubjectaccessreviews.authorization.k8s.io'

/** Asks the API server, as ourselves, for each right (SelfSubjectAccessReview) and for its version. Never throws. */
export async function selfCheck(upstream: Upstream, timeoutMs: number): Promise<SelfCheckReport> {
  const nothing = { version: null, missing: [], tooPowerful: false }
  let version: string | null
  try {
    version = readVersion(await fetchJson(upstream, 'GET', '/version', null, timeoutMs))
  } catch (error) {
    return { ...nothing, reachable: false, problem: errorMessage(error) }
  }
  try {
    const answers: Awaited<ReturnType<typeof review>>[] = []
    // One after the other, on one connection: a service of a thousand clusters asks all of them when it starts.
    for (const right of [...wantedRights, everything]) {
      answers.push(await review(upstream, right, timeoutMs))
    }
    const unauthorized = answers.find((answer) => answer.status === 401)
    if (unauthorized !== undefined) {
      const problem = 'the API server does not accept our credentials (401)'
      return { ...nothing, reachable: true, version, problem }
    }
    if (answers.some((answer) => answer.status === 403)) {
      const problem = 'our rights cannot be checked'
      return { ...nothing, reachable: true, version, missing: [reviewWords], problem }
    }
    const odd = answers.find((answer) => answer.allowed === null)
    return {
      reachable: true,
      version,
      missing: wantedRights.flatMap(({ words }, index) =>
        answers[index]?.allowed === false ? [words] : [],
      ),
      tooPowerful: answers.at(-1)?.allowed === true,
      problem: odd === undefined ? null : `the API server answered a check with ${odd.status}`,
    }
  } catch (error) {
    return { ...nothing, reachable: true, version, problem: errorMessage(error) }
  }
}

/**
 * Rights that our account has and should not: impersonation fails open, so each is one that a mistake would give to people.
 * Null when it cannot be told. Never throws.
 */
export async function findExcess(
  upstream: Upstream,
  timeoutMs: number,
): Promise<readonly string[] | null> {
  const excess: string[] = []
  try {
    for (const right of excessRights) {
      const { allowed } = await review(upstream, right, timeoutMs)
      if (allowed === null) return null
      if (allowed) excess.push(right.words)
    }
  } catch {
    return null
  }
  return excess
}

async function review(
  upstream: Upstream,
  right: Right,
  timeoutMs: number,
): Promise<{ status: number; allowed: boolean | null }> {
  const body = JSON.stringify({
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes: right.attributes },
  })
  const answer = await fetchJson(upstream, 'POST', reviewPath, body, timeoutMs)
  const status = field(answer.body, 'status')
  const allowed = field(status, 'allowed')
  return { status: answer.status, allowed: typeof allowed === 'boolean' ? allowed : null }
}

function readVersion(answer: { status: number; body: unknown }): string | null {
  const version = field(answer.body, 'gitVersion')
  return typeof version === 'string' && VERSION.test(version) ? version : null
}

/** What API servers call themselves; anything else is told to nobody: it is said together with what is said of other clusters. */
const VERSION = /^[\w.+~-]{1,64}$/

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && name in value
    ? (value as Record<string, unknown>)[name]
    : undefined
}
