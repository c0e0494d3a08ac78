const MIB = 1024 * 1024

/** Numbers of a tunnel's both ends, each with its reason. Node's defaults are a remote kill switch here (docs/decisions/0023). */
export interface TunnelLimits {
  /**
   * TCP, an HTTP proxy, and the TLS handshake together. When thousands come back at once, each waits for the handshakes of those
   * before: who gives up sooner makes all of it in vain.
   */
  readonly connectTimeoutMs: number
  /** The TLS handshake at the proxy's end. */
  readonly handshakeTimeoutMs: number
  /** Tunnels of a proxy process, and how many of them one host may hold: one a worker, and the old one while it drains. */
  readonly maxTunnels: number
  readonly maxTunnelsPerHost: number
  /** Cluster names that one agent may announce, and the bytes of such an announcement (a name and its certificate: 1.2 kB). */
  readonly maxNames: number
  readonly maxAnnouncementBytes: number
  /**
   * How long an agent is not heard for each name that it had to be asked the proof of: judging one takes a tenth of that, and what an agent
   * says meanwhile waits with it, where only the last word counts.
   */
  readonly provingRestMs: number
  /** Connections of people in one tunnel at once. Node would take 100 until it is told otherwise. */
  readonly maxStreams: number
  /** Connections of one source address (of IPv6: one /64) at once, over all tunnels: an office behind one address still works. */
  readonly maxStreamsPerAddress: number
  /** Window of one stream: 1 MiB moves 20 MB/s at 50 ms, where the protocol's 64 KiB move 1.3. */
  readonly streamWindowBytes: number
  /** What a stream keeps however many there are. */
  readonly minStreamWindowBytes: number
  /** Window of the tunnel: never narrower than a busy stream or sixty. What is stalled does not count in it. */
  readonly tunnelWindowBytes: number
  /** What all stalled readers of a tunnel may leave in our memory: the windows of its streams shrink to keep it. */
  readonly tunnelMemoryBytes: number
  /**
   * The same for one source address, over all tunnels and dial-backs of a proxy, and what waits in people's own sockets: beyond it, its
   * fullest connection is cut.
   */
  readonly addressMemoryBytes: number
  /** Where Node refuses streams; its own 10 MB is used up by 151 stalled readers. */
  readonly sessionMemoryMib: number
  /** Connections that people break off: nghttp2 ends a session at 1,000, 33 more a second. Who can send them is a proxy. */
  readonly streamResetBurst: number
  readonly streamResetRate: number
  /**
   * Frames that came too late for their stream, and streams that came when there were as many as may be: Node counts both for the
   * whole life of a session, and ends it at 1,000 and 100. A tunnel has one such frame for every few connections that people close.
   */
  readonly sessionMisfits: number
  /** Silence after which the proxy asks by PING, and after which a peer is dead. The sum with `lookMs` stays below 15 s. */
  readonly pingAfterMs: number
  readonly deadAfterMs: number
  /** How often both ends look at silence, windows and memory. */
  readonly lookMs: number
  /** For one agent to take a connection; and how many agents are asked for one. */
  readonly openTimeoutMs: number
  readonly maxAttempts: number
  /** For a connection that an agent is to dial back to come: longer, and the person's goes as a stream of the tunnel. */
  readonly dialBackTimeoutMs: number
  /** Dial-backs that wait for people, of a tunnel that people use: as many as came in the last second, within these bounds. */
  readonly minWarm: number
  readonly maxWarm: number
  /** Dial-backs on order at once, of one tunnel and of all. */
  readonly maxOrdered: number
  readonly maxTickets: number
  /**
   * Orders of one tunnel in a second, so many at once as well; beyond it people go as streams. Strangers' hellos order too, and an
   * agent that closes first keeps the port for a minute: of its 28,000 ports to one address, those of four tunnels fill 24,000.
   */
  readonly maxOrdersPerSecond: number
  /** So many in a row that did not come or stayed silent, and no more are ordered for a while, which grows to the second number. */
  readonly maxMisses: number
  readonly dialBackRestMs: number
  readonly maxDialBackRestMs: number
  /** Looks without people after which a tunnel keeps no warm ones. */
  readonly idleLooks: number
  /** TCP probes a silent dial-back after this: firewalls on the way forget connections, and a warm one that is dead helps nobody. */
  readonly dialBackKeepAliveMs: number
  /** An agent that failed a connection is asked last for so long. */
  readonly distrustMs: number
  /** Waits before an agent dials again: a random part of twice as much each time, and never more than the second number. */
  readonly backoffMs: number
  readonly maxBackoffMs: number
  /** A tunnel that lived so long was a good one: the next wait is a short one. */
  readonly steadyAfterMs: number
  /**
   * A balancer that leads to the same proxy again is asked again after a random part of up to so long; and how long a link waits
   * for another one to come back before it takes its place.
   */
  readonly maxSpareMs: number
  readonly spareLookMs: number
  /** Proxies that an agent keeps tunnels to; a further address of one counts as another when there is room for it. */
  readonly maxProxies: number
}

export const defaultTunnelLimits: TunnelLimits = {
  connectTimeoutMs: 30_000,
  handshakeTimeoutMs: 30_000,
  maxTunnels: 20_000,
  maxTunnelsPerHost: 16,
  maxNames: 2000,
  maxAnnouncementBytes: 4 * MIB,
  provingRestMs: 2,
  maxStreams: 20_000,
  maxStreamsPerAddress: 5000,
  streamWindowBytes: MIB,
  minStreamWindowBytes: 64 * 1024,
  tunnelWindowBytes: 64 * MIB,
  tunnelMemoryBytes: 256 * MIB,
  addressMemoryBytes: 128 * MIB,
  sessionMemoryMib: 1024,
  streamResetBurst: 100_000,
  streamResetRate: 10_000,
  sessionMisfits: 0xffff_ffff,
  pingAfterMs: 7000,
  deadAfterMs: 13_500,
  lookMs: 1000,
  openTimeoutMs: 3000,
  maxAttempts: 3,
  dialBackTimeoutMs: 1000,
  minWarm: 2,
  maxWarm: 16,
  maxOrdered: 64,
  maxTickets: 4096,
  maxOrdersPerSecond: 100,
  maxMisses: 3,
  dialBackRestMs: 5000,
  maxDialBackRestMs: 600_000,
  idleLooks: 60,
  dialBackKeepAliveMs: 10_000,
  distrustMs: 10_000,
  backoffMs: 250,
  maxBackoffMs: 4000,
  steadyAfterMs: 10_000,
  maxSpareMs: 120_000,
  spareLookMs: 1500,
  maxProxies: 32,
}
