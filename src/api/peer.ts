import type { Socket } from 'node:net'
import type { PeerCertificate } from '../ca/index.ts'

/** What is known of the other end of an API connection: proven by TLS, or told by the listener. */
export interface Peer {
  readonly certificate: PeerCertificate
  /** `ip:port`. */
  readonly address: string
  /** Whether the certificate was worth something when the connection began; who has none gets one answer. */
  readonly proven: boolean
}

/** The peers of open sockets: the listener writes, the server reads; no header can. */
export type PeerTable = WeakMap<Socket, Peer>
