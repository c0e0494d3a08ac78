import type { BodyOf, EndpointName, ParamsOf, QueryOf, ResponseOf } from '../contract/index.ts'
import { errorMessage } from '../core/index.ts'
import type { ApiConnection } from './api-connection.ts'
import { ApiCallError, ClientError } from './errors.ts'
import type { Answer } from './exchange.ts'
import { type ApiTransport, HttpsTransport } from './https-transport.ts'
import { pathOf, routes } from './routes.ts'

type InputOf<N extends EndpointName> = (object extends ParamsOf<N>
  ? { readonly params?: ParamsOf<N> }
  : { readonly params: ParamsOf<N> }) &
  (BodyOf<N> extends undefined ? object : { readonly body: BodyOf<N> }) & {
    readonly query?: QueryOf<N>
  }

/** Calls the management API; requests and answers have the contract's types. */
export class ApiClient implements Disposable {
  readonly #connection: ApiConnection
  readonly #transport: ApiTransport

  constructor(connection: ApiConnection, transport: ApiTransport = new HttpsTransport(connection)) {
    this.#connection = connection
    this.#transport = transport
  }

  /**
   * Rejects with ApiCallError when the auth service refuses, and with ClientError when it cannot be reached, is not
   * who it should be, or answers with something else than the contract says.
   */
  async call<N extends EndpointName>(name: N, input: InputOf<N>): Promise<ResponseOf<N>> {
    const begun = performance.now()
    const done = (outcome: string): void =>
      this.#connection.onCall?.(name, outcome, performance.now() - begun)
    try {
      const result = await this.#call(name, input)
      done('ok')
      return result
    } catch (error) {
      done(errorMessage(error))
      throw error
    }
  }

  [Symbol.dispose](): void {
    this.#transport[Symbol.dispose]()
  }

  async #call<N extends EndpointName>(name: N, input: InputOf<N>): Promise<ResponseOf<N>> {
    const given = input as {
      params?: Readonly<Record<string, string>>
      query?: Readonly<Record<string, unknown>>
      body?: unknown
    }
    const path = pathOf(name, given.params ?? {}) + queryText(given.query ?? {})
    const [method, , form] = routes[name]
    const answer = await this.#transport.exchange(method, path, encodeBody(given.body))
    if (form === 'bytes' && isGood(answer)) return answer.bytes as unknown as ResponseOf<N>
    return readAnswer(answer, (status) => this.#hintOf(status)) as ResponseOf<N>
  }

  #hintOf(status: number): string | null {
    const { hints } = this.#connection
    if (status === 401) return hints?.unauthenticated ?? null
    return status === 403 ? (hints?.denied ?? null) : null
  }
}

/** What an answer of the management API holds. Throws ApiCallError for a refusal, ClientError BAD_ANSWER for anything else. */
export function readAnswer(
  answer: Answer,
  hintOf: (status: number) => string | null = () => null,
): unknown {
  const parsed = parseJson(answer.bytes.toString('utf8'))
  if (isGood(answer)) return parsed
  const refusal = refusalOf(parsed)
  if (refusal === null) {
    throw new ClientError('BAD_ANSWER', `unexpected answer ${answer.status} from the auth service`)
  }
  throw new ApiCallError(answer.status, refusal.code, refusal.message, hintOf(answer.status))
}

const isGood = ({ status }: Answer): boolean => status >= 200 && status < 300

function encodeBody(body: unknown): string | Uint8Array | null {
  if (body === undefined) return null
  return body instanceof Uint8Array ? body : JSON.stringify(body)
}

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
