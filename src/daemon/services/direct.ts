import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { PeerCertificate, PeerCertificateParser, PeerRefusalCode } from '../../ca/index.ts'
import { type Clock, errorMessage, type Logger } from '../../core/index.ts'
import { connectTcp } from '../../dial/index.ts'
import type { Origin } from '../../gateway/index.ts'
import { parseAddress } from '../config/address.ts'
import { introduce, type ProxyCredentials } from '../introduce.ts'

/** Kubernetes services that proxies reach by themselves: those with an address of their own. */
export interface DirectWays {
  serves(serverName: string): boolean
  /** Tries one service after the other. Rejects when none takes the connection. */
  dial(serverName: string, origin: Origin, signal: AbortSignal): Promise<Duplex>
}

/** A service whose machine is gone answers nothing at all; the next one is asked meanwhile. */
const ONE_DIAL_MS = 3000
/** As often as tunnels are looked at: whoever is removed is cut off either way within seconds. */
const LOOK_MS = 1000

export interface DirectWaysOptions {
  /** host:port of the services of a cluster, in the order in which they are asked. */
  readonly addressesOf: (serverName: string) => readonly string[]
  /** Who this proxy is. */
  readonly credentials: () => Promise<ProxyCredentials>
  /** Judges certificates of hosts, by who is locked out or removed as well. */
  readonly peers: PeerCertificateParser
  readonly clock: Clock
  readonly log: Logger
  /** For tests. */
  readonly lookMs?: number
}

export function createDirectWays(options: DirectWaysOptions): DirectWays {
  const { addressesOf, credentials, log } = options
  const pipes = new OpenPipes(options)
  return {
    serves: (serverName) => addressesOf(serverName).length > 0,
    async dial(serverName, origin, signal) {
      let last: unknown = new Error('no kubernetes service has an address any more')
      for (const text of addressesOf(serverName)) {
        const address = parseAddress(text, { host: '', port: 0 })
        if (address === null) continue
        const soon = AbortSignal.any([signal, AbortSignal.timeout(ONE_DIAL_MS)])
        try {
          const below = await connectTcp({ hostname: address.host, port: address.port }, soon)
          const by = await credentials()
          const admit = (socket: TLSSocket): void => pipes.admit(socket)
          return await introduce(below, {
            serverName,
            credentials: by,
            origin,
            signal: soon,
            admit,
          })
        } catch (error) {
          last = error
          log.warn(
            { address: text, error: errorMessage(error) },
            'a kubernetes service is not reached',
          )
          if (signal.aborted) break
        }
      }
      throw last
    },
  }
}

/** What is open to services that were dialled, so that it ends with their right to be one. */
class OpenPipes {
  readonly #options: DirectWaysOptions
  readonly #open = new Map<Duplex, PeerCertificate>()
  #looking: NodeJS.Timeout | null = null

  constructor(options: DirectWaysOptions) {
    this.#options = options
  }

  /** Throws when who answers is not to be trusted. */
  admit(socket: TLSSocket): void {
    const { peers, clock, lookMs = LOOK_MS } = this.#options
    const peer = peers.parse(socket.getPeerCertificate().raw)
    const problem = problemOf(peer, clock.now())
    if (problem !== null) throw new Error(problem.message)
    this.#open.set(socket, peer)
    socket.once('close', () => {
      this.#open.delete(socket)
      if (this.#open.size > 0 || this.#looking === null) return
      clearInterval(this.#looking)
      this.#looking = null
    })
    this.#looking ??= setInterval(() => this.#look(), lookMs).unref()
  }

  #look(): void {
    const { clock, log } = this.#options
    const nowMs = clock.now()
    for (const [socket, peer] of this.#open) {
      const problem = problemOf(peer, nowMs)
      // A certificate that has ended was renewed long before; who came by the old one may stay.
      if (problem?.code !== 'CERT_REVOKED') continue
      log.warn({ reason: problem.message }, 'a connection to a kubernetes service is cut')
      socket.destroy(new Error(problem.message))
    }
  }
}

function problemOf(
  peer: PeerCertificate,
  nowMs: number,
): { readonly code: PeerRefusalCode; readonly message: string } | null {
  const verdict = peer.judge(nowMs)
  if (!verdict.ok) return verdict
  const { identity } = verdict
  if (identity.kind === 'host' && identity.services.includes('kube')) return null
  return { code: 'CERT_WRONG_KIND', message: 'what answers there is no kubernetes service' }
}
