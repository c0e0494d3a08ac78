import type { IncomingMessage, ServerResponse } from 'node:http'
import type { StrangerAnswer } from '../api/index.ts'

/** A token, a password and a code; more is an attack. */
const MAX_BODY_BYTES = 64 * 1024

/** Answers a request when it is for one of these routes; false when it is not. `address` is `ip:port`. */
export type WebRoute = (
  request: IncomingMessage,
  response: ServerResponse,
  address: string,
) => boolean

/** Answers a call of a page of ours: JSON by POST from this origin. What is nothing of the kind is refused before its body is read. */
export async function servePost(
  request: IncomingMessage,
  response: ServerResponse,
  call: (body: unknown) => Promise<StrangerAnswer>,
): Promise<void> {
  const refused = refusalOf(request)
  if (refused !== null) {
    // What was not read of the body must not be taken for the next request.
    response.setHeader('connection', 'close')
    if (refused.status === 405) response.setHeader('allow', 'POST')
    sendAnswer(response, refused)
    return
  }
  const text = await readBody(request)
  if (text === null) {
    response.setHeader('connection', 'close')
    sendAnswer(response, refusal(413, 'the body is too large'))
    return
  }
  const body = parseJson(text)
  sendAnswer(response, body === undefined ? refusal(400, 'the body is not JSON') : await call(body))
}

/** A refusal in the words of the web port itself. */
export const refusal = (status: number, message: string, code = 'BAD_REQUEST'): StrangerAnswer => ({
  status,
  body: { error: { code, message } },
  retryAfterS: null,
})

/** Everything that can be said before the body is read. */
function refusalOf({ method, headers }: IncomingMessage): StrangerAnswer | null {
  if (method !== 'POST') return refusal(405, 'only POST is answered here')
  if (!isSameOrigin(headers)) return refusal(403, 'only pages of this server may ask')
  const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase()
  // A form of another site cannot send this type without being asked first.
  if (type !== 'application/json') return refusal(415, 'content-type must be application/json')
  if (headers['content-encoding'] !== undefined) {
    return refusal(415, 'the body must not be compressed')
  }
  return null
}

/** Browsers say where a request comes from, and pages cannot change it. Who says nothing is no browser. */
export function isSameOrigin(headers: IncomingMessage['headers']): boolean {
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

export function sendAnswer(
  response: ServerResponse,
  { status, body, retryAfterS }: StrangerAnswer,
): void {
  response.setHeader('content-type', 'application/json')
  response.setHeader('cache-control', 'no-store')
  if (retryAfterS !== null) response.setHeader('retry-after', retryAfterS)
  response.writeHead(status).end(JSON.stringify(body))
}
