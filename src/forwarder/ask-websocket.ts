import type { IncomingMessage } from 'node:http'
import { WebSocket } from 'ws'
import { errorMessage } from '../core/index.ts'
import { type AskedUpgrade, type RefusedUpgrade, readWhole } from './ask-upgrade.ts'
import type { ForwarderLimits } from './limits.ts'
import type { UpgradeConnection } from './ports.ts'

export type WebSocketAnswer =
  | { readonly type: 'standing'; readonly socket: WebSocket }
  | RefusedUpgrade

const SUBPROTOCOL = 'sec-websocket-protocol'

/** client-go's messages have 32 KiB; API servers send what a container's pipe gives, 32 KiB too. */
const MAX_MESSAGE_BYTES = 1024 * 1024
/** Pieces and fragments in which one may come: each costs some hundred bytes besides its own. */
const MAX_MESSAGE_PIECES = 2048
const MAX_MESSAGE_FRAGMENTS = 1024

/**
 * Asks for a WebSocket on the fresh connection; `protocol` is its subprotocol. Nothing is read of it before the caller listens.
 *
 * The library refuses a name with a `/` in it, which the tunnel of port-forward has (KEP-4006): so the subprotocol is asked for, and
 * the answer judged, beside it.
 */
export function askWebSocket(
  { socket: connection, host, basePath, authorization }: UpgradeConnection,
  { target, headers, protocol }: Omit<AskedUpgrade, 'method'>,
  limits: Pick<ForwarderLimits, 'maxUpgradeAnswerBytes'>,
  signal: AbortSignal,
): Promise<WebSocketAnswer> {
  return new Promise((resolve, reject) => {
    let isSpoken = false
    // Path and host are put right below: a URL would write them anew.
    const socket = new WebSocket('ws://kube/', {
      createConnection: () => connection,
      headers: {
        ...grouped(headers),
        host,
        ...(authorization === null ? {} : { authorization }),
      },
      perMessageDeflate: false,
      maxPayload: MAX_MESSAGE_BYTES,
      maxBufferedChunks: MAX_MESSAGE_PIECES,
      maxFragments: MAX_MESSAGE_FRAGMENTS,
      finishRequest: (request) => {
        request.path = basePath + target
        request.setHeader('Sec-WebSocket-Protocol', protocol)
        request.prependListener('upgrade', (response: IncomingMessage) => {
          isSpoken = response.headers[SUBPROTOCOL] === protocol
          delete response.headers[SUBPROTOCOL]
        })
        request.end()
      },
    })
    const onAbort = (): void => {
      connection.destroy()
      reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'))
    }
    signal.addEventListener('abort', onAbort, { once: true })
    const settled = (): void => signal.removeEventListener('abort', onAbort)
    socket.once('open', () => {
      settled()
      if (!isSpoken) {
        connection.destroy()
        reject(new Error(`the API server took a WebSocket, but not for ${protocol}`))
        return
      }
      socket.pause()
      resolve({ type: 'standing', socket })
    })
    socket.on('error', (error) => {
      settled()
      connection.destroy()
      reject(error)
    })
    socket.once('unexpected-response', (_request, response) => {
      readWhole(response, limits.maxUpgradeAnswerBytes)
        .finally(() => {
          settled()
          connection.destroy()
        })
        .then(
          (body) =>
            resolve({
              type: 'refused',
              status: response.statusCode ?? 502,
              rawHeaders: response.rawHeaders,
              body,
            }),
          (error: unknown) =>
            reject(error instanceof Error ? error : new Error(errorMessage(error))),
        )
    })
  })
}

/** Lines with one name become one entry with several values, which Node writes as several lines again. */
function grouped(headers: readonly string[]): Record<string, string | string[]> {
  const entries = new Map<string, string[]>()
  for (let index = 0; index < headers.length; index += 2) {
    const name = (headers[index] ?? '').toLowerCase()
    entries.set(name, [...(entries.get(name) ?? []), headers[index + 1] ?? ''])
  }
  return Object.fromEntries(
    [...entries].map(([name, values]) => [name, values.length === 1 ? (values[0] ?? '') : values]),
  )
}
