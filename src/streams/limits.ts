/** Numbers of a command's streams, each with its reason. */
export interface StreamLimits {
  /** For a SPDY client to open its streams: kubelet's number. */
  readonly openTimeoutMs: number
  /** Of one WebSocket message: client-go writes 32 KiB at a time, others a little more. */
  readonly maxMessageBytes: number
  /** Of the Status that ends a command. */
  readonly maxStatusBytes: number
  /** For a client that got everything to close the connection. */
  readonly lingerMs: number
}

export const defaultStreamLimits: StreamLimits = {
  openTimeoutMs: 30_000,
  maxMessageBytes: 1024 * 1024,
  maxStatusBytes: 64 * 1024,
  lingerMs: 2_000,
}
