import { request as httpRequest, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { errorMessage } from '../core/index.ts'
import type { ForwarderLimits } from './limits.ts'
import type { UpgradeConnection } from './ports.ts'

/** What the API server says to an upgrade. */
export type UpgradeAnswer =
  | {
      readonly type: 'switched'
      readonly socket: Duplex
      readonly head: Buffer
      readonly rawHeaders: readonly string[]
    }
  | RefusedUpgrade

export interface RefusedUpgrade {
  readonly type: 'refused'
  readonly status: number
  readonly rawHeaders: readonly string[]
  readonly body: Buffer
}

/** What is asked of the API server. */
export interface AskedUpgrade {
  readonly method: string
  readonly target: string
  /** Alternating names and values, with our impersonation, and with those that ask for the protocol. */
  readonly headers: readonly string[]
  readonly protocol: string
}

/** Sends the request on the fresh connection and reads the head of the answer, strictly, with Node's parser. */
export function ask(
  dialled: UpgradeConnection,
  { method, target, headers, protocol: wanted }: AskedUpgrade,
  limits: Pick<ForwarderLimits, 'maxUpgradeAnswerBytes'>,
  signal: AbortSignal,
): Promise<UpgradeAnswer> {
  const { socket, host, basePath, authorization } = dialled
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      socket.destroy()
      reject(error instanceof Error ? error : new Error(errorMessage(error)))
    }
    const outgoing = httpRequest({
      // A Duplex is all that the client uses of it.
      createConnection: () => socket,
      method,
      path: basePath + target,
      headers: [
        'Host',
        host,
        ...headers,
        ...(authorization === null ? [] : ['Authorization', authorization]),
        // Node would frame the absent body of a POST in chunks, and their end would be the stream's first bytes.
        ...(method === 'GET' || headers.some((name) => name.toLowerCase() === 'content-length')
          ? []
          : ['Content-Length', '0']),
      ],
      setHost: false,
      maxHeaderSize: 64 * 1024,
      signal,
    })
    outgoing.once('error', fail)
    outgoing.once('upgrade', (response, upgraded, head) => {
      const protocol = response.headers.upgrade ?? ''
      if (protocol.toLowerCase() !== wanted.toLowerCase()) {
        fail(
          new Error(`the API server switched to ${protocol.slice(0, 32)}, which nobody asked for`),
        )
        return
      }
      resolve({ type: 'switched', socket: upgraded, head, rawHeaders: response.rawHeaders })
    })
    outgoing.once('response', (response) => {
      if (response.statusCode === 101) {
        fail(new Error('the API server switched to nothing'))
        return
      }
      readWhole(response, limits.maxUpgradeAnswerBytes)
        .finally(() => socket.destroy())
        .then(
          (body) =>
            resolve({
              type: 'refused',
              status: response.statusCode ?? 502,
              rawHeaders: response.rawHeaders,
              body,
            }),
          reject,
        )
    })
    outgoing.end()
  })
}

export async function readWhole(response: IncomingMessage, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > limit) throw new Error('the answer of the API server to an upgrade is too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
