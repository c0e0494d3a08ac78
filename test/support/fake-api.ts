import { ApiCallError, ApiClient, type ApiTransport } from '../../src/client/index.ts'
import {
  type BodyOf,
  type Endpoint,
  type EndpointName,
  endpoints,
  type ResponseOf,
} from '../../src/contract/index.ts'

interface FakeCall<N extends EndpointName> {
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
  readonly body: BodyOf<N>
}

/** What each endpoint answers; one that is missing answers 404. A refusal is thrown. */
export type FakeHandlers = {
  readonly [N in EndpointName]?: (call: FakeCall<N>) => ResponseOf<N> | Promise<ResponseOf<N>>
}

export const refusal = (status: number, code: string, message: string): ApiCallError =>
  new ApiCallError(status, code, message)

/** The real client over a transport that answers from functions. `calls` are the names of what was called. */
export class FakeApi {
  readonly calls: EndpointName[] = []
  readonly #handlers: FakeHandlers

  constructor(handlers: FakeHandlers) {
    this.#handlers = handlers
  }

  client(): ApiClient {
    const transport: ApiTransport = {
      exchange: (method, path, body) => this.#answer(method, path, body),
      [Symbol.dispose]: () => {},
    }
    return new ApiClient(
      { host: 'h', port: 1, serverName: 's', hostCa: '', certificate: '', privateKey: '' },
      transport,
    )
  }

  async #answer(
    method: string,
    path: string,
    body: string | Uint8Array | null,
  ): Promise<{ status: number; bytes: Buffer }> {
    const url = new URL(path, 'https://fake')
    const found = find(method, url.pathname)
    if (found === null) throw new Error(`no such endpoint: ${method} ${path}`)
    this.calls.push(found.name)
    const handler = this.#handlers[found.name] as ((call: unknown) => Promise<unknown>) | undefined
    try {
      if (handler === undefined) throw refusal(404, 'NOT_FOUND', `nothing at ${path}`)
      const answer = await handler({
        params: found.params,
        query: Object.fromEntries(url.searchParams),
        body: typeof body === 'string' ? (JSON.parse(body) as unknown) : body,
      })
      const bytes = answer instanceof Uint8Array ? answer : JSON.stringify(answer)
      return { status: 200, bytes: Buffer.from(bytes as string) }
    } catch (error) {
      if (!(error instanceof ApiCallError)) throw error
      const { code, message } = error
      const text = JSON.stringify({ error: { code, message } })
      return { status: error.status, bytes: Buffer.from(text) }
    }
  }
}

function find(
  method: string,
  path: string,
): { name: EndpointName; params: Record<string, string> } | null {
  for (const name of Object.keys(endpoints) as EndpointName[]) {
    const endpoint: Endpoint = endpoints[name]
    const pattern = endpoint.path.replace(/:([a-z_]+)/g, '(?<$1>[^/]+)')
    const match = new RegExp(`^${pattern}$`).exec(path)
    if (endpoint.method !== method || match === null) continue
    const params = Object.entries(match.groups ?? {}).map(([key, value]) => [
      key,
      decodeURIComponent(value),
    ])
    return { name, params: Object.fromEntries(params) as Record<string, string> }
  }
  return null
}
