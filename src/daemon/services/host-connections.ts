import type { Duplex } from 'node:stream'
import type { PeerCertificate, PeerRefusalCode } from '../../ca/index.ts'
import type { Clock, Logger } from '../../core/index.ts'
import type { HostService } from '../../identity/index.ts'

/** As often as tunnels are looked at: whoever is removed is cut off either way within seconds. */
const LOOK_MS = 1000

export interface HostConnectionsOptions {
  /** What the other end must be. */
  readonly service: HostService
  /** What is said when one is cut. */
  readonly words: string
  readonly clock: Clock
  readonly log: Logger
  /** For tests. */
  readonly lookMs?: number
}

export type HostVerdict =
  | { readonly ok: true; readonly hostId: string }
  | { readonly ok: false; readonly code: PeerRefusalCode; readonly message: string }

/** Connections to other services of ours: each ends with the right of the other end to be one. */
export class HostConnections {
  readonly #options: HostConnectionsOptions
  readonly #open = new Map<Duplex, PeerCertificate>()
  #looking: NodeJS.Timeout | null = null

  constructor(options: HostConnectionsOptions) {
    this.#options = options
  }

  /** Whether the other end is a service of ours now; if so, the connection is kept an eye on until it closes. */
  take(socket: Duplex, peer: PeerCertificate): HostVerdict {
    const { service, clock, lookMs = LOOK_MS } = this.#options
    const verdict = judge(peer, service, clock.now())
    if (!verdict.ok || socket.destroyed) return verdict
    this.#open.set(socket, peer)
    socket.once('close', () => {
      this.#open.delete(socket)
      if (this.#open.size > 0 || this.#looking === null) return
      clearInterval(this.#looking)
      this.#looking = null
    })
    this.#looking ??= setInterval(() => this.#look(), lookMs).unref()
    return verdict
  }

  #look(): void {
    const { service, clock, log, words } = this.#options
    const nowMs = clock.now()
    for (const [socket, peer] of this.#open) {
      const verdict = judge(peer, service, nowMs)
      // A certificate that has ended was renewed long before; who came by the old one may stay.
      if (verdict.ok || verdict.code !== 'CERT_REVOKED') continue
      log.warn({ reason: verdict.message }, words)
      socket.destroy(new Error(verdict.message))
    }
  }
}

function judge(peer: PeerCertificate, service: HostService, nowMs: number): HostVerdict {
  const verdict = peer.judge(nowMs)
  if (!verdict.ok) return verdict
  const { identity } = verdict
  if (identity.kind === 'host' && identity.services.includes(service)) {
    return { ok: true, hostId: identity.hostId }
  }
  return { ok: false, code: 'CERT_WRONG_KIND', message: `it is no ${SERVICES[service]}` }
}

const SERVICES: Readonly<Record<HostService, string>> = {
  auth: 'auth service',
  proxy: 'proxy',
  kube: 'kubernetes service',
}
