/** What one address or one person may take of a door, so that something is left for the others. */
export interface DoorLimits {
  /** Handshakes that have not ended, over all addresses; each is an accepted socket and some work of ours. */
  readonly maxHandshakes: number
  /** The same of one address. A thousand clients of one network that start together still pass. */
  readonly maxHandshakesPerAddress: number
  /** Connections whose other end proves nobody, over all addresses: they get words and leave. */
  readonly maxStrangers: number
  /** The same of one address; a fleet of robots whose certificates have expired still hears why. */
  readonly maxStrangersPerAddress: number
  /** Connections of one person or robot who is proven. A tool that gives each of its thousand watches a connection still works. */
  readonly maxConnectionsPerHolder: number
}

export const defaultDoorLimits: DoorLimits = {
  maxHandshakes: 4096,
  maxHandshakesPerAddress: 1024,
  maxStrangers: 512,
  maxStrangersPerAddress: 64,
  maxConnectionsPerHolder: 2000,
}
