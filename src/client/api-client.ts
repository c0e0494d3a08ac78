import { Agent, request } from 'node:https'
import {
  type BodyOf,
  buildPath,
  type Endpoint,
  type EndpointName,
  endpoints,
  type ParamsOf,
  type QueryOf,
  type ResponseOf,
} from '../contract/index.ts'
import { errorCode, errorMessage } from '../core/index.ts'
import { ApiCallError, ClientError } from './errors.ts'

/** Where the auth service is, and who we are to it. */
export interface ApiConnection {
  readonly host: string
  readonly port: number
  /** The name in the auth service's certificate. */
  readonly serverName: string
  /** PEM. */
  readonly hostCa: string
  readonly certificate: string
  readonly privateKey: string
}

/** Answers are pages of resources; more means that the other end is not the auth service. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024
/** A call is one look-up or one write; what takes longer will not come. */
const CALL_TIMEOUT_MS = 60_000

type InputOf<N extends EndpointName> = (object extends ParamsOf<N>
  ? { readonly params?: ParamsOf<N> }
  : { readonly params: ParamsOf<N> }) &
  (BodyOf<N> extends undefined ? object : { readonly body: BodyOf<N> }) & {
    readonly query?: QueryOf<N>
  }

/** Calls the management API; requests and answers have the contract's types. */
export class ApiClient implements Disposable {
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

  /**
   * Rejects with ApiCallError when the auth service refuses, and with ClientError when it cannot be reached, is not
   * who it should be, or answers with something else than the contract says.
   */
  async call<N extends EndpointName>(name: N, input: InputOf<N>): Promise<ResponseOf<N>> {
    const endpoint: Endpoint = endpoints[name]
    const given = input as {
      params?: Readonly<Record<string, string>>
      query?: Readonly<Record<string, unknown>>
      body?: unknown
    }
    const path = buildPath(endpoint, given.params ?? {}) + queryText(given.query ?? {})
    const body = given.body === undefined ? null : JSON.stringify(given.body)
    const answer = await this.#exchange(endpoint.method, path, body)
    const parsed = parseJson(answer.text)
    if (answer.status >= 200 && answer.status < 300) return parsed as ResponseOf<N>
    const refusal = refusalOf(parsed)
    if (refusal === null) {
      throw new ClientError(
        'BAD_ANSWER',
        `unexpected answer ${answer.status} from the auth service`,
      )
    }
    throw new ApiCallError(answer.status, refusal.code, refusal.message)
  }

  [Symbol.dispose](): void {
    this.#agent.destroy()
  }

  #exchange(
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
    const { host, port } = this.#connection
    const code = errorCode(error) ?? ''
    if (code.startsWith('ERR_TLS') || code.startsWith('CERT_') || TRUST_CODES.has(code)) {
      return new ClientError(
        'SERVER_NOT_TRUSTED',
        `the server at ${host}:${port} is not the expected auth service: ${errorMessage(error)}`,
        { cause: error, hint: 'is another Teleport cluster running on this port?' },
      )
    }
    return new ClientError(
      'CONNECT_FAILED',
      `cannot reach the auth service at ${host}:${port}: ${errorMessage(error)}`,
      { cause: error, hint: 'is it running? start it with "teleport start"' },
    )
  }
}

const TRUST_CODES: ReadonlySet<string> = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
])

function queryText(query: Readonly<Record<string, unknown>>): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) search.set(name, String(value))
  }
  const text = search.toString()
  return text === '' ? '' : `?${text}`
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new ClientError('BAD_ANSWER', 'the auth service answered with something else than JSON', {
      cause: error,
    })
  }
}

function refusalOf(answer: unknown): { code: string; message: string } | null {
  if (typeof answer !== 'object' || answer === null || !('error' in answer)) return null
  const { error } = answer
  if (typeof error !== 'object' || error === null) return null
  if (!('code' in error) || !('message' in error)) return null
  return { code: String(error.code), message: String(error.message) }
}
