import type { Duplex } from 'node:stream'
import type { KubeClusterRegistry } from '../../api/index.ts'
import { errorMessage, type Logger } from '../../core/index.ts'
import { connectTcp } from '../../dial/index.ts'
import { parseAddress } from '../config/address.ts'

/** Kubernetes services that proxies reach by themselves: those with an address in the registry. */
export interface DirectWays {
  serves(serverName: string): boolean
  /** Tries one service after the other. Rejects when none takes the connection. */
  dial(serverName: string, signal: AbortSignal): Promise<Duplex>
}

export function createDirectWays(
  registry: Pick<KubeClusterRegistry, 'serving'>,
  log: Logger,
): DirectWays {
  const addressesOf = (serverName: string): string[] =>
    registry.serving(serverName).flatMap(({ address }) => address ?? [])
  return {
    serves: (serverName) => addressesOf(serverName).length > 0,
    async dial(serverName, signal) {
      let last: unknown = new Error('no kubernetes service has an address any more')
      for (const text of addressesOf(serverName)) {
        const address = parseAddress(text, { host: '', port: 0 })
        if (address === null) continue
        try {
          return await connectTcp({ hostname: address.host, port: address.port }, signal)
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
