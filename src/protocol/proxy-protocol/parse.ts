import { canonicalHost } from '../../core/index.ts'
import { ProtocolError, type ProtocolErrorCode } from '../errors.ts'
import { isIPv4, isIPv6 } from './ip-address.ts'
import { V2_SIGNATURE } from './signature.ts'

/** The longest version 2 header that is read; TLVs beyond the addresses are skipped, not kept. */
export const MAX_PROXY_HEADER_BYTES = 4096
/** The specification's own limit of a version 1 line, its end included. */
const MAX_V1_BYTES = 107

/** Who connected to the load balancer in front. */
export interface ProxySource {
  readonly address: string
  readonly port: number
}

export type ParsedProxyHeader =
  | { readonly status: 'needMore' }
  /** `source` is null for the balancer's own connections (LOCAL, UNKNOWN): the socket's address holds. */
  | { readonly status: 'ok'; readonly source: ProxySource | null; readonly consumed: number }
  | { readonly status: 'error'; readonly error: ProtocolError }

const V1_BEGIN = Buffer.from('PROXY ', 'latin1')

/** Reads a PROXY protocol header, version 1 or 2, from the first bytes of a connection. */
export function parseProxyHeader(bytes: Buffer): ParsedProxyHeader {
  if (startsWithPart(bytes, V2_SIGNATURE)) {
    return bytes.length < 16 ? { status: 'needMore' } : parseV2(bytes)
  }
  if (startsWithPart(bytes, V1_BEGIN)) return parseV1(bytes)
  return failure('PROXY_HEADER_MISSING', 'there is no PROXY protocol header')
}

const startsWithPart = (bytes: Buffer, wanted: Buffer): boolean => {
  const length = Math.min(bytes.length, wanted.length)
  return bytes.subarray(0, length).equals(wanted.subarray(0, length))
}

function parseV1(bytes: Buffer): ParsedProxyHeader {
  const end = bytes.subarray(0, MAX_V1_BYTES).indexOf('\r\n')
  if (end === -1) {
    return bytes.length >= MAX_V1_BYTES
      ? failure('PROXY_HEADER_MALFORMED', 'the PROXY line has no end')
      : { status: 'needMore' }
  }
  const [, family, source = '', , port = '', ...rest] = bytes
    .subarray(0, end)
    .toString('latin1')
    .split(' ')
  const consumed = end + 2
  if (family === 'UNKNOWN') return { status: 'ok', source: null, consumed }
  const known = (family === 'TCP4' && isIPv4(source)) || (family === 'TCP6' && isIPv6(source))
  const number = Number(port)
  if (!known || rest.length !== 1 || !/^\d{1,5}$/.test(port) || number > 65_535) {
    return failure('PROXY_HEADER_MALFORMED', 'the PROXY line is not one of version 1')
  }
  return { status: 'ok', source: { address: canonicalHost(source), port: number }, consumed }
}

function parseV2(bytes: Buffer): ParsedProxyHeader {
  const versionCommand = bytes.readUInt8(12)
  const family = bytes.readUInt8(13)
  const length = bytes.readUInt16BE(14)
  const consumed = 16 + length
  if (versionCommand >> 4 !== 2 || (versionCommand & 15) > 1) {
    return failure('PROXY_HEADER_MALFORMED', 'the PROXY header has an unknown version or command')
  }
  if (consumed > MAX_PROXY_HEADER_BYTES) {
    return failure('PROXY_HEADER_MALFORMED', 'the PROXY header is too long')
  }
  if (bytes.length < consumed) return { status: 'needMore' }
  const local = (versionCommand & 15) === 0
  const body = bytes.subarray(16, consumed)
  if (local || family === 0x00) return { status: 'ok', source: null, consumed }
  if (family === 0x11 && body.length >= 12) {
    const address = [...body.subarray(0, 4)].join('.')
    return { status: 'ok', source: { address, port: body.readUInt16BE(8) }, consumed }
  }
  if (family === 0x21 && body.length >= 36) {
    const groups = Array.from({ length: 8 }, (_, index) =>
      body.readUInt16BE(index * 2).toString(16),
    )
    // A balancer on a socket for both families writes IPv4 as a part of IPv6.
    const address = canonicalHost(groups.join(':'))
    return { status: 'ok', source: { address, port: body.readUInt16BE(32) }, consumed }
  }
  return failure('PROXY_HEADER_MALFORMED', 'the PROXY header is not about TCP')
}

const failure = (
  code: ProtocolErrorCode,
  why: string,
): { status: 'error'; error: ProtocolError } => ({
  status: 'error',
  error: new ProtocolError(code, why),
})
