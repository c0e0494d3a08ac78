import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { DialBackTicket } from '../protocol/index.ts'

/** Where a connection came from; travels beside the pipe. */
export interface Origin {
  readonly address: string
  readonly port: number
}

/** What the gateway may do with a connection whose ClientHello it has read. */
export type Route =
  /** Give the untouched connection (ClientHello unshifted) to a TLS server in this process. */
  | { readonly kind: 'local'; accept(socket: Duplex, origin: Origin): void }
  /** Pipe ciphertext to wherever `dial` leads, or else go the other way, which the client does not notice. */
  | {
      readonly kind: 'pipe'
      /** `hello` is what came so far, the ClientHello first; `client` is whose it is, for who has to know how much waits there. */
      dial(origin: Origin, signal: AbortSignal, hello: Buffer, client: Duplex): Promise<Duplex>
      /** True: whoever dials gives the hello to the far end as well. */
      readonly sendsHello?: boolean
      readonly otherwise?: Route
    }
  /** Nobody here: TLS alert `unrecognized_name`. */
  | { readonly kind: 'none' }

export interface RouteRequest {
  /** Lower case; null when the client sent none. */
  readonly serverName: string | null
  readonly alpn: readonly string[]
}

/** Who takes connections that agents dial back. */
export interface DialBacks {
  /** False: the ticket is good for nothing, and the socket as it was. */
  acceptDialBack(socket: Socket, ticket: DialBackTicket): boolean
}

/** Decides from the ClientHello alone. */
export interface Router {
  route(request: RouteRequest): Route
}
