import type { IncomingMessage, ServerResponse } from 'node:http'
import type { InviteAnswer, InvitePort } from '../api/index.ts'

/** A token, a password and a code; more is an attack. */
const MAX_BODY_BYTES = 64 * 1024

/** Answers a request when it is for one of these routes; false when it is not. `address` is `ip:port`. */
export type WebRoute = (
  request: IncomingMessage,
  response: ServerResponse,
  address: string,
) => boolean

/**
 * `POST /webapi/invites/describe` and `/accept`: the pages behind links of `tctl users add` and `reset`. JSON in and out,
 * without cookies and for pages of this origin only; nothing of an answer is kept anywhere.
 */
export function createInviteRoutes(invites: InvitePort): WebRoute {
  const routes = new Map<string, InvitePort['describe']>([
    ['/webapi/invites/describe', (body, address) => invites.describe(body, address)],
    ['/webapi/invites/accept', (body, address) => invites.accept(body, address)],
  ])
  return (request, response, address) => {
    const call = routes.get(request.url ?? '')
    if (call === undefined) return false
    void serve(request, response, (body) => call(body, address))
    return true
  }
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  call: (body: unknown) => Promise<InviteAnswer>,
): Promise<void> {
  const refused = refusalOf(request)
  if (refused !== null) {
    // What was not read of the body must not be taken for the next request.
    response.setHeader('connection', 'close')
    if (refused.status === 405) response.setHeader('allow', 'POST')
    send(response, { status: refused.status, body: errorBody(refused.message), retryAfterS: null })
    return
  }
  const text = await readBody(request)
  if (text === null) {
    response.setHeader('connection', 'close')
    send(response, { status: 413, body: errorBody('the body is too large'), retryAfterS: null })
    return
  }
  const body = parseJson(text)
  send(
    response,
    body === undefined
      ? { status: 400, body: errorBody('the body is not JSON'), retryAfterS: null }
      : await call(body),
  )
}

/** Everything that can be said before the body is read. */
function refusalOf({ method, headers }: IncomingMessage): {
  status: number
  message: string
} | null {
  if (method !== 'POST') return { status: 405, message: 'only POST is answered here' }
  if (!sameOrigin(headers)) return { status: 403, message: 'only pages of this server may ask' }
  const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase()
  // A form of another site cannot send this type without being asked first.
  if (type !== 'application/json') {
    return { status: 415, message: 'content-type must be application/json' }
  }
  if (headers['content-encoding'] !== undefined) {
    return { status: 415, message: 'the body must not be compressed' }
  }
  return null
}

/** Browsers say where a POST comes from, and pages cannot change it. Who says nothing is no browser. */
function sameOrigin(headers: IncomingMessage['headers']): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin') return false
  const { origin, host } = headers
  return origin === undefined || (host !== undefined && origin === `https://${host}`)
}

/** Null when it is longer than it may be. An aborted body is an empty one: nobody hears the answer. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of request) {
      const piece = chunk as Buffer
      bytes += piece.length
      if (bytes > MAX_BODY_BYTES) return null
      chunks.push(piece)
    }
  } catch {
    return ''
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Undefined for what is no JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

function send(response: ServerResponse, { status, body, retryAfterS }: InviteAnswer): void {
  response.setHeader('content-type', 'application/json')
  response.setHeader('cache-control', 'no-store')
  if (retryAfterS !== null) response.setHeader('retry-after', retryAfterS)
  response.writeHead(status).end(JSON.stringify(body))
}

const errorBody = (message: string): { error: { code: string; message: string } } => ({
  error: { code: 'BAD_REQUEST', message },
})
