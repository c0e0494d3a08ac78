import { CodedError } from '../core/index.ts'

export type TunnelErrorCode =
  | 'TUNNEL_ADDRESS_BUSY'
  | 'TUNNEL_ANNOUNCEMENT_INVALID'
  | 'TUNNEL_CONNECT_FAILED'
  | 'TUNNEL_DIAL_BACK_INVALID'
  | 'TUNNEL_NO_AGENT'
  | 'TUNNEL_PEER_REFUSED'

/** What goes wrong between an agent and a proxy; never about what travels inside. */
export class TunnelError extends CodedError<TunnelErrorCode> {
  override readonly name = 'TunnelError'
}
