import { assertImpersonation } from './assert-impersonation.ts'
import { KubeError } from './errors.ts'
import { textToHeader } from './header-text.ts'
import { canonicalName } from './impersonation.ts'

/** RFC 9110, 7.6.1, and older ones: for one connection only. `proxy-…` is a prefix below. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
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

/** With the pseudo-headers of HTTP/2, which its own room takes off already. */
const NOT_FORWARDED_PREFIX =
  /^(?::|impersonate|proxy-|x-remote-|x-forwarded|x-teleport-|x-original-|x-envoy-)/

/** `Alt-Svc` would send the client around us; the others were for us. */
const NOT_ANSWERED: ReadonlySet<string> = new Set([...HOP_BY_HOP, 'alt-svc'])

const UPGRADE_PROTOCOL = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+(?:\/[A-Za-z0-9!#$%&'*+.^_`|~-]+)?$/

/** Kubernetes takes a bearer token from here (apiserver/pkg/authentication/request/websocket/protocol.go). */
const TOKEN_PROTOCOL = 'base64url.bearer.authorization.k8s.io.'

export interface ImpersonatedPrincipals {
  readonly user: string
  readonly groups: readonly string[]
}

/**
 * The headers that go to the API server: what the client sent, without hop-by-hop headers, credentials, forwarding
 * headers and any impersonation of its own, then ours. What `Connection` names is dropped from the client's headers
 * only; ours are added afterwards, so that no `Connection: Impersonate-User` can take them away (CVE-2021-31999,
 * CVE-2022-23652). A body is framed anew by whoever sends it: `Content-Length` stays only where it alone framed it.
 *
 * `rawHeaders` are alternating names and values as Node gives them, bytes as latin1; so is the result.
 * Throws KubeError HEADER_UNSAFE: without our impersonation nothing may go up, since it would go up as ourselves; and
 * for an upgrade to anything but one protocol, and more than one length.
 */
export function upstreamHeaders(request: {
  readonly rawHeaders: readonly string[]
  readonly principals: ImpersonatedPrincipals
  readonly upgrade: boolean
}): string[] {
  const { rawHeaders, principals, upgrade } = request
  const framing = framingOf(rawHeaders)
  const headers: string[] = []
  let protocol: string | null = null
  let length: string | null = null
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? ''
    const value = rawHeaders[index + 1] ?? ''
    const canonical = canonicalName(name)
    if (upgrade && canonical === 'upgrade') {
      if (protocol !== null) throw unsafe('the request asks for more than one upgrade')
      protocol = value
    }
    if (NOT_FORWARDED.has(canonical) || NOT_FORWARDED_PREFIX.test(canonical)) continue
    if (framing.named?.has(canonical) === true) continue
    if (canonical === 'content-length') {
      if (framing.chunked) continue
      if (length !== null || !DIGITS.test(value)) throw unsafe('the request has no single length')
      length = value
    }
    if (canonical === 'sec-websocket-protocol') {
      const protocols = withoutToken(value)
      if (protocols !== '') headers.push(name, protocols)
      continue
    }
    headers.push(name, value)
  }
  if (upgrade) {
    if (protocol === null || !UPGRADE_PROTOCOL.test(protocol)) {
      throw unsafe('an upgrade names exactly one protocol')
    }
    // What follows the head is the stream, or it is a body: two readers must not differ about that.
    if (framing.chunked || (length !== null && Number(length) !== 0)) {
      throw unsafe('an upgrade has no body')
    }
    headers.push('Connection', 'Upgrade', 'Upgrade', protocol)
  }
  const ours = ['Impersonate-User', textToHeader(principals.user)]
  for (const group of principals.groups) ours.push('Impersonate-Group', textToHeader(group))
  headers.push(...ours)
  assertImpersonation(headers, ours)
  return headers
}

const DIGITS = /^[0-9]+$/

/** The response's headers towards the client: hop-by-hop ones, and those that `Connection` names, end here. */
export function responseHeaders(rawHeaders: readonly string[]): string[] {
  const { named } = framingOf(rawHeaders)
  const headers: string[] = []
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? ''
    const canonical = canonicalName(name)
    if (NOT_ANSWERED.has(canonical) || canonical.startsWith('proxy-')) continue
    if (named?.has(canonical) === true) continue
    headers.push(name, rawHeaders[index + 1] ?? '')
  }
  return headers
}

interface Framing {
  /** The names that `Connection` headers list; null in the usual case of none. */
  readonly named: ReadonlySet<string> | null
  /** Whether a `Transfer-Encoding` framed the body: then a length beside it is a lie (RFC 9112, 6.3). */
  readonly chunked: boolean
}

function framingOf(rawHeaders: readonly string[]): Framing {
  let named: Set<string> | null = null
  let chunked = false
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? ''
    // Few headers have these lengths: nearly none is lowered for nothing.
    if (name.length === 10 && canonicalName(name) === 'connection') {
      named ??= new Set()
      for (const part of (rawHeaders[index + 1] ?? '').split(',')) {
        named.add(canonicalName(part.trim()))
      }
    } else if (name.length === 17 && canonicalName(name) === 'transfer-encoding') {
      chunked = true
    }
  }
  return { named, chunked }
}

/** The protocols of a WebSocket without the one that carries a token: a credential like `Authorization`. */
function withoutToken(protocols: string): string {
  if (!protocols.includes(TOKEN_PROTOCOL)) return protocols
  return protocols
    .split(',')
    .map((protocol) => protocol.trim())
    .filter((protocol) => !protocol.startsWith(TOKEN_PROTOCOL))
    .join(', ')
}

const unsafe = (why: string): KubeError => new KubeError('HEADER_UNSAFE', why)
