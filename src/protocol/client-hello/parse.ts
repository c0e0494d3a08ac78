import { ProtocolError, type ProtocolErrorCode } from '../errors.ts'
import { Reader } from '../reader.ts'

/** kubectl with a post-quantum key share sends about 1,500 bytes, browsers up to 2,000; four times that is no client. */
export const MAX_CLIENT_HELLO_BYTES = 16 * 1024

/** What the first message of a TLS connection says about where it wants to go (RFC 8446, 4.1.2). */
export interface ClientHello {
  /** Lower case, without a dot at the end; null when the client sent no server name. */
  readonly serverName: string | null
  /** RFC 7301, in the client's order; empty when it sent none (`kubectl exec` does not). */
  readonly alpn: readonly string[]
}

export type ParsedClientHello =
  | { readonly status: 'needMore' }
  | { readonly status: 'ok'; readonly hello: ClientHello }
  | { readonly status: 'error'; readonly error: ProtocolError }

const RECORD_HANDSHAKE = 22
const HANDSHAKE_CLIENT_HELLO = 1
const EXTENSION_SERVER_NAME = 0
const EXTENSION_ALPN = 16
const HOST_NAME = 0
/** RFC 8446, 5.1: a record holds at most 2^14 bytes. */
const MAX_RECORD_BYTES = 16 * 1024

/** Labels of 1 to 63, with dots between them. */
const HOST_NAME_TEXT =
  /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/

const HTTP_METHOD = /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|CONNECT|TRACE|PRI) /

/**
 * Reads a ClientHello from the first bytes of a connection, which may be any part of it, spread over any number of
 * records. What two readers could understand differently is an error: a server name twice, or one that is no host name.
 */
export function parseClientHello(bytes: Buffer): ParsedClientHello {
  const collected = collectHandshake(bytes)
  if (collected.status !== 'ok') return collected
  const hello = readHello(collected.body)
  return 'code' in hello ? { status: 'error', error: hello } : { status: 'ok', hello }
}

type Collected =
  | { readonly status: 'needMore' }
  | { readonly status: 'ok'; readonly body: Buffer }
  | { readonly status: 'error'; readonly error: ProtocolError }

/** Joins the records of the first handshake message. */
function collectHandshake(bytes: Buffer): Collected {
  const parts: Buffer[] = []
  let have = 0
  let want: number | null = null
  let at = 0
  while (want === null || have < want) {
    if (at > MAX_CLIENT_HELLO_BYTES)
      return failure('HELLO_TOO_LARGE', 'the ClientHello is too large')
    const first = bytes[at]
    if (first === undefined) return { status: 'needMore' }
    if (first !== RECORD_HANDSHAKE) return notTls(bytes, at)
    const major = bytes[at + 1]
    if (major !== undefined && major !== 3) return notTls(bytes, at)
    if (bytes.length < at + 5) return { status: 'needMore' }
    const length = bytes.readUInt16BE(at + 3)
    if (length === 0 || length > MAX_RECORD_BYTES) {
      return failure('HELLO_MALFORMED', `a TLS record of ${length} bytes`)
    }
    const fragment = bytes.subarray(at + 5, at + 5 + length)
    parts.push(fragment)
    have += fragment.length
    if (want === null && have >= 4) {
      const head = joined(parts, have)
      if (head[0] !== HANDSHAKE_CLIENT_HELLO) {
        return failure('HELLO_MALFORMED', 'the first TLS message is not a ClientHello')
      }
      // Judged as soon as it is read, before anything of that length is kept.
      want = 4 + head.readUIntBE(1, 3)
      if (want > MAX_CLIENT_HELLO_BYTES)
        return failure('HELLO_TOO_LARGE', 'the ClientHello is too large')
    }
    if (fragment.length < length && (want === null || have < want)) return { status: 'needMore' }
    at += 5 + length
  }
  const message = joined(parts, have)
  if (have > want) return failure('HELLO_MALFORMED', 'bytes follow the ClientHello in its record')
  return { status: 'ok', body: message.subarray(4, want) }
}

/** Almost every ClientHello comes in one record, and is not copied. */
function joined(parts: readonly Buffer[], length: number): Buffer {
  const [first] = parts
  return first !== undefined && parts.length === 1 ? first : Buffer.concat(parts, length)
}

function notTls(bytes: Buffer, at: number): Collected {
  if (at > 0) return failure('HELLO_MALFORMED', 'the ClientHello is interrupted')
  const text = bytes.subarray(0, 16).toString('latin1')
  if (HTTP_METHOD.test(text)) return failure('HELLO_PLAIN_HTTP', 'plain HTTP on a TLS port')
  // Three letters decide nothing yet; wait while it may become a method.
  if (/^[A-Z]{1,7}$/.test(text) && bytes.length < 8) return { status: 'needMore' }
  return failure('HELLO_NOT_TLS', 'this is not TLS')
}

function readHello(body: Buffer): ClientHello | ProtocolError {
  const reader = new Reader(body)
  const version = reader.number(2)
  const random = reader.slice(32)
  const session = reader.vector(1)
  const suites = reader.vector(2)
  const compressions = reader.vector(1)
  const truncated = [version, random, session, suites, compressions].some((part) => part === null)
  if (truncated) return malformed('the ClientHello is cut short')
  if (reader.rest === 0) return { serverName: null, alpn: [] }
  const extensions = reader.vector(2)
  if (extensions === null || reader.rest !== 0)
    return malformed('the length of the extensions is wrong')
  return readExtensions(extensions)
}

function readExtensions(bytes: Buffer): ClientHello | ProtocolError {
  const reader = new Reader(bytes)
  const seen = new Set<number>()
  let serverName: string | null = null
  let alpn: readonly string[] = []
  while (reader.rest > 0) {
    const type = reader.number(2)
    const data = reader.vector(2)
    if (type === null || data === null) return malformed('an extension is cut short')
    // RFC 8446, 4.2: not more than one of each type.
    if (seen.has(type)) return malformed(`extension ${type} is there twice`)
    seen.add(type)
    if (type === EXTENSION_SERVER_NAME) {
      const name = readServerName(data)
      if (typeof name !== 'string') return name
      serverName = name
    } else if (type === EXTENSION_ALPN) {
      const protocols = readAlpn(data)
      if (!Array.isArray(protocols)) return protocols as ProtocolError
      alpn = protocols
    }
  }
  return { serverName, alpn }
}

/** RFC 6066, 3: a list with one host_name. */
function readServerName(data: Buffer): string | ProtocolError {
  const outer = new Reader(data)
  const list = outer.vector(2)
  if (list === null || outer.rest !== 0) return malformed('the server name is cut short')
  const reader = new Reader(list)
  const type = reader.number(1)
  const name = reader.vector(2)
  if (type !== HOST_NAME || name === null || reader.rest !== 0) {
    return malformed('the server name is not one host name')
  }
  const text = name.toString('latin1').toLowerCase()
  if (!isHostName(text)) return malformed('the server name is not a host name')
  return text
}

/** Letters, digits, hyphens, underscores and dots; RFC 6066 forbids addresses and the dot at the end. */
function isHostName(text: string): boolean {
  if (text.length === 0 || text.length > 253) return false
  return HOST_NAME_TEXT.test(text) && !/^[\d.]+$/.test(text)
}

function readAlpn(data: Buffer): readonly string[] | ProtocolError {
  const outer = new Reader(data)
  const list = outer.vector(2)
  if (list === null || outer.rest !== 0 || list.length === 0)
    return malformed('the ALPN list is wrong')
  const reader = new Reader(list)
  const protocols: string[] = []
  while (reader.rest > 0) {
    const protocol = reader.vector(1)
    if (protocol === null || protocol.length === 0) return malformed('the ALPN list is wrong')
    protocols.push(protocol.toString('latin1'))
  }
  return protocols
}

const malformed = (why: string): ProtocolError => new ProtocolError('HELLO_MALFORMED', why)
const failure = (
  code: ProtocolErrorCode,
  why: string,
): { status: 'error'; error: ProtocolError } => ({
  status: 'error',
  error: new ProtocolError(code, why),
})
