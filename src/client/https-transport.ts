import { Agent, request } from 'node:https'
import { errorCode, errorMessage, formatAddress } from '../core/index.ts'
import type { ApiConnection } from './api-connection.ts'
import { ClientError } from './errors.ts'

/** Answers are pages of resources; more means that the other end is not the auth service. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024
/** A call is one look-up or one write; what takes longer will not come. */
const CALL_TIMEOUT_MS = 60_000

/** One request and its answer. Rejects with ClientError when there is none. */
export interface ApiTransport extends Disposable {
  exchange(
    method: string,
    path: string,
    body: string | null,
  ): Promise<{ readonly status: number; readonly text: string }>
}

/** Requests over mutual TLS, to the name that the host CA must have certified. */
export class HttpsTransport implements ApiTransport {
  readonly #connection: ApiConnection
  readonly #agent: Agent

  constructor(connection: ApiConnection) {
    this.#connection = connection
    this.#agent = new Agent({
      keepAlive: true,
      maxSockets: 4,
      ca: connection.hostCa,
      cert: connection.certificate,
      key: connection.privateKey,
      servername: connection.serverName,
      minVersion: 'TLSv1.3',
    })
  }

  [Symbol.dispose](): void {
    this.#agent.destroy()
  }

  exchange(
    method: string,
    path: string,
    body: string | null,
  ): Promise<{ status: number; text: string }> {
    const { host, port } = this.#connection
    return new Promise((resolve, reject) => {
      const outgoing = request(
        {
          agent: this.#agent,
          host,
          port,
          method,
          path,
          timeout: CALL_TIMEOUT_MS,
          headers:
            body === null
              ? { accept: 'application/json' }
              : {
                  accept: 'application/json',
                  'content-type': 'application/json',
                  'content-length': Buffer.byteLength(body),
                },
        },
        (incoming) => {
          const chunks: Buffer[] = []
          let bytes = 0
          incoming.on('data', (chunk: Buffer) => {
            bytes += chunk.length
            if (bytes > MAX_ANSWER_BYTES) {
              outgoing.destroy(new ClientError('BAD_ANSWER', 'the answer is too large'))
              return
            }
            chunks.push(chunk)
          })
          incoming.on('end', () =>
            resolve({
              status: incoming.statusCode ?? 0,
              text: Buffer.concat(chunks).toString('utf8'),
            }),
          )
          incoming.on('error', (error) => reject(this.#explain(error)))
        },
      )
      outgoing.on('timeout', () =>
        outgoing.destroy(new ClientError('CONNECT_FAILED', 'no answer within a minute')),
      )
      outgoing.on('error', (error) => reject(this.#explain(error)))
      outgoing.end(body ?? undefined)
    })
  }

  #explain(error: Error): Error {
    if (error instanceof ClientError) return error
    const { host, port, hints } = this.#connection
    const address = formatAddress(host, port)
    const code = errorCode(error) ?? ''
    if (/^(?:ERR_TLS|ERR_SSL|EPROTO|CERT_)/.test(code) || TRUST_CODES.has(code)) {
      return new ClientError(
        'SERVER_NOT_TRUSTED',
        `the server at ${address} is not the expected auth service: ${tlsWords(error)}`,
        {
          cause: error,
          hint: hints?.untrusted ?? 'is another Teleport cluster running on this port?',
        },
      )
    }
    return new ClientError(
      'CONNECT_FAILED',
      `cannot reach the auth service at ${address}: ${errorMessage(error)}`,
      {
        cause: error,
        hint: hints?.unreachable ?? 'is it running? start it with "teleport start"',
      },
    )
  }
}

/** OpenSSL's words without its file names and numbers, and without Node's advice to trust whatever the machine trusts. */
function tlsWords(error: Error): string {
  const message = errorMessage(error)
  const [, reason] = /:SSL routines:[^:]*:([^:]+):/.exec(message) ?? []
  return reason ?? message.split(';')[0] ?? message
}

const TRUST_CODES: ReadonlySet<string> = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
])
