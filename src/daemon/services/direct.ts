import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { PeerCertificateParser } from '../../ca/index.ts'
import { type Clock, errorMessage, followSignals, type Logger } from '../../core/index.ts'
import { connectTcp } from '../../dial/index.ts'
import type { Origin } from '../../gateway/index.ts'
import { parseAddress } from '../config/address.ts'
import { introduce, type ProxyCredentials } from '../introduce.ts'
import { HostConnections } from './host-connections.ts'

/** Kubernetes services that proxies reach by themselves: those with an address of their own. */
export interface DirectWays {
  serves(serverName: string): boolean
  /** Tries one service after the other. Rejects when none takes the connection. */
  dial(serverName: string, origin: Origin, signal: AbortSignal): Promise<Duplex>
}

/** A service whose machine is gone answers nothing at all; the next one is asked meanwhile. */
const ONE_DIAL_MS = 3000

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
  const { addressesOf, credentials, peers, log } = options
  const open = new HostConnections({
    ...options,
    service: 'kube',
    words: 'a connection to a kubernetes service is cut',
  })
  /** Throws when who answers is not to be trusted. */
  const admit = (socket: TLSSocket): void => {
    const verdict = open.take(socket, peers.parse(socket.getPeerCertificate().raw))
    if (!verdict.ok) throw new Error(`who answers there is refused: ${verdict.message}`)
  }
  return {
    serves: (serverName) => addressesOf(serverName).length > 0,
    async dial(serverName, origin, signal) {
      let last: unknown = new Error('no kubernetes service has an address any more')
      for (const text of addressesOf(serverName)) {
        const address = parseAddress(text, { host: '', port: 0 })
        if (address === null) continue
        using following = followSignals([signal, AbortSignal.timeout(ONE_DIAL_MS)])
        const soon = following.signal
        try {
          const by = await credentials()
          const below = await connectTcp({ hostname: address.host, port: address.port }, soon)
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
