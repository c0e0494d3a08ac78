import { CodedError } from '../../core/index.ts'
import type { GoAwayStatus } from './frame.ts'

export type SpdyErrorCode =
  | 'SPDY_FRAME_TOO_LARGE'
  | 'SPDY_FRAME_MALFORMED'
  | 'SPDY_VERSION_UNSUPPORTED'
  | 'SPDY_HEADERS_MALFORMED'
  | 'SPDY_HEADERS_TOO_LARGE'
  | 'SPDY_STREAM_REFUSED'

/**
 * Bytes that are not SPDY, or more than is taken: the connection cannot be understood any more. The peer is told with GOAWAY. What
 * concerns one stream only is no error but an event of the session.
 */
export class SpdyError extends CodedError<SpdyErrorCode> {
  override readonly name = 'SpdyError'
  readonly goAwayStatus: GoAwayStatus = 'protocolError'
}
