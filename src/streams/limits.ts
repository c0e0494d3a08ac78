/** Numbers of the streams of a session, each with its reason. */
export interface StreamLimits {
  /** For a SPDY client to open its streams, and for an API server to accept ours: kubelet's number. */
  readonly openTimeoutMs: number
  /** Of one WebSocket message: as much as API servers take (golang.org/x/net/websocket). Programs write a whole file at once; its bytes go on as they come. */
  readonly maxMessageBytes: number
  /** Of one that is kept until it is whole: base64 as text, which few clients speak. */
  readonly maxTextBytes: number
  /** Fragments in which a client may send one: the largest at 4 KiB each, which libraries of Go write, twice. */
  readonly maxMessageFragments: number
  /** Of the Status that ends a command. */
  readonly maxStatusBytes: number
  /** Of the size of a terminal: it has some 30. */
  readonly maxSizeBytes: number
  /** For a client that got everything to close a stream, and for one that was sent away to go. */
  readonly lingerMs: number
  /** For a client that is to get its last bytes and close the connection, takes none of them and says nothing. */
  readonly stallMs: number
  /** For all of that: whoever neither reads nor goes holds a session no longer. At 10 KiB a second it is what kernels keep of a connection. */
  readonly closeMs: number
  /** A client whose bytes wait, as nobody takes them, is asked so often whether it is there. */
  readonly probeMs: number
  /** Of one port-forward, at once: kubectl opens one for each of its own. */
  readonly maxConnections: number
  /** Of what is said on one connection's error stream; what is longer is cut. kubelet's words are a few hundred. */
  readonly maxErrorBytes: number
}

export const defaultStreamLimits: StreamLimits = {
  openTimeoutMs: 30_000,
  maxMessageBytes: 32 * 1024 * 1024,
  maxTextBytes: 1024 * 1024,
  maxMessageFragments: 16 * 1024,
  maxStatusBytes: 64 * 1024,
  maxSizeBytes: 1024,
  lingerMs: 2_000,
  stallMs: 60_000,
  closeMs: 15 * 60_000,
  probeMs: 15_000,
  maxConnections: 1000,
  maxErrorBytes: 4 * 1024,
}
