import { CodedError } from '../../core/index.ts'

export type WebSocketErrorCode =
  /** Not a frame, or one that may not come here. */
  | 'WEBSOCKET_MALFORMED'
  /** More than is taken of one message. */
  | 'WEBSOCKET_TOO_LARGE'
  /** Text that is no UTF-8. */
  | 'WEBSOCKET_NOT_TEXT'

/** RFC 6455, 7.4.1: what the peer is told when its connection is closed for it. */
const CLOSE_CODES: Readonly<Record<WebSocketErrorCode, number>> = {
  WEBSOCKET_MALFORMED: 1002,
  WEBSOCKET_TOO_LARGE: 1009,
  WEBSOCKET_NOT_TEXT: 1007,
}

/** Nothing that follows on the connection can be understood. */
export class WebSocketError extends CodedError<WebSocketErrorCode> {
  override readonly name = 'WebSocketError'

  get closeCode(): number {
    return CLOSE_CODES[this.code]
  }
}
