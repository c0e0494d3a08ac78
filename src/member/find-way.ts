import { type Dial, needsUpgrade, type Upgrade, upgradeDial } from '../client/index.ts'
import { formatAddress, type Logger } from '../core/index.ts'

/**
 * How connections to proxies are made: as they are, or inside a WebSocket where something in front of them ends TLS. With `auto`
 * that is found out by the first connection that somebody answers, and stays so for the life of the process.
 */
export function findWay(options: {
  /** Web ports of proxies. */
  readonly addresses: readonly { readonly host: string; readonly port: number }[]
  readonly dial: Dial
  readonly upgrade: Upgrade
  readonly log: Logger
  readonly signal: AbortSignal
}): Dial {
  const { addresses, dial, upgrade, log, signal } = options
  if (upgrade === 'never') return dial
  const inside = upgradeDial(dial)
  if (upgrade === 'always') return inside
  let found: Dial | null = null
  let looking: Promise<void> | null = null
  const look = async (): Promise<void> => {
    for (const { host, port } of addresses) {
      const text = formatAddress(host, port)
      try {
        const isUpgraded = await needsUpgrade({ host, port, text }, { dial, signal })
        found = isUpgraded ? inside : dial
        if (isUpgraded) {
          log.info(
            { proxy: text },
            'TLS ends in front of the proxy: connections go inside a WebSocket (TELEPORT_TLS_ROUTING_CONN_UPGRADE=no forbids it)',
          )
        }
        return
      } catch {
        // Who connects now hears from the connection itself what is wrong; the next one looks again.
      }
    }
  }
  return async (address, aborted) => {
    if (found === null) {
      looking ??= look().finally(() => {
        looking = null
      })
      await unlessAborted(looking, aborted)
      aborted.throwIfAborted()
    }
    return (found ?? dial)(address, aborted)
  }
}

/** Whoever gives up does not wait for what he will not use; the others do. */
function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      signal.removeEventListener('abort', done)
      resolve()
    }
    void work.then(done)
    signal.addEventListener('abort', done)
    if (signal.aborted) done()
  })
}
