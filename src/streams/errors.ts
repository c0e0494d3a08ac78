import { CodedError, errorMessage } from '../core/index.ts'

export type StreamErrorCode =
  /** What came is not what the protocol says. */
  | 'STREAM_MALFORMED'
  /** A client opened its connection and not its streams. */
  | 'STREAM_NOT_OPENED'
  /** The connection broke. */
  | 'STREAM_BROKEN'

/** Why the streams of a command ended other than by their protocol. */
export class StreamError extends CodedError<StreamErrorCode> {
  override readonly name = 'StreamError'
}

export const broken = (error: unknown): StreamError =>
  new StreamError('STREAM_BROKEN', `the connection broke: ${errorMessage(error)}`, { cause: error })

/** kubectl takes a SPDY connection that ends early for success; nobody who comes through here does. */
export const cutShort = (): StreamError =>
  new StreamError('STREAM_BROKEN', 'the API server closed before it said how the command ended')
