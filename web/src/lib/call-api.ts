import type { ApiErrorBody, BodyOf, EndpointName, ResponseOf } from '../../../src/contract/index.ts'

/** Endpoints that the web port passes on to the auth service, and where. */
const PATHS = {
  'invites.describe': '/webapi/invites/describe',
  'invites.accept': '/webapi/invites/accept',
  'recording_views.open': '/webapi/recordings/open',
} as const satisfies Partial<Record<EndpointName, string>>

/** Password hashing takes its time on a busy server; nobody waits longer than this. */
const TIMEOUT_MS = 30_000
/** Of a long recording over a slow line. */
const TEXT_TIMEOUT_MS = 10 * 60_000

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
  return understood<ResponseOf<N>>(await exchange(PATHS[name], TIMEOUT_MS, send, body))
}

/** Reads what a path of the proxy tells whoever has the cookie for it. Rejects with ApiFailure only. */
export async function readApi<T extends object>(
  path: string,
  send: typeof fetch = fetch,
): Promise<T> {
  return understood<T>(await exchange(path, TIMEOUT_MS, send))
}

/** The same for what is no JSON. */
export async function readText(path: string, send: typeof fetch = fetch): Promise<string> {
  const answer = await exchange(path, TEXT_TIMEOUT_MS, send)
  return answer.ok ? answer.text : understood(answer)
}

interface Answer {
  readonly ok: boolean
  readonly status: number
  readonly text: string
}

function understood<T extends object>({ ok, status, text }: Answer): T {
  const answer = parseJson(text)
  if (ok && isObject(answer)) return answer as T
  if (!ok && isErrorBody(answer)) throw new ApiFailure(answer.error.code, answer.error.message)
  throw new ApiFailure('NOT_UNDERSTOOD', `the proxy answered ${status} without words`)
}

async function exchange(
  path: string,
  timeoutMs: number,
  send: typeof fetch,
  body?: unknown,
): Promise<Answer> {
  const asked: RequestInit =
    body === undefined
      ? { method: 'GET' }
      : {
          method: 'POST',
          headers: { 'content-type': 'application/json', accept: 'application/json' },
          body: JSON.stringify(body),
        }
  try {
    const response = await send(path, {
      ...asked,
      cache: 'no-store',
      credentials: 'same-origin',
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    })
    return { ok: response.ok, status: response.status, text: await response.text() }
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
