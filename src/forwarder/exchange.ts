import type { Duplex, Readable } from 'node:stream'

/** One request and its answer, the same for HTTP/1.1 and HTTP/2. */
export interface ClientExchange {
  readonly method: string
  readonly target: string
  /** Alternating names and values, without pseudo-headers. */
  readonly rawHeaders: readonly string[]
  /** Null when the request has none. */
  readonly body: Readable | null
  /** Set when the client asks to switch protocols (HTTP/1.1 only). */
  readonly upgrade: UpgradeRequest | null
  /** True once nothing more can be sent. */
  readonly closed: boolean
  /** Sends the head of the answer. `headers` alternates; call once. */
  respond(status: number, headers: readonly string[], flush: boolean): void
  /** The chunk is the caller's again when this returns. False: wait for `onDrain`. */
  write(chunk: Buffer): boolean
  /** Ends the answer, with a last piece. */
  end(last: Buffer | null): void
  /** Says before the answer that it is the connection's last one. */
  last(): void
  /** Breaks the answer, so that the client sees that it is not whole. */
  reset(): void
  onDrain(listener: () => void): void
  /** Called once when the client is gone, or the exchange was reset, before the answer was finished. */
  onAbort(listener: () => void): void
  /** Called once when nothing is left to do: the last byte has gone to the client, or the exchange broke. */
  onClosed(listener: () => void): void
}

export interface UpgradeRequest {
  /** The wanted protocol, as the client wrote it. */
  readonly protocol: string
  readonly socket: Duplex
  /** What the client sent behind its request. */
  readonly head: Buffer
}
