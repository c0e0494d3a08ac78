import type { ApiErrorBody, BodyOf, EndpointName, ResponseOf } from '../../../src/contract/index.ts'

/** Endpoints that the web port passes on to the auth service, and where. */
const PATHS = {
  'invites.describe': '/webapi/invites/describe',
  'invites.accept': '/webapi/invites/accept',
} as const satisfies Partial<Record<EndpointName, string>>

/** Password hashing takes its time on a busy server; nobody waits longer than this. */
const TIMEOUT_MS = 30_000

/**
 * Why a call failed. `code` is the server's (docs/errors.md), or `UNREACHABLE` when nothing answered, `NOT_UNDERSTOOD`
 * when something else than the API did.
 */
export class ApiFailure extends Error {
  override readonly name = 'ApiFailure'
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** Calls an endpoint of the proxy that served the page. Rejects with ApiFailure only. */
export async function callApi<N extends keyof typeof PATHS>(
  name: N,
  body: BodyOf<N>,
  send: typeof fetch = fetch,
): Promise<ResponseOf<N>> {
  const { ok, status, answer } = await exchange(PATHS[name], body, send)
  if (ok && isObject(answer)) return answer as ResponseOf<N>
  if (!ok && isErrorBody(answer)) throw new ApiFailure(answer.error.code, answer.error.message)
  throw new ApiFailure('NOT_UNDERSTOOD', `the proxy answered ${status} without words`)
}

async function exchange(
  path: string,
  body: unknown,
  send: typeof fetch,
): Promise<{ ok: boolean; status: number; answer: unknown }> {
  try {
    const response = await send(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify(body),
      cache: 'no-store',
      credentials: 'same-origin',
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    const text = await response.text()
    return { ok: response.ok, status: response.status, answer: parseJson(text) }
  } catch (error) {
    throw new ApiFailure('UNREACHABLE', 'the proxy does not answer', { cause: error })
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

const isErrorBody = (value: unknown): value is ApiErrorBody =>
  isObject(value) &&
  'error' in value &&
  isObject(value.error) &&
  'code' in value.error &&
  typeof value.error.code === 'string' &&
  'message' in value.error &&
  typeof value.error.message === 'string'
