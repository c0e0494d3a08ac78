import { WebSocket } from 'ws'
import { errorMessage } from '../core/index.ts'
import { type AskedUpgrade, type RefusedUpgrade, readWhole } from './ask-upgrade.ts'
import type { ForwarderLimits } from './limits.ts'
import type { UpgradeConnection } from './ports.ts'

export type WebSocketAnswer =
  | { readonly type: 'standing'; readonly socket: WebSocket }
  | RefusedUpgrade

/** client-go's messages have 32 KiB; API servers send what a container's pipe gives, 32 KiB too. */
const MAX_MESSAGE_BYTES = 1024 * 1024

/** Asks for a WebSocket on the fresh connection; `protocol` is its subprotocol. Nothing is read of it before the caller listens. */
export function askWebSocket(
  { socket: connection, host, basePath, authorization }: UpgradeConnection,
  { target, headers, protocol }: Omit<AskedUpgrade, 'method'>,
  limits: Pick<ForwarderLimits, 'maxUpgradeAnswerBytes'>,
  signal: AbortSignal,
): Promise<WebSocketAnswer> {
  return new Promise((resolve, reject) => {
    // Path and host are put right below: a URL would write them anew.
    const socket = new WebSocket('ws://kube/', protocol, {
      createConnection: () => connection,
      headers: {
        ...grouped(headers),
        host,
        ...(authorization === null ? {} : { authorization }),
      },
      perMessageDeflate: false,
      maxPayload: MAX_MESSAGE_BYTES,
      finishRequest: (request) => {
        request.path = basePath + target
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
