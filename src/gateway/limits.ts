export interface GatewayLimits {
  /** From the first byte expected to the whole ClientHello; on a bad mobile line it takes two seconds. */
  readonly helloTimeoutMs: number
  /** Connections without a whole ClientHello, over all addresses: what a flood may hold at once. */
  readonly maxPendingHellos: number
  /** The same for one address, so that one flooder does not use up everybody's share. */
  readonly maxPendingHellosPerAddress: number
  /** Connections that are routed, over all addresses; each costs two sockets when piped. */
  readonly maxConnections: number
  /** To reach the far end of a pipe. */
  readonly dialTimeoutMs: number
  /** How long a connection that is over on our side is kept, so that its last bytes arrive before the reset. */
  readonly lingerMs: number
  /** How long whoever reads slowly has for what came before the far end closed: as long as the end of a session is kept for him. */
  readonly lastBytesMs: number
}

export const defaultGatewayLimits: GatewayLimits = {
  helloTimeoutMs: 10_000,
  maxPendingHellos: 4096,
  maxPendingHellosPerAddress: 512,
  maxConnections: 50_000,
  dialTimeoutMs: 10_000,
  lingerMs: 1000,
  lastBytesMs: 15 * 60_000,
}

/** TCP probes an idle connection after this, so that a watch that is silent for hours is noticed when it is dead. */
export const KEEP_ALIVE_AFTER_MS = 30_000
