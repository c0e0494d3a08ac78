import type { Duplex } from 'node:stream'

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
      dial(origin: Origin, signal: AbortSignal): Promise<Duplex>
      readonly otherwise?: Route
    }
  /** Nobody here: TLS alert `unrecognized_name`. */
  | { readonly kind: 'none' }

export interface RouteRequest {
  /** Lower case; null when the client sent none. */
  readonly serverName: string | null
  readonly alpn: readonly string[]
}

/** Decides from the ClientHello alone. */
export interface Router {
  route(request: RouteRequest): Route
}
