import { Agent } from 'node:https'
import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { errorMessage, formatAddress } from '../../core/index.ts'
import { MAX_UPGRADE_MESSAGE_BYTES, UPGRADE_PATH, UPGRADE_PROTOCOL } from '../../protocol/index.ts'
import { type Dial, DialingAgent } from '../dialing-agent.ts'
import { ClientError } from '../errors.ts'
import type { Profile } from '../profiles/profile.ts'
import { keepAlive } from './keep-alive.ts'

const HANDSHAKE_TIMEOUT_MS = 15_000

/** How connections to the proxy of a profile are made; undefined: by TLS of ours as it is. */
export const dialOf = ({ upgraded }: Pick<Profile, 'upgraded'>): Dial | undefined =>
  upgraded === true ? upgradeDial() : undefined

/**
 * Connects to the web port of a proxy by a WebSocket, which passes what ends TLS in front of it. `dial` makes the connection
 * below. Rejects with ClientError CONNECT_FAILED.
 *
 * The certificate of whoever ends TLS there is not verified: it may be of any authority, and all that it sees is what a gateway
 * sees, ciphertext. Who the other end is, is proven inside, by TLS that ends in the auth service or the kubernetes service.
 */
export function upgradeDial(dial?: Dial): Dial {
  return async ({ hostname, port }, signal) => {
    // Most commands need none, and are done before it would have loaded.
    const { WebSocket, createWebSocketStream } = await import('ws')
    const where = formatAddress(hostname, port)
    signal.throwIfAborted()
    const tls = {
      rejectUnauthorized: false,
      servername: isIP(hostname) === 0 ? hostname : 'localhost',
    }
    const socket = new WebSocket(`wss://${where}${UPGRADE_PATH}`, [UPGRADE_PROTOCOL], {
      agent: dial === undefined ? new Agent(tls) : new DialingAgent(tls, dial),
      perMessageDeflate: false,
      maxPayload: MAX_UPGRADE_MESSAGE_BYTES,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    })
    const stream: Duplex = createWebSocketStream(socket)
    return new Promise((resolve, reject) => {
      const giveUp = (): void => void stream.destroy(new Error('given up'))
      const fail = (error: unknown): void => {
        signal.removeEventListener('abort', giveUp)
        reject(
          new ClientError(
            'CONNECT_FAILED',
            `cannot reach ${where} by a WebSocket: ${errorMessage(error)}`,
            { cause: error, hint: 'is it the web address of a proxy, and is the proxy running?' },
          ),
        )
      }
      stream.once('error', fail)
      signal.addEventListener('abort', giveUp)
      socket.once('open', () => {
        signal.removeEventListener('abort', giveUp)
        stream.off('error', fail)
        keepAlive(socket)
        resolve(stream)
      })
    })
  }
}
