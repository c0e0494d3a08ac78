import { KubeError } from './errors.ts'
import { textToHeader } from './header-text.ts'
import { canonicalName } from './impersonation.ts'

/** RFC 9110, 7.6.1: for one connection only. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-authentication-info',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
])

/** What a client says about itself, or that would speak to the API server in our name. */
const NOT_FORWARDED: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  'host',
  'authorization',
  'cookie',
  'expect',
  'forwarded',
  'via',
  'x-real-ip',
  'audit-id',
  'alt-used',
])

const NOT_FORWARDED_PREFIXES = [
  'impersonate-',
  'x-remote-',
  'x-forwarded-',
  'x-teleport-',
  'x-original-',
  'x-envoy-',
  ':',
] as const

/** Headers of an upgrade that the backend must see: RFC 6455 and Kubernetes' SPDY negotiation. */
const WITH_UPGRADE: ReadonlySet<string> = new Set(['upgrade'])

export interface ImpersonatedPrincipals {
  readonly user: string
  readonly groups: readonly string[]
}

/**
 * The headers that go to the API server: what the client sent, without hop-by-hop headers, credentials, forwarding
 * headers and any impersonation of its own, then ours. What `Connection` names is dropped from the client's headers
 * only; ours are added afterwards, so that no `Connection: Impersonate-User` can take them away (CVE-2021-31999).
 * Throws KubeError HEADER_UNSAFE: without our impersonation nothing may go up, since it would go up as ourselves.
 */
export function upstreamHeaders(request: {
  readonly rawHeaders: readonly string[]
  readonly principals: ImpersonatedPrincipals
  readonly upgrade: boolean
}): string[] {
  const { rawHeaders, principals, upgrade } = request
  const named = connectionNames(rawHeaders)
  const headers: string[] = []
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? ''
    const canonical = canonicalName(name)
    if (upgrade && WITH_UPGRADE.has(canonical)) {
      headers.push(name, rawHeaders[index + 1] ?? '')
      continue
    }
    if (NOT_FORWARDED.has(canonical) || named?.has(canonical) === true) continue
    if (NOT_FORWARDED_PREFIXES.some((prefix) => canonical.startsWith(prefix))) continue
    headers.push(name, rawHeaders[index + 1] ?? '')
  }
  if (upgrade) headers.push('Connection', 'Upgrade')
  const begin = headers.length
  headers.push('Impersonate-User', textToHeader(principals.user))
  for (const group of principals.groups) headers.push('Impersonate-Group', textToHeader(group))
  assertOurs(headers, begin, principals.groups.length + 1)
  return headers
}

/** Impersonation fails open: a request without it runs as ourselves. So what is about to be sent is looked at again. */
function assertOurs(headers: readonly string[], begin: number, count: number): void {
  let seen = 0
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? ''
    if (!canonicalName(name).startsWith('impersonate-')) continue
    if (index < begin)
      throw new KubeError('HEADER_UNSAFE', 'a foreign impersonation header survived')
    seen += 1
  }
  if (seen !== count || headers[begin] !== 'Impersonate-User') {
    throw new KubeError('HEADER_UNSAFE', 'the impersonation headers are not the intended ones')
  }
}

/** The response's headers towards the client: hop-by-hop ones, and those that `Connection` names, end here. */
export function responseHeaders(rawHeaders: readonly string[]): string[] {
  const named = connectionNames(rawHeaders)
  const headers: string[] = []
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? ''
    const canonical = name.toLowerCase()
    if (HOP_BY_HOP.has(canonical) || named?.has(canonical) === true) continue
    headers.push(name, rawHeaders[index + 1] ?? '')
  }
  return headers
}

/** The names that `Connection` headers list; null in the usual case of none. */
function connectionNames(rawHeaders: readonly string[]): Set<string> | null {
  let names: Set<string> | null = null
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? ''
    if (name.length !== 10 || name.toLowerCase() !== 'connection') continue
    for (const part of (rawHeaders[index + 1] ?? '').split(',')) {
      names ??= new Set()
      names.add(canonicalName(part.trim()))
    }
  }
  return names
}
